#include "process.h"

#include "protocol.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace suture {

namespace {

std::string procPath(pid_t pid, const char* rest) { return "/proc/" + std::to_string(pid) + rest; }

std::string taskPath(pid_t pid, pid_t tid, const char* rest) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + rest;
}

/** Takes the word up to the next `separator` off the front of `text`. */
std::string_view takeWord(std::string_view& text, char separator = ' ') {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <typename Number>
bool parseNumber(std::string_view text, Number& into, int base = 10) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), into, base);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

bool parseMapping(std::string_view line, Mapping& into) {
  std::string_view range = takeWord(line);
  uint64_t start, end;
  if (!parseNumber(takeWord(range, '-'), start, 16) || !parseNumber(range, end, 16)) return false;
  const std::string_view permissions = takeWord(line);
  if (permissions.size() != 4) return false;
  if (!parseNumber(takeWord(line), into.offset, 16)) return false;
  takeWord(line);  // device
  if (!parseNumber(takeWord(line), into.inode)) return false;
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));

  into.range = {RemotePtr(start), RemotePtr(end)};
  into.readable = permissions[0] == 'r';
  into.writable = permissions[1] == 'w';
  into.executable = permissions[2] == 'x';
  into.isShared = permissions[3] == 's';
  into.path = line;
  return true;
}

/** The value of a line "Name:\tvalue" of /proc/PID/status. */
std::string_view statusField(std::string_view status, std::string_view name) {
  for (std::string_view rest = status; !rest.empty();) {
    std::string_view line = takeWord(rest, '\n');
    if (takeWord(line, ':') != name) continue;
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return line;
  }
  return {};
}

Error noSuchProcess(const std::string& act, pid_t pid) {
  return {ErrorKind::noSuchProcess, act + ": there is no such process", {{"pid", pid}}};
}

Error unreadable(const char* act, RemotePtr at) {
  return {ErrorKind::unreadableMemory, std::string(act) + " memory at " + formatHex(at) + ": nothing is mapped there",
          {{"at", formatHex(at)}}};
}

/** Which of the kernel's locks stands in the way, and its key. */
std::string wayToPermission() {
  std::string scope;
  if (readTextFile("/proc/sys/kernel/yama/ptrace_scope", scope) && !scope.starts_with("0")) {
    return "; kernel.yama.ptrace_scope is " + scope.substr(0, 1) +
           ": run as root, give the helper CAP_SYS_PTRACE, or set it to 0";
  }
  return "; run as the user of the process, as root, or give the helper CAP_SYS_PTRACE";
}

Result<void> checkTraceable(const std::string& act, pid_t pid, const TaskStat& stat) {
  if (stat.isKernelThread()) {
    return Error{ErrorKind::notPermitted, act + ": " + stat.name + " is a thread of the kernel", {{"pid", pid}}};
  }
  if (stat.hasEnded()) {
    return Error{ErrorKind::processGone,
                 act + (stat.threads > 1 ? ": the main thread has ended while others go on, so that its memory cannot be reached"
                                         : ": " + stat.name + " has ended" + (stat.state == 'Z' ? " and waits for its parent to notice" : "")),
                 {{"pid", pid}}};
  }
  return {};
}

Result<void> checkTracer(const std::string& act, pid_t pid, std::string_view status) {
  pid_t tracer = 0;
  if (!parseNumber(statusField(status, "TracerPid"), tracer) || tracer == 0) return {};
  return Error{ErrorKind::alreadyTraced,
               act + ": " + nameProcess(tracer) + " is tracing it; detach that first",
               {{"pid", pid}, {"tracer", tracer}}};
}

