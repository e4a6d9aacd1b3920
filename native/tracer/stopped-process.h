// Stops every thread of one or more processes, hands each to a visitor, and lets all of them go. Threads that sleep are
// stopped and visited first, while those that work still run; the working ones are held only for the last part and are let
// go first. Opens no memory and decides nothing about what is seen: that is the visitor's and the caller's business.
// Refuses: not-permitted, already-traced, process-gone.
#pragma once

#include "process.h"
#include "real-time.h"
#include "result.h"
#include "tracing-thread.h"

#include <sys/user.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

namespace suture {

struct Tracee {
  /** Unseized: left alone, see AllStop::seize(). */
  enum class State : uint8_t { unseized, seized, interrupted, stopped, released, gone };

  /** Index of the process in the order of seize(). */
  size_t process;
  pid_t tid;
  bool isWorking;
  /** Found in uninterruptible sleep: it may not stop for a long time. */
  bool isUninterruptible;
  /** A new process, not a thread of the one that we stop: caught at its birth, let go at once. */
  bool isForeign = false;
  bool isRaised = false;
  /** Its call would have given EINTR because of the stop, and is made again. */
  bool repeatsItsCall = false;
  State state = State::seized;
  /** As /proc had it before anybody was stopped. */
  char scheduledAs = 'R';
  /** To be delivered when it goes on: it stopped because of this signal and not for us. */
  int signal = 0;
  uint64_t heldFrom = 0;
  uint64_t heldUntil = 0;
  user_regs_struct registers = {};
};

/** In nanoseconds: the worst thread of each sort. */
struct StopFigures {
  uint64_t working = 0;
  uint64_t sleeping = 0;
  size_t workingThreads = 0;
  size_t sleepingThreads = 0;
};

/** For a moment, until no thread of the process is in uninterruptible sleep; touches nobody. Those that still are. */
Result<std::vector<pid_t>> awaitUninterruptible(pid_t pid);

/** As the protocol writes it. */
Json toJson(const StopFigures& figures);

class AllStop {
 public:
  /** Called once for each thread, stopped, with its registers. False: the rest need not be stopped any more. */
  using Visitor = std::function<bool(const Tracee&)>;

  /** Called for each thread when it has just been asked to stop. */
  using Asked = std::function<void(const Tracee&)>;

  enum class Outcome : uint8_t { stopped, refusedByVisitor, notStopped, gone };

  AllStop() = default;
  AllStop(const AllStop&) = delete;
  AllStop& operator=(const AllStop&) = delete;
  ~AllStop() { release(); }

  /** To real-time priority, until everybody has been let go; seize() does it at the latest. False: it cannot be done. */
  bool raiseOurselves() { return raised_.prepare(ranBefore_.size()); }
  /** Notes how much each thread has run: those that have run on by the time of seize() are working ones. Stops nothing. */
  Result<void> watch(pid_t pid);
  /**
   * All threads, those born meanwhile too; but of several not the main thread, which is left for stopSleepers(): while it is seized, the
   * kernel keeps what is sent to the process and ignored by it, and wakes any thread for it that does not stand yet. Stops nothing
   * yet. Only on a tracing thread. A thread in uninterruptible sleep is waited for, for a moment, and then left alone: a signal that its
   * process ignores would be kept for it while it is seized, and would end its call with EINTR when it is let go before it can stop.
   * `takesAll`: see interruptUninterruptible().
   */
  Result<void> seize(pid_t pid, uint64_t startTime, bool takesAll = false);

  /**
   * For a moment, until no thread is in uninterruptible sleep; nobody is held meanwhile, and no such thread is interrupted: let go
   * before it has stopped, it would carry the interruption into its call. Outcome::notStopped: some still are, or were left alone.
   */
  Outcome awaitUninterruptible();
  /** For who must have no thread run on, whatever it costs the thread: it stops before it runs code of its own again. */
  void interruptUninterruptible();
  /** Then those main threads that are left are seized, and stopped as well if they sleep. */
  Outcome stopSleepers(const Visitor& visitor);
  /** `deadline` (see now()) is for reaching the stop; the visits may go beyond it. */
  Outcome stopWorkers(uint64_t deadline, const Visitor& visitor, const Asked& asked = {});

