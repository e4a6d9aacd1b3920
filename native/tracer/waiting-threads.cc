#include "waiting-threads.h"

#include "process.h"
#include "tracing-thread.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <string>

namespace suture {

namespace {

/** The scheduler's clock is not ours: what they may differ by in a moment, and how much slower one may go (the kernel's limit for slewing is one in two thousand). */
constexpr uint64_t clockDifference = 50'000;
constexpr uint64_t clockDrift = 1'000;

}  // namespace

/** The first number is the time it has run, which is not counted up to now while it runs. */
bool WaitingThreads::read(const File& file, Counts& into) {
  char text[80];
  const ssize_t got = ::pread(file.fd(), text, sizeof text, 0);
  if (got <= 0) return false;
  uint64_t numbers[3];
  const char* at = text;
  for (uint64_t& number : numbers) {
    const auto [end, error] = std::from_chars(at, text + got, number);
    if (error != std::errc()) return false;
    at = end + 1;
  }
  into = {numbers[1], numbers[2]};
  return true;
}

size_t WaitingThreads::watch(pid_t pid) {
  threads_.clear();
  const Result<std::vector<pid_t>> tids = listThreadIds(pid);
  if (!tids) return 0;
  for (const pid_t tid : tids.value()) {
    const Result<TaskStat> stat = readThreadStat(pid, tid);
    if (!stat || stat.value().state != 'R') continue;
    Thread thread = {openFile("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/schedstat", O_RDONLY), {}};
    if (read(thread.counts, thread.before)) threads_.emplace(tid, std::move(thread));
  }
  return threads_.size();
}

void WaitingThreads::begin() { begun_ = now(); }

void WaitingThreads::noteAsked(pid_t tid) {
  const auto found = threads_.find(tid);
  if (found == threads_.end()) return;
  Counts counts;
  found->second.wasWaitingWhenAsked = read(found->second.counts, counts) && counts.timesRun == found->second.before.timesRun;
}

bool WaitingThreads::hasWaited(pid_t tid, uint64_t standing) const {
  const auto found = threads_.find(tid);
  if (found == threads_.end() || !found->second.wasWaitingWhenAsked) return false;
  const Counts& before = found->second.before;
  Counts counts;
  if (!read(found->second.counts, counts) || counts.timesRun != before.timesRun + 1) return false;
  const uint64_t since = standing - begun_;
  return counts.waited - before.waited >= since + since / clockDrift + clockDifference;
}

}  // namespace suture
