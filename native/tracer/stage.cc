#include "stage.h"

#include "handlers.h"
#include "memory-write.h"
#include "tracing-thread.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace suture {

namespace {

constexpr uint64_t pageSize = 4096;
constexpr size_t longestName = 249;  // memfd_create(2)

// Flags that Debian's headers do not know yet. Since 6.3 a memory file says whether it may hold programs; older kernels
// refuse the flag, and a system may be set up to allow only the second or the third form.
constexpr uint64_t memoryFileFlags[] = {
  0x01 | 0x10,  // MFD_CLOEXEC | MFD_EXEC
  0x01,         // MFD_CLOEXEC
  0x01 | 0x08,  // MFD_CLOEXEC | MFD_NOEXEC_SEAL: still mapped executable, as only execve is denied
};
constexpr uint64_t mappingFlags = MAP_PRIVATE | 0x100000;  // MAP_FIXED_NOREPLACE

/** Nothing but its end interrupts a call that changes a process's memory. */
Error isEnding(pid_t pid) { return {ErrorKind::processGone, "Cannot work on pid " + std::to_string(pid) + ": it is ending", {{"pid", pid}}}; }

/** What a borrowed thread has made so far; undone unless it is kept. */
class Staging {
 public:
  Staging(pid_t pid, BorrowedThread& thread, int memory) : pid_(pid), thread_(thread), memory_(memory) {}
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    closeFile();
    for (const RemoteRange& range : mapped_) (void)thread_.call(SYS_munmap, {range.start.bits(), range.length()});
  }

  Result<void> add(const StagedMapping& mapping) {
    TRY(makeFile(mapping.name));
    TRY(fillFile(mapping));
    for (const StagedSegment& segment : mapping.segments) TRY(mapSegment(mapping, segment));
    closeFile();
    return {};
  }

  void keep() { mapped_.clear(); }

 private:
  Result<void> makeFile(const std::string& name) {
    const RemotePtr text = TRY(thread_.text(name));
    int64_t made = -EINVAL;
    for (const uint64_t flags : memoryFileFlags) {
      made = TRY(thread_.call(SYS_memfd_create, {text.bits(), flags}));
      if (made != -EINVAL && made != -EACCES) break;
    }
    if (made == -EINTR) return isEnding(pid_);
    if (made < 0) return refused(ErrorKind::outOfMemory, "a memory file named \"" + name + "\"", made);
    file_ = made;
    return {};
  }

  /** From outside: the thread need not copy anything, and the contents can be large. */
  Result<void> fillFile(const StagedMapping& mapping) {
    const std::string path = "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(thread_.tid()) + "/fd/" + std::to_string(file_);
    const File file = openFile(path, O_RDWR);
    if (!file.isOpen()) return processError("Cannot fill a memory file of pid " + std::to_string(pid_), pid_, errno);
    for (ByteView rest = mapping.contents; !rest.empty();) {
      const size_t done = mapping.contents.size() - rest.size();
      const ssize_t put = ::pwrite(file.fd(), rest.data(), rest.size(), static_cast<off_t>(done));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return processError("Cannot fill a memory file of pid " + std::to_string(pid_), pid_, put < 0 ? errno : ENOMEM);
      rest = rest.subspan(static_cast<size_t>(put));
    }
    return {};
  }

  Result<void> mapSegment(const StagedMapping& mapping, const StagedSegment& segment) {
    const RemoteRange wanted = {mapping.at + segment.offset, mapping.at + segment.offset + segment.length};
    const int64_t made = TRY(thread_.call(SYS_mmap, {wanted.start.bits(), segment.length, static_cast<uint64_t>(segment.protection), mappingFlags,
                                                     static_cast<uint64_t>(file_), segment.offset}));
    const std::string what = "memory at " + formatHex(wanted.start);
    if (made == -EEXIST) return refused(ErrorKind::unreachableMemory, what + ", where something is mapped already", made);
    if (made == -EINTR) return isEnding(pid_);
    // EAGAIN: of a process that has locked all of its memory, as much as it may.
    if (made < 0) return refused(made == -ENOMEM || made == -EAGAIN ? ErrorKind::outOfMemory : ErrorKind::unreachableMemory, what, made);
    const RemotePtr got{static_cast<uint64_t>(made)};
    mapped_.push_back({got, got + segment.length});
    // A kernel before 4.17 takes the address as a hint.
    if (got != wanted.start) return refused(ErrorKind::unreachableMemory, what + ", where something is mapped already", -EEXIST);
    return haveDumped(got);
  }

  /** The kernel leaves pages of files out of a core dump, but for mappings that somebody has written to: the byte that is there will do. */
  Result<void> haveDumped(RemotePtr at) {
    std::byte first{};
    const auto offset = static_cast<off_t>(at.bits());
    if (::pread(memory_, &first, 1, offset) == 1 && ::pwrite(memory_, &first, 1, offset) == 1) return {};
    return processError("Cannot write the first byte of a mapping of pid " + std::to_string(pid_), pid_, errno);
  }

  void closeFile() {
    if (file_ >= 0) (void)thread_.call(SYS_close, {static_cast<uint64_t>(file_)});
    file_ = -1;
  }

  Error refused(ErrorKind kind, const std::string& what, int64_t result) const {
    return {kind, "Cannot make " + what + " in pid " + std::to_string(pid_) + ": " + std::strerror(static_cast<int>(-result)), {{"pid", pid_}}};
  }

  pid_t pid_;
  BorrowedThread& thread_;
  int memory_;
  int64_t file_ = -1;
  std::vector<RemoteRange> mapped_;
};

bool isPageAligned(uint64_t number) { return number % pageSize == 0; }