  size_t countWorking() const;
  size_t countThreads(size_t process) const;
  template <typename Visit>
  void eachHeld(Visit visit) const {
    for (const Tracee& tracee : tracees_) {
      if (tracee.state == Tracee::State::stopped && !tracee.isForeign) visit(tracee);
    }
  }
  /** When the first working thread was asked to stop; 0 when there was none. */
  uint64_t workersHeldFrom() const { return workersHeldFrom_; }
  /** Those that were asked to stop and did not, or could not be asked, after Outcome::notStopped. */
  std::vector<const Tracee*> unstopped() const;
  /** The process of Outcome::gone. */
  pid_t gonePid() const { return gonePid_; }
  pid_t pidOf(const Tracee& tracee) const { return processes_[tracee.process].pid; }

  /**
   * Working threads first. Nothing is held afterwards. Until the main thread has been let go, and any thread whose child ends, the kernel
   * keeps signals that the process ignores, and wakes threads that run again for them: most only repeat their calls. Those whose calls give
   * EINTR go last, when there is nobody left to keep a signal.
   */
  void release();
  StopFigures figures() const;

 private:
  struct Process {
    pid_t pid;
    uint64_t startTime;
    File taskDirectory;
    bool hasExecuted = false;
    /** The main thread is not seized yet. */
    bool isLeaderLeft = false;
    /** The main thread has ended, others live: it counts as a thread for ever, but it cannot be stopped. */
    bool hasEndedLeader = false;
  };
  enum class Wait : uint8_t { stopped, gone, timedOut };

  Result<void> seizeUntilQuiet(size_t process);
  Result<bool> seizeNewThreads(size_t process);
  Result<bool> seizeThread(size_t process, pid_t tid);
  Result<void> seizeOrLeaveLeader(size_t process, uint64_t deadline);
  bool awaitLeader(size_t process, uint64_t deadline);
  bool seizeLeader(size_t process);
  Result<void> seizeOnceAwake(size_t process, pid_t tid, uint64_t deadline);
  void adopt(size_t process, pid_t tid, Tracee::State state);
  void leaveAlone(size_t process, pid_t tid);
  bool isKnown(pid_t tid) const { return indexByTid_.contains(tid); }

  void interrupt(Tracee& tracee);
  void raise(Tracee& tracee);
  Wait await(Tracee& tracee, int flags, uint64_t deadline);
  Wait noteStop(Tracee& tracee, int status);
  void noteBirth(const Tracee& parent);
  template <typename Choice>
  Outcome stop(Choice isChosen, uint64_t deadline, const Visitor& visitor, const Asked& asked = {});
  size_t countHeld(size_t process) const;
  bool isEveryThreadHeld(size_t process) const;
  bool isLeader(const Tracee& tracee) const { return tracee.tid == processes_[tracee.process].pid; }
  bool leaveIfEnded(Tracee& tracee);
  Outcome stopStragglers(uint64_t deadline, const Visitor& visitor);
  Outcome checkAlive();

  void noteThoseReleased() const;
  void askToStop(Tracee& tracee);
  Wait letIfStopped(Tracee& tracee);
  void catchUp();
  bool isToBeAwaited(Tracee& tracee, uint64_t waited);
  void let(Tracee& tracee);
  template <typename Choice>
  void letAll(Choice isChosen);

  std::vector<Process> processes_;
  // A deque: threads born during the stop are added while others are referred to.
  std::deque<Tracee> tracees_;
  std::unordered_map<pid_t, size_t> indexByTid_;
  std::unordered_map<pid_t, uint64_t> ranBefore_;
  RaisedPriorities raised_;
  /** Found in uninterruptible sleep, and not seized yet. */
  std::vector<pid_t> asleep_;
  bool takesAll_ = false;
  bool isReleased_ = false;
  uint64_t seizedAt_ = 0;
  uint64_t workersHeldFrom_ = 0;
  pid_t gonePid_ = 0;
};

}  // namespace suture
