#include "debug-file.h"

#include "file.h"

#include <fcntl.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace suture {

namespace {

/** The file that was named, if there is one; then, as for the part that dwz made debug files share, the usual places. */
int findDebugFile(Dwfl_Module* module, void** userData, const char* name, Dwarf_Addr base, const char* fileName, const char* link, GElf_Word checksum, char** found) {
  auto* given = static_cast<std::string*>(*userData);
  if (given == nullptr || given->empty()) return dwfl_standard_find_debuginfo(module, userData, name, base, fileName, link, checksum, found);
  const std::string path = std::exchange(*given, "");
  *found = ::strdup(path.c_str());
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

char* debugFilePath = nullptr;  // libdwfl's default: the file's folder, its .debug folder, /usr/lib/debug
const Dwfl_Callbacks callbacks = {
  .find_elf = dwfl_build_id_find_elf,
  .find_debuginfo = findDebugFile,
  .section_address = dwfl_offline_section_address,
  .debuginfo_path = &debugFilePath,
};

std::string actOn(const std::string& path) { return "Cannot read the debug information of " + path; }

Error cannotOpen(const std::string& path, int number) {
  const Json data = {{"path", path}};
  if (number == ENOENT || number == ENOTDIR) {
    return {ErrorKind::fileNotFound, actOn(path) + ": there is no such file", data};
  }
  const ErrorKind kind = number == EACCES || number == EPERM ? ErrorKind::notPermitted : ErrorKind::fileNotFound;
  return {kind, actOn(path) + ": " + std::strerror(number), data};
}

Error notSuitable(const std::string& path, const std::string& found) {
  return {ErrorKind::badElf, actOn(path) + ": " + found, {{"path", path}}};
}

Result<File> openElf(const std::string& path) {
  File file = openFile(path, O_RDONLY | O_NONBLOCK);
  if (!file.isOpen()) return cannotOpen(path, errno);
  struct stat status;
  if (::fstat(file.fd(), &status) != 0 || !S_ISREG(status.st_mode)) return notSuitable(path, "it is not a file");

  Elf64_Ehdr header = {};
  const bool isRead = ::pread(file.fd(), &header, sizeof header, 0) == ssize_t{sizeof header};
  if (!isRead || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return notSuitable(path, "it is not an ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return notSuitable(path, "it is a 32-bit ELF file");
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    return notSuitable(path, "it is neither a program nor a shared library (ELF type " + std::to_string(header.e_type) + ")");
  }
  return file;
}

std::string toHex(const unsigned char* bits, ssize_t length) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (ssize_t i = 0; i < length; ++i) {
    text += digits[bits[i] >> 4];
    text += digits[bits[i] & 15];
  }
  return text;
}

std::string buildIdOf(Dwfl_Module* module) {
  const unsigned char* bits = nullptr;
  GElf_Addr at;
  const int length = dwfl_module_build_id(module, &bits, &at);
  return toHex(bits, length);
}

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};

std::string buildIdOf(int fd) {
  elf_version(EV_CURRENT);
  const std::unique_ptr<Elf, EndElf> elf(elf_begin(fd, ELF_C_READ_MMAP, nullptr));
  const void* bits = nullptr;
  const ssize_t length = elf ? dwelf_elf_gnu_build_id(elf.get(), &bits) : -1;
  return toHex(static_cast<const unsigned char*>(bits), length);
}

/** A file that was named has to belong to the program; those that are looked for are checked by libdwfl. */
std::optional<Error> checkGiven(const std::string& path, const File& file, const std::string& debugPath) {
  Result<File> debug = openElf(debugPath);
  if (!debug.ok()) return debug.error();
  const std::string own = buildIdOf(file.fd());
  const std::string other = buildIdOf(debug.value().fd());
  if (!own.empty() && own == other) return std::nullopt;
  const std::string found = other.empty() ? "has no build-id" : "is of build-id " + other;
  return Error{ErrorKind::buildIdMismatch, actOn(path) + ": it has build-id " + (own.empty() ? "none" : own) + ", and " + debugPath + " " + found,
               {{"path", path}, {"debugFile", debugPath}, {"buildId", own}, {"debugBuildId", other}}};
}

/** In a file without DWARF that can be read: what there is instead. */
std::string instead(Elf* elf) {
  size_t names = 0;
  if (elf == nullptr || elf_getshdrstrndx(elf, &names) != 0) return "";
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    const std::string_view title = name == nullptr ? "" : name;
    GElf_Chdr compression;
    const bool isCompressed = title == ".debug_info" && gelf_getchdr(section, &compression) != nullptr;
    if (isCompressed && compression.ch_type != ELFCOMPRESS_ZLIB) {
      return " that can be read: it is compressed in a way (type " + std::to_string(compression.ch_type) + ") that this libdw does not know; decompress it with objcopy --decompress-debug-sections";
    }
    if (title == ".gnu_debugdata") return " but .gnu_debugdata, which holds names of functions only";
  }
  return "";
}