/** A library that we cannot read is for others to complain about; the program itself must be of our class and machine. */
Result<void> checkArchitecture(const std::string& act, pid_t pid) {
  const File program = openFile(procPath(pid, "/exe"), O_RDONLY);
  if (!program.isOpen()) return processError(act, pid, errno);
  Elf64_Ehdr header;
  if (::pread(program.fd(), &header, sizeof header, 0) != ssize_t{sizeof header}) return {};
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return {};
  if (header.e_ident[EI_CLASS] != ELFCLASS64) {
    return Error{ErrorKind::unsupportedArchitecture, act + ": it is a 32-bit program, only 64-bit ones can be patched", {{"pid", pid}}};
  }
#if defined(__x86_64__)
  constexpr int ours = EM_X86_64;
#elif defined(__aarch64__)
  constexpr int ours = EM_AARCH64;
#endif
  if (header.e_machine != ours) {
    return Error{ErrorKind::unsupportedArchitecture,
                 act + ": it is a program for ELF machine " + std::to_string(header.e_machine) + ", this helper is for " + std::to_string(ours),
                 {{"pid", pid}}};
  }
  return {};
}

}  // namespace

bool parseTaskStat(std::string_view text, TaskStat& into) {
  // The name stands in parentheses and may hold any byte, parentheses and spaces too: the last one closes it.
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == text.npos || close == text.npos || close < open || close + 2 >= text.size()) return false;
  into.name = text.substr(open + 1, close - open - 1);

  std::string_view rest = text.substr(close + 2);
  std::string_view fields[20];  // from field 3 of proc(5): state … starttime
  for (std::string_view& field : fields) field = takeWord(rest);
  if (fields[0].size() != 1) return false;
  into.state = fields[0][0];
  return parseNumber(fields[6], into.flags) && parseNumber(fields[17], into.threads) && parseNumber(fields[19], into.startTime);
}

const Mapping* guardBelow(std::span<const Mapping> mappings, RemotePtr start) {
  const auto at = std::lower_bound(mappings.begin(), mappings.end(), start, [](const Mapping& each, RemotePtr place) { return each.range.end < place; });
  const bool isGuard = at != mappings.end() && at->range.end == start && !at->readable && !at->writable;
  return isGuard ? &*at : nullptr;
}

std::vector<Mapping> parseMappings(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    Mapping mapping;
    if (parseMapping(takeWord(text, '\n'), mapping)) mappings.push_back(std::move(mapping));
  }
  return mappings;
}

static Result<TaskStat> readStat(const std::string& path, pid_t id) {
  const std::string act = "Cannot look at pid " + std::to_string(id);
  std::string text;
  if (!readTextFile(path, text)) return processError(act, id, errno);
  TaskStat stat;
  if (!parseTaskStat(text, stat)) return Error{ErrorKind::internal, act + ": its stat file is not understood"};
  return stat;
}

Result<TaskStat> readProcessStat(pid_t pid) { return readStat(procPath(pid, "/stat"), pid); }
Result<TaskStat> readThreadStat(pid_t pid, pid_t tid) { return readStat(taskPath(pid, tid, "/stat"), tid); }

Result<std::vector<pid_t>> listThreadIds(pid_t pid) {
  const std::string act = "Cannot list the threads of pid " + std::to_string(pid);
  DIR* directory = ::opendir(procPath(pid, "/task").c_str());
  if (directory == nullptr) return processError(act, pid, errno);
  std::vector<pid_t> tids;
  while (const dirent* entry = ::readdir(directory)) {
    pid_t tid;
    if (parseNumber(std::string_view(entry->d_name), tid)) tids.push_back(tid);
  }
  ::closedir(directory);
  if (tids.empty()) return noSuchProcess(act, pid);
  return tids;
}

Result<std::vector<Thread>> listThreads(pid_t pid) {
  std::vector<Thread> threads;
  for (const pid_t tid : TRY(listThreadIds(pid))) {
    Result<TaskStat> stat = readThreadStat(pid, tid);
    if (stat) threads.push_back({tid, std::move(stat.value().name), stat.value().state});
  }
  return threads;
}

