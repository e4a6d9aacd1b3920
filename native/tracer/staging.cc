#include "staging.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <ranges>

namespace suture {

namespace {

// Flags that Debian's headers do not know yet. Since 6.3 a memory file says whether it may hold programs; older kernels
// refuse the flag, and a system may be set up to allow only the second or the third form.
constexpr uint64_t memoryFileFlags[] = {
  0x01 | 0x10,  // MFD_CLOEXEC | MFD_EXEC
  0x01,         // MFD_CLOEXEC
  0x01 | 0x08,  // MFD_CLOEXEC | MFD_NOEXEC_SEAL: still mapped executable, as only execve is denied
};
constexpr uint64_t mappingFlags = MAP_PRIVATE | 0x100000;  // MAP_FIXED_NOREPLACE

using Call = BorrowedThread::Call;

/** Nothing but its end interrupts a call that changes a process's memory. */
Error isEnding(pid_t pid) { return {ErrorKind::processGone, "Cannot work on pid " + std::to_string(pid) + ": it is ending", {{"pid", pid}}}; }

Error refused(pid_t pid, ErrorKind kind, const std::string& what, int64_t result) {
  return {kind, "Cannot make " + what + " in pid " + std::to_string(pid) + ": " + std::strerror(static_cast<int>(-result)), {{"pid", pid}}};
}

RemoteRange rangeOf(const StagedMapping& mapping, const StagedSegment& segment) {
  const RemotePtr start = mapping.at + segment.offset;
  return {start, start + segment.length};
}

Call closing(int64_t file) { return {SYS_close, {static_cast<uint64_t>(file)}}; }
Call unmapping(const RemoteRange& range) { return {SYS_munmap, {range.start.bits(), range.length()}}; }

Call mapping(const StagedMapping& mapping, const StagedSegment& segment, int64_t file) {
  return {SYS_mmap, {rangeOf(mapping, segment).start.bits(), segment.length, static_cast<uint64_t>(segment.protection), mappingFlags, static_cast<uint64_t>(file), segment.offset}};
}

/** A memory file that the process has open, for one mapping. */
struct MemoryFile {
  const StagedMapping* mapping;
  int64_t file;
  uint64_t inode;
};

/** Those of one request: closed again, whatever becomes of it. */
class MemoryFiles {
 public:
  MemoryFiles(pid_t pid, BorrowedThread& thread) : pid_(pid), thread_(thread) {}
  MemoryFiles(const MemoryFiles&) = delete;
  MemoryFiles& operator=(const MemoryFiles&) = delete;
  ~MemoryFiles() {
    for (const MemoryFile& each : files_) (void)thread_.call(SYS_close, closing(each.file).arguments);
  }

  Result<void> add(const StagedMapping& mapping) {
    files_.push_back({&mapping, TRY(make(mapping.name)), 0});
    return fill(files_.back());
  }

  const std::vector<MemoryFile>& all() const { return files_; }
  /** The thread has closed them. */
  std::vector<MemoryFile> closed() { return std::exchange(files_, {}); }

 private:
  Result<int64_t> make(const std::string& name) {
    const RemotePtr text = TRY(thread_.text(name));
    int64_t made = -EINVAL;
    for (const uint64_t flags : memoryFileFlags) {
      made = TRY(thread_.call(SYS_memfd_create, {text.bits(), flags}));
      if (made != -EINVAL && made != -EACCES) break;
    }
    if (made == -EINTR) return isEnding(pid_);
    if (made < 0) return refused(pid_, ErrorKind::outOfMemory, "a memory file named \"" + name + "\"", made);
    return made;
  }

  /** From outside: the thread need not copy anything, and the contents can be large. What ends in zeroes is as good without them. */
  Result<void> fill(MemoryFile& made) {
    const auto failed = [&](int number) { return processError("Cannot fill a memory file of pid " + std::to_string(pid_), pid_, number); };
    const File file = openFile("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(thread_.tid()) + "/fd/" + std::to_string(made.file), O_RDWR);
    struct stat status;
    const ByteView contents = made.mapping->contents;
    if (!file.isOpen() || ::fstat(file.fd(), &status) != 0 || ::ftruncate(file.fd(), static_cast<off_t>(contents.size())) != 0) return failed(errno);
    made.inode = status.st_ino;
    const auto lastByte = std::find_if(contents.rbegin(), contents.rend(), [](auto byte) { return byte != decltype(byte){}; });
    const auto length = static_cast<size_t>(contents.rend() - lastByte);
    for (size_t done = 0; done < length;) {
      const ssize_t put = ::pwrite(file.fd(), contents.data() + done, length - done, static_cast<off_t>(done));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return failed(put < 0 ? errno : ENOMEM);
      done += static_cast<size_t>(put);
    }
    return {};
  }

  pid_t pid_;
  BorrowedThread& thread_;
  std::vector<MemoryFile> files_;
};

/** What has been mapped one by one; undone unless it is kept, the last first. */
class Mapped {
 public:
  Mapped(pid_t pid, BorrowedThread& thread) : pid_(pid), thread_(thread) {}
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() {
    for (const RemoteRange& range : std::views::reverse(ranges_)) (void)thread_.call(SYS_munmap, unmapping(range).arguments);
  }