Result<int> parseProtection(const Json& segment) {
  const std::string text = TRY(textField(segment, "protection"));
  if (text == "r") return PROT_READ;
  if (text == "rw") return PROT_READ | PROT_WRITE;
  if (text == "rx") return PROT_READ | PROT_EXEC;
  return Error{ErrorKind::usage, "Cannot map memory with protection \"" + text + "\": it must be r, rw or rx"};
}

Result<StagedMapping> parseMapping(const Json& object, BodyReader& body) {
  StagedMapping mapping = {TRY(textField(object, "name")), TRY(addressField(object, "at")), {}, {}};
  const uint64_t length = TRY(integerField(object, "length"));
  const uint64_t room = (length + pageSize - 1) / pageSize * pageSize;
  const Error misplaced = {ErrorKind::usage, "Cannot map \"" + mapping.name + "\" at " + formatHex(mapping.at) + ": its place or one of its segments is not made of whole pages of its contents"};
  if (mapping.name.empty() || mapping.name.size() > longestName || mapping.name.find('\0') != mapping.name.npos) {
    return Error{ErrorKind::usage, "Cannot map a memory file: its name must have 1 to 249 bytes"};
  }
  if (!isPageAligned(mapping.at.bits()) || length == 0) return misplaced;
  for (const Json& part : *TRY(objectsField(object, "segments"))) {
    const StagedSegment segment = {TRY(integerField(part, "offset")), TRY(integerField(part, "length")), TRY(parseProtection(part))};
    const bool fits = isPageAligned(segment.offset) && isPageAligned(segment.length) && segment.length > 0 && segment.offset <= room && segment.length <= room - segment.offset;
    if (!fits) return misplaced;
    mapping.segments.push_back(segment);
  }
  mapping.contents = TRY(body.take(length));
  return mapping;
}

Result<File> openChecked(pid_t pid, uint64_t startTime) {
  TRY(checkSameProcess(pid, startTime));
  return openMemory(pid, O_RDWR);
}

Result<void> writeChecked(pid_t pid, uint64_t startTime, std::span<const MemoryWrite> writes) {
  const File memory = TRY(openChecked(pid, startTime));
  Result<std::optional<Mismatch>> found = findMismatch(pid, memory.fd(), writes);
  if (!found) return std::move(found).error();
  if (found.value()) {
    const std::string at = formatHex(found.value()->at);
    return Error{ErrorKind::bytesMismatch, "Cannot write memory of pid " + std::to_string(pid) + " at " + at + ": it does not hold the expected bytes", {{"pid", pid}, {"at", at}}};
  }
  return writeAll(pid, memory.fd(), writes);
}

}  // namespace

Result<void> stageMappings(pid_t pid, uint64_t startTime, std::span<const StagedMapping> mappings) {
  const File memory = TRY(openChecked(pid, startTime));
  const std::unique_ptr<BorrowedThread> thread = TRY(BorrowedThread::borrow(pid, startTime, memory.fd()));
  Staging staging(pid, *thread, memory.fd());
  for (const StagedMapping& mapping : mappings) TRY(staging.add(mapping));
  staging.keep();
  return {};
}

Result<void> unmapRanges(pid_t pid, uint64_t startTime, std::span<const RemoteRange> ranges) {
  const File memory = TRY(openChecked(pid, startTime));
  const std::unique_ptr<BorrowedThread> thread = TRY(BorrowedThread::borrow(pid, startTime, memory.fd()));
  for (const RemoteRange& range : ranges) {
    const int64_t result = TRY(thread->call(SYS_munmap, {range.start.bits(), range.length()}));
    if (result == -EINTR) return isEnding(pid);
    if (result < 0) {
      return Error{ErrorKind::unreachableMemory,
                   "Cannot give back memory of pid " + std::to_string(pid) + " at " + formatHex(range.start) + ": " + std::strerror(static_cast<int>(-result)),
                   {{"pid", pid}}};
    }
  }
  return {};
}

/** Whatever failed: when the process has ended meanwhile, that is why. */
static Result<void> unlessGone(pid_t pid, Result<void> done) {
  return done ? std::move(done) : Result<void>(unlessEnding(pid, std::move(done).error()));
}

Result<Answer> stage(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const uint64_t startTime = TRY(hexField(request.head, "startTime"));
  BodyReader body(request.body);
  std::vector<StagedMapping> mappings;
  for (const Json& object : *TRY(objectsField(request.head, "mappings"))) mappings.push_back(TRY(parseMapping(object, body)));
  TRY(body.finish());
  TRY(unlessGone(pid, traced<void>([&] { return stageMappings(pid, startTime, mappings); })));
  return Answer{};
}

Result<Answer> unmap(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const uint64_t startTime = TRY(hexField(request.head, "startTime"));
  std::vector<RemoteRange> ranges;
  for (const Json& object : *TRY(objectsField(request.head, "ranges"))) {
    ranges.push_back(TRY(rangeOf(object)));
    if (!isPageAligned(ranges.back().start.bits()) || !isPageAligned(ranges.back().end.bits())) {
      return Error{ErrorKind::usage, "Cannot give back memory at " + formatHex(ranges.back().start) + ": the range is not made of whole pages"};
    }
  }
  TRY(unlessGone(pid, traced<void>([&] { return unmapRanges(pid, startTime, ranges); })));
  return Answer{};
}

Result<Answer> write(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const uint64_t startTime = TRY(hexField(request.head, "startTime"));
  BodyReader body(request.body);
  const std::vector<MemoryWrite> writes = TRY(parseWrites(request.head, body));
  TRY(body.finish());
  TRY(unlessGone(pid, writeChecked(pid, startTime, writes)));
  return Answer{};
}

}  // namespace suture
