// A process as /proc shows it, without stopping it. Refuses what cannot be worked on: no such process, one that
// has ended, kernel threads, 32-bit programs, processes of others, processes under another tracer.
#pragma once

#include "file.h"
#include "remote-ptr.h"
#include "result.h"

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace suture {

/** /proc/PID/stat or /proc/PID/task/TID/stat. */
struct TaskStat {
  std::string name;
  /** R, S, D, T, t, Z, X, I. */
  char state = '?';
  /** PF_… of the kernel. */
  uint64_t flags = 0;
  int threads = 0;
  /** Clock ticks since boot. */
  uint64_t startTime = 0;

  bool isKernelThread() const { return (flags & 0x00200000) != 0; }  // PF_KTHREAD
  bool hasEnded() const { return state == 'Z' || state == 'X'; }
};

struct Thread {
  pid_t tid;
  std::string name;
  char state;
};

struct Mapping {
  RemoteRange range;
  bool readable;
  bool writable;
  bool executable;
  bool isShared;
  uint64_t offset;
  uint64_t inode;
  /** As /proc/PID/maps spells it, " (deleted)" included; empty for anonymous memory. */
  std::string path;
};

struct ProcessDescription {
  pid_t pid;
  std::string program;
  std::string name;
  uint64_t startTime;
  uid_t uid;
  int threads;
};

/** Nothing when the text is not what the kernel writes. */
bool parseTaskStat(std::string_view text, TaskStat& into);
std::vector<Mapping> parseMappings(std::string_view text);

/** Refuses: no-such-process. */
Result<TaskStat> readProcessStat(pid_t pid);
/** Refuses: no-such-process (of a thread that has ended, too). */
Result<TaskStat> readThreadStat(pid_t pid, pid_t tid);
/** Kernel order, which is the order of creation; the main thread first. Refuses: no-such-process. */
Result<std::vector<pid_t>> listThreadIds(pid_t pid);
/** Threads that end meanwhile are left out. */
Result<std::vector<Thread>> listThreads(pid_t pid);

/** Everything that `process` refuses, in the order that gives the most useful message. */
Result<ProcessDescription> describeProcess(pid_t pid);
/** Cheap: is this still the process that the caller means? Refuses: process-gone. */
Result<void> checkSameProcess(pid_t pid, uint64_t startTime);

/** The error, or process-gone when that is why: a process that is about to end has no memory any more, a moment before. */
Error unlessEnding(pid_t pid, Error error);

/** Of mappings in the order of their addresses: the one right below `start`, if nobody may touch it. */
const Mapping* guardBelow(std::span<const Mapping> mappings, RemotePtr start);

Result<std::string> readMapsText(pid_t pid);
Result<std::vector<Mapping>> readMappings(pid_t pid);

/** /proc/PID/mem. `flags`: O_RDONLY or O_RDWR. Refuses: no-such-process, not-permitted. */
Result<File> openMemory(pid_t pid, int flags);
/** All of `into` or an Error of kind unreadable-memory that names the first place that cannot be read. */
Result<void> readMemory(int memory, RemotePtr at, std::span<uint8_t> into);
/** Writes protected pages too, as a debugger does. All or an Error of kind unreadable-memory. */
Result<void> writeMemory(int memory, RemotePtr at, std::span<const uint8_t> from);

template <typename Value>
std::span<const uint8_t> bytesOf(const Value& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

/** "redis-server (4242)": how messages name a process. */
std::string nameProcess(pid_t pid);

/** The Error for an errno that /proc/PID/… or ptrace gave: `act` is "Cannot read the memory of pid 4242". */
Error processError(const std::string& act, pid_t pid, int number);

}  // namespace suture