Result<ProcessDescription> describeProcess(pid_t pid) {
  const std::string act = "Cannot work on pid " + std::to_string(pid);
  const TaskStat stat = TRY(readProcessStat(pid));
  TRY(checkTraceable(act, pid, stat));

  std::string status;
  if (!readTextFile(procPath(pid, "/status"), status)) return processError(act, pid, errno);
  pid_t leader = 0;
  if (parseNumber(statusField(status, "Tgid"), leader) && leader != pid) {
    return Error{ErrorKind::noSuchProcess, act + ": it is a thread of pid " + std::to_string(leader), {{"pid", pid}, {"process", leader}}};
  }
  TRY(checkTracer(act, pid, status));
  // Asks for the same access as ptrace does, and stops nothing.
  TRY(openMemory(pid, O_RDONLY));
  TRY(checkArchitecture(act, pid));

  std::string_view uids = statusField(status, "Uid");
  uid_t uid = 0;
  parseNumber(takeWord(uids, '\t'), uid);
  return ProcessDescription{pid, readLink(procPath(pid, "/exe")), stat.name, stat.startTime, uid, stat.threads};
}

Result<void> checkSameProcess(pid_t pid, uint64_t startTime) {
  const std::string act = "Cannot work on pid " + std::to_string(pid);
  Result<TaskStat> stat = readProcessStat(pid);
  if (stat && stat.value().startTime == startTime && !stat.value().hasEnded()) return {};
  const bool replaced = stat && stat.value().startTime != startTime;
  return Error{ErrorKind::processGone, act + (replaced ? ": it has ended and another process has its number" : ": it has ended"), {{"pid", pid}}};
}

Error unlessEnding(pid_t pid, Error error) {
  const Result<std::vector<Mapping>> mappings = readMappings(pid);
  if (mappings && !mappings.value().empty()) return error;
  return {ErrorKind::processGone, "Cannot work on pid " + std::to_string(pid) + ": it has ended", {{"pid", pid}}};
}

Result<std::string> readMapsText(pid_t pid) {
  std::string text;
  if (!readTextFile(procPath(pid, "/maps"), text)) {
    return processError("Cannot read the mappings of pid " + std::to_string(pid), pid, errno);
  }
  return text;
}

Result<std::vector<Mapping>> readMappings(pid_t pid) {
  const std::string text = TRY(readMapsText(pid));
  return parseMappings(text);
}

Result<File> openMemory(pid_t pid, int flags) {
  File memory = openFile(procPath(pid, "/mem"), flags);
  if (!memory.isOpen()) return processError("Cannot trace pid " + std::to_string(pid), pid, errno);
  return memory;
}

Result<void> readMemory(int memory, RemotePtr at, std::span<uint8_t> into) {
  while (!into.empty()) {
    const ssize_t got = ::pread64(memory, into.data(), into.size(), static_cast<off64_t>(at.bits()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return unreadable("Cannot read", at);
    at = at + static_cast<uint64_t>(got);
    into = into.subspan(static_cast<size_t>(got));
  }
  return {};
}

Result<void> writeMemory(int memory, RemotePtr at, std::span<const uint8_t> from) {
  while (!from.empty()) {
    const ssize_t put = ::pwrite64(memory, from.data(), from.size(), static_cast<off64_t>(at.bits()));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return unreadable("Cannot write", at);
    at = at + static_cast<uint64_t>(put);
    from = from.subspan(static_cast<size_t>(put));
  }
  return {};
}

std::string nameProcess(pid_t pid) {
  Result<TaskStat> stat = readProcessStat(pid);
  const std::string number = std::to_string(pid);
  return stat ? stat.value().name + " (" + number + ")" : "pid " + number;
}

Error processError(const std::string& act, pid_t pid, int number) {
  const Json data = {{"pid", pid}};
  switch (number) {
    case ENOENT:
    case ESRCH:
      return noSuchProcess(act, pid);
    case EACCES:
    case EPERM:
      return {ErrorKind::notPermitted, act + ": the kernel does not permit it" + wayToPermission(), data};
    case ENOMEM:
      return {ErrorKind::outOfMemory, act + ": out of memory", data};
    default:
      return {ErrorKind::internal, act + ": " + std::strerror(number), data};
  }
}

}  // namespace suture
