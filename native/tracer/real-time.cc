#include "real-time.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace suture {

namespace {

constexpr uint64_t resetOnFork = 1;  // SCHED_FLAG_RESET_ON_FORK: a thread that is born meanwhile is not raised
constexpr int targetPriority = 1;
constexpr int ownPriority = 2;

SchedulingAttributes realTime(int priority) {
  SchedulingAttributes attributes = {};
  attributes.size = sizeof attributes;
  attributes.policy = SCHED_FIFO;
  attributes.flags = resetOnFork;
  attributes.priority = static_cast<uint32_t>(priority);
  return attributes;
}

/** What the guard reads: shared with it, written by us before a thread is raised. */
struct GuardTable {
  static constexpr size_t capacity = 16384;
  struct Entry {
    std::atomic<pid_t> tid;  // 0: nothing to restore
    SchedulingAttributes own;
  };
  std::atomic<size_t> used;
  Entry entries[capacity];
};

struct Guard {
  GuardTable* table = nullptr;
  pid_t pid = 0;

  bool isAlive() const { return pid > 0 && ::waitpid(pid, nullptr, WNOHANG) == 0; }
};

void restoreFrom(const GuardTable& table) {
  const size_t used = table.used.load();
  for (size_t i = 0; i < used && i < GuardTable::capacity; ++i) {
    const pid_t tid = table.entries[i].tid.load();
    if (tid != 0) changeScheduling(tid, table.entries[i].own);
  }
}

/**
 * Waits for the end of our input, which is the end of the helper, in a session of its own so that nobody kills both at once.
 * Above the threads that are raised: they may keep every CPU busy, and it is for the guard to end that.
 */
[[noreturn]] void guardUntilClosed(int input, const GuardTable& table) {
  ::setsid();
  changeScheduling(0, realTime(ownPriority));
  ::dup2(input, 0);
  ::syscall(SYS_close_range, 1u, ~0u, 0u);
  char byte;
  while (::read(0, &byte, 1) < 0 && errno == EINTR) {
  }
  restoreFrom(table);
  ::_exit(0);
}

Guard startGuard() {
  Guard guard;
  void* memory = ::mmap(nullptr, sizeof(GuardTable), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return guard;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    ::munmap(memory, sizeof(GuardTable));
    return guard;
  }
  guard.table = new (memory) GuardTable;
  guard.pid = ::fork();
  if (guard.pid == 0) {
    ::close(ends[1]);
    guardUntilClosed(ends[0], *guard.table);
  }
  ::close(ends[0]);
  // ends[1] stays open for as long as we live: its closing is the guard's signal.
  return guard;
}

Guard& theGuard() {
  static Guard guard = startGuard();
  return guard;
}

/** Without CAP_SYS_NICE a thread could be raised in places, but not be given back what it had. */
bool mayRestoreAnything() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[0].effective & (1u << CAP_SYS_NICE)) != 0;
}

/** What our main thread had before it was raised; size 0: it is not. */
SchedulingAttributes mainThreadsOwn = {};

bool isOrdinary(uint32_t policy) { return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE; }

/**
 * Our files are closed by the last thread of ours that ends, and nobody else knows before that we are dead. It must not wait for a
 * CPU behind threads that we have raised.
 */
void raiseMainThread() {
  SchedulingAttributes own = {};
  if (!readScheduling(::getpid(), own) || !isOrdinary(own.policy)) return;
  if (changeScheduling(::getpid(), realTime(ownPriority))) mainThreadsOwn = own;
}

void lowerMainThread() {
  if (mainThreadsOwn.size != 0) changeScheduling(::getpid(), mainThreadsOwn);
  mainThreadsOwn = {};
}

}  // namespace

bool readScheduling(pid_t tid, SchedulingAttributes& into) {
  return ::syscall(SYS_sched_getattr, tid, &into, sizeof into, 0u) == 0;
}

bool changeScheduling(pid_t tid, const SchedulingAttributes& attributes) {
  return ::syscall(SYS_sched_setattr, tid, &attributes, 0u) == 0;
}

bool RaisedPriorities::prepare(size_t threads) {
  raised_.reserve(threads);
  isPossible_ = mayRestoreAnything() && theGuard().isAlive();
  // Above the threads that we raise, or a busy one would keep us from letting it go.
  SchedulingAttributes own = {};
  if (isPossible_) isPossible_ = readScheduling(0, own) && changeScheduling(0, realTime(ownPriority));
  if (!isPossible_) return false;
  if (own_.size == 0 && isOrdinary(own.policy)) own_ = own;
  raiseMainThread();
  return true;
}

void RaisedPriorities::raise(pid_t tid) {
  if (!isPossible_ || raised_.size() == GuardTable::capacity) return;
  Raised raised = {tid, {}};
  // One that we have raised before is real-time by now, and left alone.
  if (!readScheduling(tid, raised.own) || !isOrdinary(raised.own.policy)) return;

  GuardTable& table = *theGuard().table;
  GuardTable::Entry& entry = table.entries[raised_.size()];
  entry.own = raised.own;
  entry.tid.store(tid);
  table.used.store(raised_.size() + 1);
  if (changeScheduling(tid, realTime(targetPriority))) {
    raised_.push_back(raised);
  } else {
    entry.tid.store(0);
    isPossible_ = errno != EPERM;
  }
}

void RaisedPriorities::restore() {
  if (raised_.empty()) return;
  for (const Raised& raised : raised_) changeScheduling(raised.tid, raised.own);
  GuardTable& table = *theGuard().table;
  for (size_t i = 0; i < raised_.size(); ++i) table.entries[i].tid.store(0);
  table.used.store(0);
  raised_.clear();
}

void RaisedPriorities::restoreAll() {
  restore();
  lowerMainThread();
  if (own_.size != 0) changeScheduling(0, own_);
  own_ = {};
}

}  // namespace suture
