#include "unwind-tables.h"

#include "protocol.h"
#include "remote-memory.h"

#include <fcntl.h>
#include <gelf.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace suture {

/** One ELF file, shared by all processes that map it. */
class UnwindFile {
 public:
  explicit UnwindFile(File file) : file_(std::move(file)) { open(elf_begin(file_.fd(), ELF_C_READ_MMAP, nullptr)); }
  explicit UnwindFile(std::vector<uint8_t> image) : image_(std::move(image)) {
    open(elf_memory(reinterpret_cast<char*>(image_.data()), image_.size()));
  }
  UnwindFile(const UnwindFile&) = delete;
  UnwindFile& operator=(const UnwindFile&) = delete;
  ~UnwindFile() {
    for (auto& [at, rules] : known_) std::free(rules.frame);
    if (fromExceptions_ != nullptr) dwarf_cfi_end(fromExceptions_);
    if (dwarf_ != nullptr) dwarf_end(dwarf_);
    if (elf_ != nullptr) elf_end(elf_);
  }

  bool hasTables() const { return fromExceptions_ != nullptr || fromDebug_ != nullptr; }

  /** The address, as linked, of the code at `offset` of the file. lld maps a page that two segments share twice: only code counts. */
  std::optional<uint64_t> addressOf(uint64_t offset) const {
    size_t count = 0;
    if (elf_getphdrnum(elf_, &count) != 0) return {};
    for (size_t i = 0; i < count; ++i) {
      GElf_Phdr header;
      if (gelf_getphdr(elf_, static_cast<int>(i), &header) == nullptr || header.p_type != PT_LOAD || !(header.p_flags & PF_X)) continue;
      const uint64_t before = header.p_offset % pageSize;  // the mapping begins with the page
      if (offset + before >= header.p_offset && offset < header.p_offset + header.p_filesz) {
        return header.p_vaddr - header.p_offset + offset;
      }
    }
    // A file without segments that is mapped as it is: addresses of its sections say where.
    return count == 0 ? addressBySection(offset) : std::nullopt;
  }

  std::optional<FrameRules> find(uint64_t address) {
    const auto known = known_.find(address);
    if (known != known_.end()) return known->second.frame == nullptr ? std::nullopt : std::optional(known->second);
    FrameRules rules = {nullptr, false};
    for (Dwarf_CFI* const table : {fromExceptions_, fromDebug_}) {
      if (table != nullptr && rules.frame == nullptr && dwarf_cfi_addrframe(table, address, &rules.frame) != 0) rules.frame = nullptr;
    }
    if (rules.frame != nullptr) dwarf_frame_info(rules.frame, nullptr, nullptr, &rules.isSignalFrame);
    known_.emplace(address, rules);
    return rules.frame == nullptr ? std::nullopt : std::optional(rules);
  }

 private:
  static constexpr uint64_t pageSize = 4096;

  void open(Elf* elf) {
    elf_ = elf;
    if (elf_ == nullptr || elf_kind(elf_) != ELF_K_ELF) return;
    fromExceptions_ = dwarf_getcfi_elf(elf_);
    if (fillIn(".eh_frame") | fillIn(".eh_frame_hdr")) return;
    // Only where nothing describes the code for exceptions, debug information is worth its loading.
    if (!fillIn(".debug_frame")) return;
    dwarf_ = dwarf_begin_elf(elf_, DWARF_C_READ, nullptr);
    if (dwarf_ != nullptr) fromDebug_ = dwarf_getcfi(dwarf_);
  }

  Elf_Scn* findSection(std::string_view wanted, GElf_Shdr& header) const {
    size_t names;
    if (elf_getshdrstrndx(elf_, &names) != 0) return nullptr;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
      if (gelf_getshdr(section, &header) == nullptr) continue;
      const char* const name = elf_strptr(elf_, names, header.sh_name);
      if (name != nullptr && wanted == name) return section;
    }
    return nullptr;
  }

  /** Reads the pages of a section in now, rather than one by one under a stop. False when there is no such section. */
  bool fillIn(const char* name) {
    GElf_Shdr header;
    if (findSection(name, header) == nullptr || header.sh_type == SHT_NOBITS) return false;
    size_t size = 0;
    char* const raw = elf_rawfile(elf_, &size);
    if (raw != nullptr && header.sh_offset + header.sh_size <= size) {
      const uint64_t start = (reinterpret_cast<uint64_t>(raw) + header.sh_offset) & ~(pageSize - 1);
      const uint64_t end = reinterpret_cast<uint64_t>(raw) + header.sh_offset + header.sh_size;
      ::madvise(reinterpret_cast<void*>(start), end - start, MADV_POPULATE_READ);
    }
    return true;
  }

  std::optional<uint64_t> addressBySection(uint64_t offset) const {
    GElf_Shdr header;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
      if (gelf_getshdr(section, &header) == nullptr || !(header.sh_flags & SHF_ALLOC) || header.sh_type == SHT_NOBITS) continue;
      if (header.sh_addr != 0) return header.sh_addr - header.sh_offset + offset;
    }
    return {};
  }

  File file_;
  std::vector<uint8_t> image_;
  Elf* elf_ = nullptr;
  Dwarf* dwarf_ = nullptr;
  Dwarf_CFI* fromExceptions_ = nullptr;
  Dwarf_CFI* fromDebug_ = nullptr;
  /** A stop finds the same few thousand instructions again and again. */
  std::unordered_map<uint64_t, FrameRules> known_;
};

