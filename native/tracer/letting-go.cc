// The end of a stop: every thread is let go, in the order that disturbs nobody's system call, and those that were asked to stop
// and have not yet done so are waited for. Refuses nothing; who sleeps uninterruptibly is left to the end of the tracing thread.
#include "stopped-process.h"

#include "released-threads.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

namespace suture {

namespace {

constexpr uint64_t millisecond = 1'000'000;
/**
 * For threads that were asked to stop, did not in time, and must still have their interrupted call mended. Only one that
 * has fallen into uninterruptible sleep is given up before: it may never come.
 */
constexpr uint64_t releasePatience = 30'000 * millisecond;
constexpr uint64_t releasePatienceInSleep = 2'000 * millisecond;
/** So long those whose calls give EINTR wait for the others to be let go. */
constexpr uint64_t repeaterPatience = 10 * millisecond;
constexpr uint64_t pollInterval = millisecond / 5;

bool isUnstopped(const Tracee& tracee) {
  return tracee.state == Tracee::State::seized || tracee.state == Tracee::State::interrupted;
}

}  // namespace

void AllStop::let(Tracee& tracee) {
  // ESRCH: it was killed while it stood; what is left of it goes with the tracing thread.
  ::ptrace(PTRACE_DETACH, tracee.tid, nullptr, static_cast<unsigned long>(tracee.signal));
  tracee.heldUntil = now();
  tracee.state = Tracee::State::released;
}

template <typename Choice>
void AllStop::letAll(Choice isChosen) {
  for (Tracee& tracee : tracees_) {
    if (tracee.state == Tracee::State::stopped && isChosen(tracee)) let(tracee);
  }
}

/**
 * One that was only seized. It may be on its way to a stop for a signal that its process ignores: let go before, or when another thread that
 * is let go takes the signal first, it would give EINTR.
 */
void AllStop::askToStop(Tracee& tracee) {
  if (tracee.state != Tracee::State::seized || tracee.isUninterruptible) return;
  interrupt(tracee);
  // Until it stops it runs as ever.
  tracee.heldFrom = 0;
}

/** Those whose calls give EINTR stay: see release(). */
AllStop::Wait AllStop::letIfStopped(Tracee& tracee) {
  const Wait end = await(tracee, WNOHANG, 0);
  if (end != Wait::stopped) return end;
  if (tracee.heldFrom == 0) tracee.heldFrom = now();
  if (!tracee.repeatsItsCall) let(tracee);
  return end;
}

/**
 * Threads that were asked to stop and have not yet done so: each is let go the moment it does, or its interrupted call
 * would give EINTR. What is still left sleeps uninterruptibly, and is let go by the end of the tracing thread.
 */
void AllStop::catchUp() {
  const uint64_t start = now();
  for (;;) {
    const uint64_t waited = now() - start;
    bool isAnyAwaited = false;
    for (size_t i = 0; i < tracees_.size(); ++i) {
      Tracee& tracee = tracees_[i];
      if (!isUnstopped(tracee)) continue;
      if (letIfStopped(tracee) != Wait::stopped) isAnyAwaited |= isToBeAwaited(tracee, waited);
    }
    if (!isAnyAwaited) return;
    if (waited > repeaterPatience) letAll([](const Tracee&) { return true; });
    rest(pollInterval);
  }
}

bool AllStop::isToBeAwaited(Tracee& tracee, uint64_t waited) {
  if (tracee.state != Tracee::State::interrupted || tracee.isUninterruptible || waited > releasePatience || leaveIfEnded(tracee)) return false;
  if (waited < releasePatienceInSleep) return true;
  const Result<TaskStat> stat = readThreadStat(processes_[tracee.process].pid, tracee.tid);
  return stat && stat.value().state != 'D';
}

void AllStop::noteThoseReleased() const {
  std::unordered_map<pid_t, Sleeper> sleepers;
  for (const Tracee& tracee : tracees_) {
    const auto before = ranBefore_.find(tracee.tid);
    if (!tracee.isWorking && before != ranBefore_.end()) sleepers.insert({tracee.tid, {processes_[tracee.process].pid, before->second}});
  }
  noteSleepers(std::move(sleepers));
  // To wait for them is of no use where nobody's call would have given EINTR.
  if (std::ranges::none_of(tracees_, [](const Tracee& tracee) { return tracee.repeatsItsCall; })) return;
  for (const Tracee& tracee : tracees_) {
    if (tracee.state == Tracee::State::released) noteReleased(processes_[tracee.process].pid, tracee.tid);
  }
}

void AllStop::release() {
  if (std::exchange(isReleased_, true)) return;
  for (Tracee& tracee : tracees_) askToStop(tracee);
  // Main threads that work first, since of many a process it is the only one: to wake another one takes longer than all that is left for it to wait for.
  letAll([&](const Tracee& tracee) { return isLeader(tracee) && tracee.isWorking && !tracee.repeatsItsCall; });
  letAll([&](const Tracee& tracee) { return isLeader(tracee) && !tracee.repeatsItsCall; });
  letAll([](const Tracee& tracee) { return tracee.isWorking && !tracee.repeatsItsCall; });
  if (std::none_of(tracees_.begin(), tracees_.end(), [](const Tracee& tracee) { return tracee.state == Tracee::State::interrupted; })) raised_.restore();
  letAll([](const Tracee& tracee) { return !tracee.repeatsItsCall; });
  if (std::any_of(tracees_.begin(), tracees_.end(), isUnstopped)) catchUp();
  letAll([&](const Tracee& tracee) { return isLeader(tracee); });
  letAll([](const Tracee&) { return true; });
  raised_.restoreAll();
  noteThoseReleased();
}

}  // namespace suture
