#include "debug-file.h"

#include "file.h"

#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace suture {

namespace {

char* debugFilePath = nullptr;  // libdwfl's default: the file's folder, its .debug folder, /usr/lib/debug
const Dwfl_Callbacks callbacks = {
  .find_elf = dwfl_build_id_find_elf,
  .find_debuginfo = dwfl_standard_find_debuginfo,
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

std::string buildIdOf(Dwfl_Module* module) {
  const unsigned char* bits = nullptr;
  GElf_Addr at;
  const int length = dwfl_module_build_id(module, &bits, &at);
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < length; ++i) {
    text += digits[bits[i] >> 4];
    text += digits[bits[i] & 15];
  }
  return text;
}

Error noDebugInformation(const std::string& path, Dwfl_Module* module) {
  const std::string id = buildIdOf(module);
  std::string found = ": the file has none";
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

}  // namespace

Result<DebugFile> DebugFile::open(const std::string& path) {
  const File file = TRY(openElf(path));

  DebugFile opened;
  opened.session_.reset(dwfl_begin(&callbacks));
  if (!opened.session_) return Error{ErrorKind::internal, actOn(path) + ": " + dwfl_errmsg(-1)};
  // libdwfl keeps a descriptor of its own when it takes the file.
  File given(::fcntl(file.fd(), F_DUPFD_CLOEXEC, 0));
  Dwfl_Module* module = dwfl_report_offline(opened.session_.get(), path.c_str(), path.c_str(), given.fd());
  if (module == nullptr) return notSuitable(path, dwfl_errmsg(-1));
  given.release();
  dwfl_report_end(opened.session_.get(), nullptr, nullptr);

  Dwarf_Addr bias;
  opened.dwarf_ = dwfl_module_getdwarf(module, &bias);
  if (opened.dwarf_ == nullptr) return noDebugInformation(path, module);

  const char* debugFile = nullptr;
  dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, &debugFile);
  opened.from_ = debugFile == nullptr ? path : debugFile;
  opened.code_ = executableSegments(dwfl_module_getelf(module, &bias));
  return opened;
}

bool DebugFile::isCode(uint64_t at) const {
  return at != 0 && std::any_of(code_.begin(), code_.end(), [at](const FileRange& range) { return range.start <= at && at < range.end; });
}

}  // namespace suture