namespace {

constexpr size_t maxKeptFiles = 256;
constexpr size_t maxKeptProcesses = 64;

using FileKey = std::tuple<dev_t, ino_t, int64_t, int64_t>;

struct KeptTables {
  uint64_t startTime;
  std::vector<std::tuple<uint64_t, uint64_t, uint64_t, uint64_t>> code;
  std::shared_ptr<UnwindTables> tables;
};

/** Memory files and files that have been replaced can be reached only through the mapping; the path needs no privilege. */
File openMappedFile(pid_t pid, const Mapping& mapping) {
  const std::string proc = "/proc/" + std::to_string(pid);
  const std::string range = formatHex(mapping.range.start).substr(2) + "-" + formatHex(mapping.range.end).substr(2);
  File file = openFile(proc + "/map_files/" + range, O_RDONLY);
  if (file.isOpen()) return file;
  file = openFile(proc + "/root" + mapping.path, O_RDONLY);
  struct stat status;
  if (file.isOpen() && ::fstat(file.fd(), &status) == 0 && status.st_ino == mapping.inode) return file;
  return File();
}

/** What the mappings of one file hold of it, as far as they are one piece from its first byte on. */
std::vector<uint8_t> readImage(pid_t pid, const std::vector<Mapping>& mappings, const Mapping& code) {
  constexpr uint64_t most = uint64_t{64} << 20;
  const RemotePtr base = code.range.start - code.offset;
  RemotePtr end = base;
  for (const Mapping& mapping : mappings) {
    if (mapping.path == code.path && mapping.range.start == end && mapping.range.start - mapping.offset == base) end = mapping.range.end;
  }
  std::vector<uint8_t> image(std::min(end - base, most));
  image.resize(readRemote(pid, base.bits(), image));
  return image;
}

std::shared_ptr<UnwindFile> openShared(File file) {
  static std::map<FileKey, std::shared_ptr<UnwindFile>> kept;
  struct stat status;
  if (::fstat(file.fd(), &status) != 0) return nullptr;
  const FileKey key = {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
  const auto found = kept.find(key);
  if (found != kept.end()) return found->second;
  if (kept.size() >= maxKeptFiles) std::erase_if(kept, [](const auto& entry) { return entry.second.use_count() == 1; });
  return kept.emplace(key, std::make_shared<UnwindFile>(std::move(file))).first->second;
}

std::shared_ptr<UnwindFile> openFor(pid_t pid, const std::vector<Mapping>& mappings, const Mapping& code) {
  const bool isFile = code.path.starts_with("/");
  if (isFile) {
    File file = openMappedFile(pid, code);
    if (file.isOpen()) return openShared(std::move(file));
  }
  if (!isFile && code.path != "[vdso]") return nullptr;
  std::vector<uint8_t> image = readImage(pid, mappings, code);
  return image.empty() ? nullptr : std::make_shared<UnwindFile>(std::move(image));
}

}  // namespace

std::shared_ptr<UnwindTables> UnwindTables::of(pid_t pid, uint64_t startTime, const std::vector<Mapping>& mappings) {
  static std::unordered_map<pid_t, KeptTables> kept;
  elf_version(EV_CURRENT);
  KeptTables fresh = {startTime, {}, nullptr};
  for (const Mapping& mapping : mappings) {
    if (mapping.executable) fresh.code.emplace_back(mapping.range.start.bits(), mapping.range.end.bits(), mapping.offset, mapping.inode);
  }
  const auto found = kept.find(pid);
  if (found != kept.end() && found->second.startTime == startTime && found->second.code == fresh.code) return found->second.tables;

  fresh.tables = std::make_shared<UnwindTables>();
  for (const Mapping& mapping : mappings) {
    if (!mapping.executable) continue;
    std::shared_ptr<UnwindFile> file = openFor(pid, mappings, mapping);
    if (!file || !file->hasTables()) continue;
    const std::optional<uint64_t> linked = file->addressOf(mapping.offset);
    if (linked) fresh.tables->modules_.push_back({mapping.range, mapping.range.start.bits() - *linked, std::move(file)});
  }
  if (kept.size() >= maxKeptProcesses) kept.clear();
  return (kept[pid] = std::move(fresh)).tables;
}

std::optional<FrameRules> UnwindTables::find(uint64_t instruction) {
  for (Module& module : modules_) {
    if (module.range.contains(RemotePtr(instruction))) return module.file->find(instruction - module.bias);
  }
  return {};
}

}  // namespace suture
