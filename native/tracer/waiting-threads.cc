#include "waiting-threads.h"

#include "process.h"
#include "tracing-thread.h"

#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace suture {

namespace {

/** Nanoseconds; see above. */
constexpr uint64_t mostDelay = 1'000'000;
/** The scheduler's clock and ours count the same ticks; how much they may differ in what a tick lasts is at most one part of so many. */
constexpr uint64_t clockDrift = 1'000;
/** Descriptors left for everybody else. */
constexpr int spareFiles = 256;

/** CLOCK_MONOTONIC_RAW: nobody sets it or slows it down. */
uint64_t steadyTime() { return readClock(CLOCK_MONOTONIC_RAW); }

/** Else the scheduler's time may go by timer interrupts, and from one processor to another. */
bool isKeptByProcessors() {
  constexpr std::string_view steady[] = {"tsc\n", "kvm-clock\n", "hyperv_clocksource_tsc_page\n", "arch_sys_counter\n"};
  std::string source;
  return readTextFile("/sys/devices/system/clocksource/clocksource0/current_clocksource", source) && std::ranges::find(steady, source) != std::end(steady);
}

int mostFiles() {
  struct rlimit limit = {};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? static_cast<int>(std::min<rlim_t>(limit.rlim_cur, INT32_MAX)) : INT32_MAX;
}

/** Of one moment: the thread may be given a processor while the kernel writes the numbers down. */
bool readSettled(const File& file, SchedulerCounts& into) {
  SchedulerCounts again;
  constexpr int mostTries = 3;
  for (int tries = 0; tries < mostTries; ++tries) {
    if (!readSchedulerCounts(file, into) || !readSchedulerCounts(file, again)) return false;
    if (into == again) return true;
  }
  return false;
}

}  // namespace

size_t WaitingThreads::watch(pid_t pid) {
  threads_.clear();
  const Result<std::vector<pid_t>> tids = listThreadIds(pid);
  if (!tids || !isKeptByProcessors()) return 0;
  const int highest = mostFiles() - spareFiles;
  for (const pid_t tid : tids.value()) {
    const Result<TaskStat> stat = readThreadStat(pid, tid);
    if (!stat || stat.value().state != 'R') continue;
    Thread thread = {openSchedulerCounts(pid, tid), {}};
    if (thread.counts.fd() >= highest) break;
    if (thread.counts.isOpen()) threads_.emplace(tid, std::move(thread));
  }
  return threads_.size();
}

void WaitingThreads::begin() {
  for (auto thread = threads_.begin(); thread != threads_.end();) {
    thread = readSettled(thread->second.counts, thread->second.before) ? std::next(thread) : threads_.erase(thread);
  }
  since_ = steadyTime();
}

const WaitingThreads::Thread* WaitingThreads::find(pid_t tid) const {
  const auto found = threads_.find(tid);
  return found == threads_.end() ? nullptr : &found->second;
}

void WaitingThreads::noteAsked(pid_t tid) {
  const auto found = threads_.find(tid);
  if (found == threads_.end()) return;
  SchedulerCounts counts;
  Thread& thread = found->second;
  thread.wasGivenNone = readSchedulerCounts(thread.counts, counts) && counts.timesRun == thread.before.timesRun;
}

bool WaitingThreads::wasGivenNone(pid_t tid) const {
  const Thread* const thread = find(tid);
  return thread != nullptr && thread->wasGivenNone;
}

bool WaitingThreads::hasWaited(pid_t tid) const {
  const Thread* const thread = find(tid);
  SchedulerCounts counts;
  if (thread == nullptr || !thread->wasGivenNone || !readSchedulerCounts(thread->counts, counts) || counts.timesRun != thread->before.timesRun + 1) return false;
  const uint64_t lasted = steadyTime() - since_;
  return counts.waited - thread->before.waited > lasted + lasted / clockDrift + mostDelay;
}

}  // namespace suture
