// The requests that only read: what a process is, its mappings, its memory, the files it maps, its threads.
#include "handlers.h"
#include "process.h"
#include "symbol-parts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace suture {

namespace {

#if defined(__x86_64__)
constexpr const char* architecture = "x86-64";
#elif defined(__aarch64__)
constexpr const char* architecture = "arm64";
#else
#error "suture-tracer knows x86-64 and arm64"
#endif

constexpr const char* version = "0.1.0";
constexpr size_t readStep = size_t{4} << 20;
/** Callers hold it in one piece. */
constexpr uint64_t largestFile = (uint64_t{1} << 32) - 1;

std::string mapFilePath(pid_t pid, const RemoteRange& range) {
  // The kernel wants the digits of /proc/PID/maps without leading zeros and without 0x.
  return "/proc/" + std::to_string(pid) + "/map_files/" + formatHex(range.start).substr(2) + "-" + formatHex(range.end).substr(2);
}

Result<Mapping> findMapping(pid_t pid, const RemoteRange& range) {
  for (Mapping& mapping : TRY(readMappings(pid))) {
    if (mapping.range.start == range.start && mapping.range.end == range.end) return std::move(mapping);
  }
  return Error{ErrorKind::unreadableMemory,
               "Cannot read a mapped file of pid " + std::to_string(pid) + ": it has no mapping " + formatHex(range.start) + "-" + formatHex(range.end),
               {{"pid", pid}}};
}

bool isSameFile(int fd, const Mapping& mapping) {
  struct stat status;
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == mapping.inode;
}

/**
 * map_files reaches deleted and replaced files, but wants CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; without them the
 * path is followed from the root that the process has, and must still lead to the file that is mapped.
 */
Result<File> openMappedFile(pid_t pid, const RemoteRange& range) {
  File exact = openFile(mapFilePath(pid, range), O_RDONLY);
  if (exact.isOpen()) return exact;

  const std::string act = "Cannot read a mapped file of pid " + std::to_string(pid);
  const Mapping mapping = TRY(findMapping(pid, range));
  if (mapping.path.empty() || mapping.path[0] != '/') {
    return Error{ErrorKind::fileNotFound, act + ": no file is behind " + formatHex(range.start), {{"pid", pid}}};
  }
  File named = openFile("/proc/" + std::to_string(pid) + "/root" + mapping.path, O_RDONLY | O_NONBLOCK);
  if (named.isOpen() && isSameFile(named.fd(), mapping)) return named;
  return Error{ErrorKind::fileNotFound,
               act + ": " + mapping.path + (named.isOpen() ? " has been replaced" : " cannot be opened") +
                   "; as root the file can still be read",
               {{"pid", pid}, {"path", mapping.path}}};
}

}  // namespace

Result<Answer> hello(const Request& request) {
  const uint64_t asked = TRY(integerField(request.head, "protocol"));
  if (asked != protocolVersion) {
    return Error{ErrorKind::usage,
                 "Cannot serve: the caller speaks protocol " + std::to_string(asked) + ", this helper " + std::to_string(protocolVersion),
                 {{"protocol", protocolVersion}}};
  }
  return Answer{{{"protocol", protocolVersion}, {"version", version}, {"architecture", architecture}}};
}

Result<Answer> process(const Request& request) {
  const ProcessDescription description = TRY(describeProcess(TRY(pidField(request.head))));
  return Answer{{
    {"pid", description.pid},
    {"program", description.program},
    {"name", description.name},
    {"startTime", formatHex(description.startTime)},
    {"uid", description.uid},
    {"threads", description.threads},
  }};
}

Result<Answer> maps(const Request& request) {
  const std::string text = TRY(readMapsText(TRY(pidField(request.head))));
  return Answer{Json::object(), Bytes(text.begin(), text.end())};
}

Result<Answer> read(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const RemotePtr at = TRY(addressField(request.head, "at"));
  const uint64_t length = TRY(integerField(request.head, "length", maxBodyLength));
  const File memory = TRY(openMemory(pid, O_RDONLY));
  Answer answer;
  // Our memory grows with what is really there, not with what was asked for.
  for (size_t used = 0; used < length; used = answer.body.size()) {
    answer.body.resize(std::min<size_t>(length, used + std::max(readStep, used)));
    TRY(readMemory(memory.fd(), at + used, std::span(answer.body).subspan(used)));
  }
  return answer;
}

Result<Answer> mappedFile(const Request& request) {
  const pid_t pid = TRY(pidField(request.head));
  const File file = TRY(openMappedFile(pid, TRY(rangeOf(request.head))));
  const std::string act = "Cannot read a mapped file of pid " + std::to_string(pid);
  struct stat status;
  if (::fstat(file.fd(), &status) != 0) return processError(act, pid, errno);
  const uint64_t size = static_cast<uint64_t>(status.st_size);
  if (size > largestFile) return Error{ErrorKind::badElf, act + ": it has " + std::to_string(size) + " bytes, more than 4 GiB", {{"pid", pid}}};
  Answer answer;
  Json parts = Json::array();
  for (const FilePart& part : symbolParts(file.fd(), size)) {
    const size_t used = answer.body.size();
    if (part.length > maxBodyLength - used) return Error{ErrorKind::badElf, act + ": its symbols take more than 1 GiB", {{"pid", pid}}};
    answer.body.resize(used + part.length);
    if (!readAt(file.fd(), part.offset, std::span(answer.body).subspan(used))) {
      if (errno == 0) return Error{ErrorKind::badElf, act + ": it was cut while it was read", {{"pid", pid}}};
      return processError(act, pid, errno);
    }
    parts.push_back({{"offset", part.offset}, {"length", part.length}});
  }
  answer.result["size"] = size;
  answer.result["parts"] = std::move(parts);
  return answer;
}

Result<Answer> threads(const Request& request) {
  Json list = Json::array();
  for (const Thread& thread : TRY(listThreads(TRY(pidField(request.head))))) {
    list.push_back({{"tid", thread.tid}, {"name", thread.name}, {"state", std::string(1, thread.state)}});
  }
  return Answer{{{"threads", std::move(list)}}};
}

}  // namespace suture
