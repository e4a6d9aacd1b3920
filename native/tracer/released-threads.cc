#include "released-threads.h"

#include "process.h"
#include "scheduler-counts.h"
#include "tracing-thread.h"

#include <utility>
#include <vector>

namespace suture {

namespace {

constexpr uint64_t millisecond = 1'000'000;
constexpr uint64_t patience = 100 * millisecond;
constexpr uint64_t pollInterval = millisecond / 5;
/** On a busy machine it takes that long until all have had a processor. */
constexpr uint64_t aMoment = 500 * millisecond;

struct Released {
  pid_t pid;
  pid_t tid;
  /** What it had run by then. */
  uint64_t ran;

  bool hasRun() const {
    const Result<TaskStat> stat = readThreadStat(pid, tid);
    return !stat || stat.value().state != 'R' || readRunTime(pid, tid) != ran;
  }
};

/** Of one tracing thread after the other: there is never more than one. */
std::vector<Released> released;
std::unordered_map<pid_t, Sleeper> lastSleepers;
uint64_t lastReleasedAt = 0;

}  // namespace

void noteReleased(pid_t pid, pid_t tid) { released.push_back({pid, tid, readRunTime(pid, tid)}); }

void awaitReleased() {
  const uint64_t deadline = now() + patience;
  for (const Released& thread : released) {
    while (!thread.hasRun() && now() < deadline) rest(pollInterval);
  }
  released.clear();
}

void noteSleepers(std::unordered_map<pid_t, Sleeper> sleepers) {
  lastSleepers = std::move(sleepers);
  lastReleasedAt = now();
}

bool isGoingBackToSleep(pid_t pid, pid_t tid, uint64_t ran) {
  const auto found = lastSleepers.find(tid);
  return found != lastSleepers.end() && found->second.pid == pid && ran - found->second.ran <= mostRunOfStop && now() - lastReleasedAt <= aMoment;
}

}  // namespace suture
