#include "stopped-process.h"

#include "interrupted-call.h"
#include "released-threads.h"
#include "scheduler-counts.h"

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace suture {

namespace {

constexpr uint64_t millisecond = 1'000'000;
/** For threads in uninterruptible sleep: nobody else is held meanwhile. */
constexpr uint64_t uninterruptiblePatience = 20 * millisecond;
constexpr uint64_t wakingPatience = 2 * millisecond;
constexpr uint64_t sleepersPatience = 100 * millisecond;
constexpr uint64_t pollInterval = millisecond / 5;
/**
 * The last of so many is waited for first: on a processor that they share with us the others stop meanwhile, one after the other, and we are
 * not scheduled in between.
 */
constexpr size_t awaitedTogether = 8;
/** So many are asked to stop before the first of them is looked after: they need the time, and whoever searches stacks beside us must not wait for all. */
constexpr size_t askedAhead = 16;
/** Where it matters who gets to a processor before he has been asked, and runs on there: his stack must be read. */
constexpr size_t askedAheadAtOnce = 256;
constexpr int maxSeizeRounds = 100;

// O_TRACECLONE: a thread that is born meanwhile is ours from its first instruction on.
// O_TRACEEXEC: a program that is replaced meanwhile is noticed.
constexpr long seizeOptions = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

pid_t ownTid() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

std::string taskFile(pid_t pid, pid_t tid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/" + name;
}

pid_t readTracer(pid_t pid, pid_t tid) {
  std::string status;
  if (!readTextFile(taskFile(pid, tid, "status"), status)) return 0;
  const size_t at = status.find("TracerPid:\t");
  pid_t tracer = 0;
  if (at != status.npos) std::from_chars(status.data() + at + 11, status.data() + status.size(), tracer);
  return tracer;
}

bool isThreadOf(pid_t pid, pid_t tid) {
  return ::access(("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid)).c_str(), F_OK) == 0;
}

Error alreadyTraced(pid_t pid, pid_t tracer) {
  return {ErrorKind::alreadyTraced,
          "Cannot stop pid " + std::to_string(pid) + ": " + nameProcess(tracer) + " is tracing it; detach that first",
          {{"pid", pid}, {"tracer", tracer}}};
}

double microseconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds / 100) / 10; }

}  // namespace

Json toJson(const StopFigures& figures) {
  return {{"workingMicroseconds", microseconds(figures.working)},
          {"sleepingMicroseconds", microseconds(figures.sleeping)},
          {"workingThreads", figures.workingThreads},
          {"sleepingThreads", figures.sleepingThreads}};
}

Result<std::vector<pid_t>> awaitUninterruptible(pid_t pid) {
  std::vector<pid_t> asleep;
  for (const uint64_t deadline = now() + uninterruptiblePatience;; rest(pollInterval)) {
    const std::vector<pid_t> among = asleep.empty() ? TRY(listThreadIds(pid)) : std::exchange(asleep, {});
    for (const pid_t tid : among) {
      const Result<TaskStat> stat = readThreadStat(pid, tid);
      if (stat && stat.value().state == 'D') asleep.push_back(tid);
    }
    if (asleep.empty() || now() >= deadline) return asleep;
  }
}

Result<void> AllStop::watch(pid_t pid) {
  awaitReleased();
  for (const pid_t tid : TRY(listThreadIds(pid))) ranBefore_[tid] = readRunTime(pid, tid);
  return {};
}

Result<void> AllStop::seize(pid_t pid, uint64_t startTime, bool takesAll) {
  takesAll_ = takesAll;
  raiseOurselves();
  processes_.push_back({pid, startTime, openFile("/proc/" + std::to_string(pid) + "/task", O_RDONLY | O_DIRECTORY)});
  if (seizedAt_ == 0) seizedAt_ = now();
  const size_t process = processes_.size() - 1;
  processes_[process].isLeaderLeft = true;
  TRY(seizeUntilQuiet(process));
  const uint64_t deadline = now() + uninterruptiblePatience;
  for (const pid_t tid : std::vector(asleep_)) TRY(seizeOnceAwake(process, tid, deadline));
  TRY(seizeOrLeaveLeader(process, deadline));
  // The number may have gone to another process before we held it; from now on it cannot.
  return checkSameProcess(pid, startTime);
}

/** It is left where there are others. */
Result<void> AllStop::seizeOrLeaveLeader(size_t process, uint64_t deadline) {
  const pid_t pid = processes_[process].pid;
  const bool isAlone = std::ranges::none_of(tracees_, [&](const Tracee& tracee) { return tracee.process == process; });
  processes_[process].isLeaderLeft = !isAlone;
  if (isAlone) {
    TRY(seizeUntilQuiet(process));
    for (const pid_t tid : std::vector(asleep_)) TRY(seizeOnceAwake(process, tid, deadline));
    return {};
  }
  const pid_t tracer = readTracer(pid, pid);
  return tracer == 0 || tracer == ownTid() ? Result<void>() : alreadyTraced(pid, tracer);
}

/** A thread can be born behind the back of one listing, and one listing can skip over a thread when another ends. */
Result<void> AllStop::seizeUntilQuiet(size_t process) {
  int quietRounds = 0;
  for (int round = 0; quietRounds < 2; ++round) {
    if (round == maxSeizeRounds) {
      const pid_t pid = processes_[process].pid;
      return Error{ErrorKind::internal, "Cannot stop pid " + std::to_string(pid) + ": it makes threads faster than they can be caught", {{"pid", pid}}};
    }
    quietRounds = TRY(seizeNewThreads(process)) ? 0 : quietRounds + 1;
  }
  return {};
}

Result<void> AllStop::seizeOnceAwake(size_t process, pid_t tid, uint64_t deadline) {
  for (;; rest(pollInterval)) {
    asleep_.clear();
    (void)TRY(seizeThread(process, tid));
    if (asleep_.empty()) return {};
    if (now() >= deadline) break;
  }
  leaveAlone(process, tid);
  return {};
}

/** Was there any that we did not know? */
Result<bool> AllStop::seizeNewThreads(size_t process) {
  asleep_.clear();
  bool found = false;
  Result<std::vector<pid_t>> tids = listThreadIds(processes_[process].pid);
  if (!tids) return checkSameProcess(processes_[process].pid, processes_[process].startTime).ok() ? tids.error() : Error{ErrorKind::processGone, tids.error().message, tids.error().data};
  for (const pid_t tid : tids.value()) {
    if (isKnown(tid) || (processes_[process].isLeaderLeft && tid == processes_[process].pid)) continue;
    found |= TRY(seizeThread(process, tid));
  }
  return found;
}

/** False for a thread that has ended, and for one that is left for later. */
Result<bool> AllStop::seizeThread(size_t process, pid_t tid) {
  const pid_t pid = processes_[process].pid;
  const Result<TaskStat> stat = readThreadStat(pid, tid);
  if (!stat) return false;
  if (stat.value().hasEnded()) {
    processes_[process].hasEndedLeader |= tid == pid;
    return false;
  }
  if (stat.value().state == 'D' && !takesAll_) {
    asleep_.push_back(tid);
    return false;
  }
  if (seizeTracee(tid, seizeOptions) == 0) {
    adopt(process, tid, Tracee::State::seized);
    Tracee& tracee = tracees_.back();
    const auto before = ranBefore_.find(tid);
    const uint64_t ran = readRunTime(pid, tid);
    const bool hasRun = before == ranBefore_.end() || ran - before->second > mostRunOfStop;
    const bool isWaiting = stat.value().state == 'R' && !isGoingBackToSleep(pid, tid, ran);
    tracee.scheduledAs = stat.value().state;
    tracee.isUninterruptible = stat.value().state == 'D';
    tracee.isWorking = !tracee.isUninterruptible && (isWaiting || hasRun);
    return true;
  }
  const int number = errno;
  if (number == ESRCH) return false;
  const pid_t tracer = readTracer(pid, tid);
  if (tracer == ownTid()) {
    // Born to a thread that we had seized: the kernel has seized it for us, and it stops by itself.
    adopt(process, tid, Tracee::State::interrupted);
    return true;
  }
  if (tracer != 0) return alreadyTraced(pid, tracer);
  const Result<TaskStat> again = readThreadStat(pid, tid);
  if (!again || again.value().hasEnded()) return false;
  return processError("Cannot stop pid " + std::to_string(pid), pid, number);
}

void AllStop::adopt(size_t process, pid_t tid, Tracee::State state) {
  indexByTid_[tid] = tracees_.size();
  Tracee& tracee = tracees_.emplace_back(Tracee{.process = process, .tid = tid, .isWorking = true, .isUninterruptible = false});
  tracee.state = state;
  tracee.heldFrom = state == Tracee::State::interrupted ? seizedAt_ : 0;
}

/** It may not stop for a long time. */
void AllStop::leaveAlone(size_t process, pid_t tid) {
  processes_[process].isLeaderLeft &= tid != processes_[process].pid;
  adopt(process, tid, Tracee::State::unseized);
  tracees_.back().isUninterruptible = true;
  tracees_.back().isWorking = false;
}

/** False: not now. */
bool AllStop::seizeLeader(size_t process) {
  const pid_t pid = processes_[process].pid;
  processes_[process].isLeaderLeft = false;
  asleep_.clear();
  if (!seizeThread(process, pid) || !asleep_.empty()) return leaveAlone(process, pid), false;
  if (takesAll_) interruptUninterruptible();
  // Where all others have ended it may have executed another program, which nobody would tell us.
  return std::ranges::any_of(tracees_, [&](const Tracee& tracee) {
    return tracee.process == process && tracee.tid != pid && tracee.state != Tracee::State::gone && isThreadOf(pid, tracee.tid);
  });
}

void AllStop::interrupt(Tracee& tracee) {
  tracee.heldFrom = now();
  // It can fail only for a thread that is ending; waiting for that one is right as well.
  ::ptrace(PTRACE_INTERRUPT, tracee.tid, nullptr, nullptr);
  tracee.state = Tracee::State::interrupted;
}

/** Asking twice costs a call to the kernel for each. */
void AllStop::raise(Tracee& tracee) {
  if (!tracee.isRaised) raised_.raise(tracee.tid);
  tracee.isRaised = true;
}

AllStop::Wait AllStop::await(Tracee& tracee, int flags, uint64_t deadline) {
  for (;;) {
    int status;
    const pid_t got = ::waitpid(tracee.tid, &status, __WALL | flags);
    if (got == tracee.tid) return noteStop(tracee, status);
    if (got == 0) return Wait::timedOut;
    if (errno != EINTR) break;
    if (now() >= deadline) return Wait::timedOut;
  }
  tracee.state = Tracee::State::gone;
  return Wait::gone;
}

AllStop::Wait AllStop::noteStop(Tracee& tracee, int status) {
  const int event = status >> 16;
  if (!WIFSTOPPED(status) || ::ptrace(PTRACE_GETREGS, tracee.tid, nullptr, &tracee.registers) != 0) {
    tracee.state = Tracee::State::gone;
    return Wait::gone;
  }
  // Before our interrupt could reach it: it stands since some time after the seizing.
  if (event != PTRACE_EVENT_STOP) tracee.heldFrom = seizedAt_;
  tracee.state = Tracee::State::stopped;
  tracee.signal = event == 0 ? WSTOPSIG(status) : 0;
  if (event == 0 || event == PTRACE_EVENT_STOP) tracee.repeatsItsCall = hideInterruption(tracee.tid, tracee.registers);
  if (event == PTRACE_EVENT_CLONE) noteBirth(tracee);
  if (event == PTRACE_EVENT_EXEC) processes_[tracee.process].hasExecuted = true;
  return Wait::stopped;
}

void AllStop::noteBirth(const Tracee& parent) {
  unsigned long message = 0;
  if (::ptrace(PTRACE_GETEVENTMSG, parent.tid, nullptr, &message) != 0) return;
  const auto tid = static_cast<pid_t>(message);
  if (isKnown(tid)) return;
  adopt(parent.process, tid, Tracee::State::interrupted);
  tracees_.back().heldFrom = parent.heldFrom;
  tracees_.back().isForeign = !isThreadOf(processes_[parent.process].pid, tid);
}

template <typename Choice>
AllStop::Outcome AllStop::stop(Choice isChosen, uint64_t deadline, const Visitor& visitor, const Asked& asked) {
  bool isWanted = true;
  const auto ask = [&](Tracee& tracee) {
    interrupt(tracee);
    if (asked) asked(tracee);
  };
  const auto visit = [&](const Tracee& tracee) {
    if (isWanted && !tracee.isForeign) isWanted = visitor(tracee);
  };
  // Those on a CPU stop at once; what still has to be scheduled for it is given priority, where it has not got it.
  const auto lookAfter = [&](Tracee& tracee) {
    if (!isChosen(tracee) || tracee.state != Tracee::State::interrupted) return;
    const Wait how = await(tracee, WNOHANG, 0);
    if (how == Wait::stopped) visit(tracee);
    if (how == Wait::timedOut && tracee.isWorking) raise(tracee);
  };
  const size_t ahead = asked ? askedAheadAtOnce : askedAhead;
  for (size_t i = 0; i < tracees_.size() + ahead && isWanted; ++i) {
    if (i < tracees_.size() && isChosen(tracees_[i]) && tracees_[i].state == Tracee::State::seized) ask(tracees_[i]);
    if (i >= ahead) lookAfter(tracees_[i - ahead]);
  }
  bool isComplete = true;
  const auto awaitRest = [&](uint64_t until, auto onTimeOut) {
    const Alarm alarm(until);
    for (size_t from = 0, end; from < tracees_.size(); from = end) {
      end = std::min(from + awaitedTogether, tracees_.size());
      for (size_t i = end; i-- > from && isWanted;) {
        Tracee& tracee = tracees_[i];
        if (!isChosen(tracee) || tracee.state != Tracee::State::interrupted) continue;
        const Wait how = await(tracee, isComplete && now() < until ? 0 : WNOHANG, until);
        if (how == Wait::stopped) visit(tracee);
        if (how == Wait::timedOut) onTimeOut(tracee);
      }
    }
  };
  // Sleeping threads wake up at once, unless the machine is loaded: then they are raised, too.
  awaitRest(std::min(deadline, now() + wakingPatience), [&](Tracee& tracee) { raise(tracee); });
  awaitRest(deadline, [&](Tracee& tracee) { isComplete &= leaveIfEnded(tracee); });
  if (!isWanted) return Outcome::refusedByVisitor;
  return isComplete ? Outcome::stopped : Outcome::notStopped;
}

/** A main thread that has ended before the others gives no sign while they live; the tracing thread's end lets it go. */
bool AllStop::leaveIfEnded(Tracee& tracee) {
  const Result<TaskStat> stat = readThreadStat(processes_[tracee.process].pid, tracee.tid);
  if (stat && !stat.value().hasEnded()) return false;
  tracee.state = Tracee::State::gone;
  return true;
}

/** False: one that is still to be seized sleeps uninterruptibly. */
bool AllStop::awaitLeader(size_t process, uint64_t deadline) {
  const pid_t pid = processes_[process].pid;
  const auto isAsleep = [&] {
    const Result<TaskStat> stat = readThreadStat(pid, pid);
    return stat && stat.value().state == 'D';
  };
  while (processes_[process].isLeaderLeft && !takesAll_ && isAsleep()) {
    if (now() >= deadline) return leaveAlone(process, pid), false;
    rest(pollInterval);
  }
  return true;
}

/** Those that have woken up count as what they are now. The others stay uninterrupted: see interruptUninterruptible(). */
AllStop::Outcome AllStop::awaitUninterruptible() {
  const uint64_t deadline = now() + uninterruptiblePatience;
  for (size_t process = 0; process < processes_.size(); ++process) {
    if (!awaitLeader(process, deadline)) return Outcome::notStopped;
  }
  for (Tracee& tracee : tracees_) {
    if (tracee.state == Tracee::State::unseized) return Outcome::notStopped;
    while (tracee.isUninterruptible) {
      const Result<TaskStat> stat = readThreadStat(processes_[tracee.process].pid, tracee.tid);
      tracee.isUninterruptible = stat && stat.value().state == 'D';
      tracee.isWorking = stat && stat.value().state == 'R';
      if (!tracee.isUninterruptible) break;
      if (now() >= deadline) return Outcome::notStopped;
      rest(pollInterval);
    }
  }
  return Outcome::stopped;
}

void AllStop::interruptUninterruptible() {
  for (Tracee& tracee : tracees_) {
    if (tracee.isUninterruptible && tracee.state == Tracee::State::seized) interrupt(tracee);
  }
}

AllStop::Outcome AllStop::stopSleepers(const Visitor& visitor) {
  const auto isSleeping = [](const Tracee& tracee) { return !tracee.isWorking && !tracee.isUninterruptible; };
  const uint64_t deadline = now() + sleepersPatience;
  const Outcome outcome = stop(isSleeping, deadline, visitor);
  if (outcome != Outcome::stopped) return outcome;
  bool isAnySeized = false;
  for (size_t process = 0; process < processes_.size(); ++process) {
    if (!processes_[process].isLeaderLeft) continue;
    if (!seizeLeader(process)) return Outcome::notStopped;
    isAnySeized = true;
  }
  return isAnySeized ? stop(isSleeping, deadline, visitor) : outcome;
}

AllStop::Outcome AllStop::stopWorkers(uint64_t deadline, const Visitor& visitor, const Asked& asked) {
  const auto isWorking = [](const Tracee& tracee) { return tracee.isWorking; };
  // Before any of them is held: raised afterwards, the first would stand still for as long as that takes for all.
  for (Tracee& tracee : tracees_) {
    if (isWorking(tracee) && tracee.state == Tracee::State::seized) raise(tracee);
  }
  if (std::any_of(tracees_.begin(), tracees_.end(), isWorking)) workersHeldFrom_ = now();
  const Outcome outcome = stop(isWorking, deadline, visitor, asked);
  return outcome == Outcome::stopped ? stopStragglers(deadline, visitor) : outcome;
}

size_t AllStop::countWorking() const {
  return static_cast<size_t>(std::ranges::count_if(tracees_, [](const Tracee& tracee) { return tracee.isWorking; }));
}

size_t AllStop::countThreads(size_t process) const {
  return static_cast<size_t>(std::ranges::count_if(tracees_, [process](const Tracee& tracee) { return tracee.process == process; }));
}

size_t AllStop::countHeld(size_t process) const {
  return static_cast<size_t>(std::count_if(tracees_.begin(), tracees_.end(), [&](const Tracee& tracee) {
    return tracee.process == process && tracee.state == Tracee::State::stopped && !tracee.isForeign;
  }));
}

/** By the kernel's own count, which is the cheapest way to ask for it: a directory's links. */
bool AllStop::isEveryThreadHeld(size_t process) const {
  const size_t expected = countHeld(process) + (processes_[process].hasEndedLeader ? 1 : 0);
  struct stat status;
  constexpr size_t ownLinks = 2;
  return ::fstat(processes_[process].taskDirectory.fd(), &status) == 0 && status.st_nlink <= expected + ownLinks;
}

/** A thread that has escaped the seizing is rare, so it may cost a listing. */
AllStop::Outcome AllStop::stopStragglers(uint64_t deadline, const Visitor& visitor) {
  takesAll_ = true;
  for (size_t process = 0; process < processes_.size(); ++process) {
    while (!isEveryThreadHeld(process)) {
      const Result<bool> found = seizeNewThreads(process);
      if (!found || !found.value()) break;
      for (Tracee& tracee : tracees_) {
        if (tracee.state != Tracee::State::seized) continue;
        tracee.isWorking = true;
        tracee.isUninterruptible = false;
      }
      const Outcome outcome = stop([](const Tracee& tracee) { return tracee.isWorking; }, deadline, visitor);
      if (outcome != Outcome::stopped) return outcome;
    }
  }
  return checkAlive();
}

AllStop::Outcome AllStop::checkAlive() {
  for (size_t process = 0; process < processes_.size(); ++process) {
    if (countHeld(process) > 0 && !processes_[process].hasExecuted) continue;
    gonePid_ = processes_[process].pid;
    return Outcome::gone;
  }
  return Outcome::stopped;
}

std::vector<const Tracee*> AllStop::unstopped() const {
  std::vector<const Tracee*> found;
  for (const Tracee& tracee : tracees_) {
    if (tracee.state == Tracee::State::interrupted || tracee.isUninterruptible) found.push_back(&tracee);
  }
  return found;
}

StopFigures AllStop::figures() const {
  StopFigures figures;
  for (const Tracee& tracee : tracees_) {
    if (tracee.heldUntil == 0 || tracee.isForeign) continue;
    const uint64_t held = tracee.heldUntil - tracee.heldFrom;
    uint64_t& worst = tracee.isWorking ? figures.working : figures.sleeping;
    worst = std::max(worst, held);
    ++(tracee.isWorking ? figures.workingThreads : figures.sleepingThreads);
  }
  return figures;
}

}  // namespace suture