  Result<void> add(const MemoryFile& file, const StagedSegment& segment) {
    const RemoteRange wanted = rangeOf(*file.mapping, segment);
    const int64_t made = TRY(thread_.call(SYS_mmap, mapping(*file.mapping, segment, file.file).arguments));
    const std::string what = "memory at " + formatHex(wanted.start);
    if (made == -EEXIST) return refused(pid_, ErrorKind::unreachableMemory, what + ", where something is mapped already", made);
    if (made == -EINTR) return isEnding(pid_);
    // EAGAIN: of a process that has locked all of its memory, as much as it may.
    if (made < 0) return refused(pid_, made == -ENOMEM || made == -EAGAIN ? ErrorKind::outOfMemory : ErrorKind::unreachableMemory, what, made);
    const RemotePtr got{static_cast<uint64_t>(made)};
    ranges_.push_back({got, got + segment.length});
    // A kernel before 4.17 takes the address as a hint.
    if (got != wanted.start) return refused(pid_, ErrorKind::unreachableMemory, what + ", where something is mapped already", -EEXIST);
    return {};
  }

  void keep() { ranges_.clear(); }

 private:
  pid_t pid_;
  BorrowedThread& thread_;
  std::vector<RemoteRange> ranges_;
};

bool isOf(const Mapping& mapping, const MemoryFile& file) { return mapping.inode == file.inode && mapping.path.starts_with("/memfd:" + file.mapping->name); }

/** In one piece or in several: the kernel joins neighbours. */
bool isMapped(const std::vector<Mapping>& mappings, const MemoryFile& file, const StagedSegment& segment) {
  const RemoteRange wanted = rangeOf(*file.mapping, segment);
  RemotePtr at = wanted.start;
  for (const Mapping& mapping : mappings) {
    if (!mapping.range.contains(at)) continue;
    if (!isOf(mapping, file) || mapping.offset + (at.bits() - mapping.range.start.bits()) != at.bits() - file.mapping->at.bits()) return false;
    at = mapping.range.end;
    if (at.bits() >= wanted.end.bits()) return true;
  }
  return false;
}

bool areMapped(const std::vector<Mapping>& mappings, const std::vector<MemoryFile>& files) {
  return std::ranges::all_of(files, [&](const MemoryFile& file) {
    return std::ranges::all_of(file.mapping->segments, [&](const StagedSegment& segment) { return isMapped(mappings, file, segment); });
  });
}

class Work {
 public:
  static Result<Work> on(pid_t pid, uint64_t startTime) {
    File memory = TRY(openMemory(pid, O_RDWR));
    // Afterwards: from then on it is the memory of this one, whoever gets the number.
    TRY(checkSameProcess(pid, startTime));
    return Work(pid, startTime, std::move(memory));
  }

  Result<void> stage(std::span<const StagedMapping> mappings) {
    TRY(borrow());
    if (!thread_->mayCallInARow() || !TRY(stageInARow(mappings))) TRY(stageOneByOne(mappings));
    Result<void> dumped = haveDumped(mappings);
    if (dumped) return {};
    std::vector<RemoteRange> made;
    for (const StagedMapping& each : mappings) {
      for (const StagedSegment& segment : each.segments) made.push_back(rangeOf(each, segment));
    }
    std::ranges::reverse(made);
    (void)unmap(made);
    return dumped;
  }

  Result<void> unmap(std::span<const RemoteRange> ranges) {
    std::vector<Mapping> before = TRY(readMappings(pid_));
    std::erase_if(before, [&](const Mapping& mapping) { return std::ranges::none_of(ranges, [&](const RemoteRange& range) { return range.contains(mapping.range.start); }); });
    keepFilesOf(before);
    TRY(borrow());
    if (thread_->mayCallInARow() && TRY(unmapInARow(ranges, before))) return {};
    return unmapOneByOne(ranges);
  }

 private:
  Work(pid_t pid, uint64_t startTime, File memory) : pid_(pid), startTime_(startTime), memory_(std::move(memory)) {}

  Result<void> borrow() {
    if (!thread_) thread_ = TRY(BorrowedThread::borrow(pid_, startTime_, memory_.fd()));
    return {};
  }