/** A debug file that was named, and of which nothing can be read. */
std::string insteadIn(const std::string& debugFile) {
  const Result<File> file = openElf(debugFile);
  if (!file.ok()) return "";
  const std::unique_ptr<Elf, EndElf> elf(elf_begin(file.value().fd(), ELF_C_READ_MMAP, nullptr));
  return instead(elf.get());
}

Error noDebugInformation(const std::string& path, const std::string& debugFile, Dwfl_Module* module) {
  const std::string id = buildIdOf(module);
  if (!debugFile.empty()) {
    const std::string found = ": " + debugFile + " has none" + insteadIn(debugFile);
    return {ErrorKind::noDebugInformation, actOn(path) + found, {{"path", path}, {"debugFile", debugFile}, {"buildId", id}}};
  }
  Dwarf_Addr bias;
  std::string found = ": the file has none" + instead(dwfl_module_getelf(module, &bias));
  if (id.size() > 2) found += ", and there is no /usr/lib/debug/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
  found += "; install its debug package or build it with -g";
  return {ErrorKind::noDebugInformation, actOn(path) + found, {{"path", path}, {"buildId", id}}};
}

std::vector<FileRange> executableSegments(Elf* elf) {
  std::vector<FileRange> segments;
  size_t count = 0;
  if (elf == nullptr || elf_getphdrnum(elf, &count) != 0) return segments;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr) continue;
    if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) {
      segments.push_back({header.p_vaddr, header.p_vaddr + header.p_memsz});
    }
  }
  return segments;
}

Error sharedPartMissing(const std::string& path, const char* name) {
  return {ErrorKind::noDebugInformation, actOn(path) + ": it shares parts with " + name + " (dwz), which is not there; install the package that holds it",
          {{"path", path}, {"missing", name}}};
}

/** The file that holds what dwz took out of this one and others, where there is one. */
const char* sharedPart(Dwarf* dwarf) {
  const char* name = nullptr;
  const void* buildId = nullptr;
  return dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &buildId) > 0 ? name : nullptr;
}

}  // namespace

Result<DebugFile> DebugFile::open(const std::string& path, const std::string& debugFile) {
  const File file = TRY(openElf(path));
  if (!debugFile.empty()) {
    if (std::optional<Error> error = checkGiven(path, file, debugFile)) return *error;
  }

  DebugFile opened;
  opened.given_ = std::make_unique<std::string>(debugFile);
  opened.session_.reset(dwfl_begin(&callbacks));
  if (!opened.session_) return Error{ErrorKind::internal, actOn(path) + ": " + dwfl_errmsg(-1)};
  // libdwfl keeps a descriptor of its own when it takes the file.
  File given(::fcntl(file.fd(), F_DUPFD_CLOEXEC, 0));
  Dwfl_Module* module = dwfl_report_offline(opened.session_.get(), path.c_str(), path.c_str(), given.fd());
  if (module == nullptr) return notSuitable(path, dwfl_errmsg(-1));
  given.release();
  void** userData = nullptr;
  dwfl_module_info(module, &userData, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  if (userData != nullptr) *userData = opened.given_.get();
  dwfl_report_end(opened.session_.get(), nullptr, nullptr);

  Dwarf_Addr bias;
  opened.dwarf_ = dwfl_module_getdwarf(module, &bias);
  if (opened.dwarf_ == nullptr) return noDebugInformation(path, debugFile, module);

  const char* shared = sharedPart(opened.dwarf_);
  if (shared != nullptr && dwarf_getalt(opened.dwarf_) == nullptr) return sharedPartMissing(path, shared);

  const char* from = nullptr;
  dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, &from);
  opened.from_ = from == nullptr ? path : from;
  opened.code_ = executableSegments(dwfl_module_getelf(module, &bias));
  return opened;
}

bool DebugFile::isCode(uint64_t at) const {
  return at != 0 && std::any_of(code_.begin(), code_.end(), [at](const FileRange& range) { return range.start <= at && at < range.end; });
}

}  // namespace suture