  /** False: not all of it could be, and nothing is left of it. */
  Result<bool> stageInARow(std::span<const StagedMapping> mappings) {
    std::vector<MemoryFile> files;
    {
      MemoryFiles made(pid_, *thread_);
      // What is wrong will be said by whoever makes them one by one, and needs only one at a time.
      for (const StagedMapping& each : mappings) {
        if (!made.add(each)) return false;
      }
      std::vector<Call> calls;
      for (const MemoryFile& file : made.all()) {
        for (const StagedSegment& segment : file.mapping->segments) calls.push_back(mapping(*file.mapping, segment, file.file));
      }
      for (const MemoryFile& file : made.all()) calls.push_back(closing(file.file));
      if (!TRY(thread_->callInARow(calls))) return false;
      files = made.closed();
    }
    thread_.reset();
    const std::vector<Mapping> after = TRY(readMappings(pid_));
    if (areMapped(after, files)) return true;
    std::vector<RemoteRange> remains;
    for (const MemoryFile& file : std::views::reverse(files)) {
      for (const Mapping& mapping : after) {
        if (isOf(mapping, file)) remains.push_back(mapping.range);
      }
    }
    if (!remains.empty()) TRY(unmap(remains));
    TRY(borrow());
    return false;
  }

  Result<void> stageOneByOne(std::span<const StagedMapping> mappings) {
    {
      Mapped mapped(pid_, *thread_);
      for (const StagedMapping& each : mappings) {
        MemoryFiles file(pid_, *thread_);
        TRY(file.add(each));
        for (const StagedSegment& segment : each.segments) TRY(mapped.add(file.all().front(), segment));
      }
      mapped.keep();
    }
    thread_.reset();
    return {};
  }

  /** The kernel leaves pages of files out of a core dump, but for mappings that somebody has written to: the byte that is there will do. */
  Result<void> haveDumped(std::span<const StagedMapping> mappings) {
    for (const StagedMapping& each : mappings) {
      for (const StagedSegment& segment : each.segments) {
        std::byte first{};
        const auto at = static_cast<off_t>(rangeOf(each, segment).start.bits());
        const ssize_t got = ::pread(memory_.fd(), &first, 1, at);
        const ssize_t put = got == 1 ? ::pwrite(memory_.fd(), &first, 1, at) : got;
        if (put == 1) continue;
        // Memory that nobody uses any more gives nothing and takes nothing.
        if (put == 0) return Error{ErrorKind::processGone, "Cannot work on pid " + std::to_string(pid_) + ": it has ended, or become another program", {{"pid", pid_}}};
        return processError("Cannot write the first byte of a mapping of pid " + std::to_string(pid_), pid_, errno);
      }
    }
    return {};
  }

  /** A file ends with its last mapping, which takes as long as the unmapping. Where we may open it, that is not the thread's to wait for. */
  void keepFilesOf(const std::vector<Mapping>& mappings) {
    for (const Mapping& mapping : mappings) {
      const std::string range = formatHex(mapping.range.start).substr(2) + "-" + formatHex(mapping.range.end).substr(2);
      kept_.push_back(openFile("/proc/" + std::to_string(pid_) + "/map_files/" + range, O_PATH));
    }
  }

  /** False: something remains of `before`. */
  Result<bool> unmapInARow(std::span<const RemoteRange> ranges, const std::vector<Mapping>& before) {
    std::vector<Call> calls;
    for (const RemoteRange& range : ranges) calls.push_back(unmapping(range));
    if (!TRY(thread_->callInARow(calls))) return false;
    thread_.reset();
    const std::vector<Mapping> after = TRY(readMappings(pid_));
    const bool isGone = std::ranges::none_of(after, [&](const Mapping& mapping) {
      return std::ranges::any_of(before, [&](const Mapping& known) { return known.range.start == mapping.range.start && known.inode == mapping.inode && known.path == mapping.path; });
    });
    if (!isGone) TRY(borrow());
    return isGone;
  }

  Result<void> unmapOneByOne(std::span<const RemoteRange> ranges) {
    for (const RemoteRange& range : ranges) {
      const int64_t result = TRY(thread_->call(SYS_munmap, unmapping(range).arguments));
      if (result == -EINTR) return isEnding(pid_);
      if (result < 0) {
        return Error{ErrorKind::unreachableMemory,
                     "Cannot give back memory of pid " + std::to_string(pid_) + " at " + formatHex(range.start) + ": " + std::strerror(static_cast<int>(-result)),
                     {{"pid", pid_}}};
      }
    }
    return {};
  }

  pid_t pid_;
  uint64_t startTime_;
  File memory_;
  std::vector<File> kept_;
  // The last member: the first to go.
  std::unique_ptr<BorrowedThread> thread_;
};

}  // namespace

Result<void> stageMappings(pid_t pid, uint64_t startTime, std::span<const StagedMapping> mappings) { return TRY(Work::on(pid, startTime)).stage(mappings); }

Result<void> unmapRanges(pid_t pid, uint64_t startTime, std::span<const RemoteRange> ranges) { return TRY(Work::on(pid, startTime)).unmap(ranges); }

}  // namespace suture
