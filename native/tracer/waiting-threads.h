// Which threads of a process have run no code of their own since a moment, because they waited for a processor all the while: where more threads
// want one than there are, that is most of them. Told by what the scheduler counts of each. Stops nothing and holds nobody. Where the kernel does not count, or keeps
// its time by something else than the processors' own counter, nobody has waited.
//
// A wait is counted when it ends: with the thread being given a processor, which is counted in the same step, or with its move to another processor's
// queue, where the next wait begins. The kernel misses one case: a thread that is taken off while it is about to sleep, and is woken before it does, is given its next
// processor uncounted, and its wait before that is not counted either (sched_info_depart() and sched_info_arrive(), kernel/sched/stats.h). So a
// thread that stands has waited since begin() when
//
// - it had not been given a processor after it had been asked to stop: given one later, it stops before any code of its own; and
// - it has been given one exactly once by now, and what was counted of waits meanwhile is longer than from begin() to now, by a millisecond.
//
// If it had run after begin(), on a processor that was given uncounted or before, then all that is counted of waits since would lie behind that, and be shorter.
// The millisecond is for the kernel's clock: that of a processor is read by who takes it away, up to as long before it is taken away as it takes to tell the other one.
#pragma once

#include "scheduler-counts.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace suture {

class WaitingThreads {
 public:
  /** Those threads of the process that want a processor or have one just now; how many they are. Slow: opens a file for each. */
  size_t watch(pid_t pid);
  /** From now on. */
  void begin();

  /** It has been asked to stop just now. */
  void noteAsked(pid_t tid);
  /** When it had been asked; it may have run all the while on one that it had before. */
  bool wasGivenNone(pid_t tid) const;
  /** Of a thread that stands. Any thread of ours may ask, when noteAsked() has ended for that one. */
  bool hasWaited(pid_t tid) const;

 private:
  struct Thread {
    File counts;
    SchedulerCounts before;
    bool wasGivenNone = false;
  };
  const Thread* find(pid_t tid) const;

  std::unordered_map<pid_t, Thread> threads_;
  /** See steadyTime(). */
  uint64_t since_ = 0;
};

}  // namespace suture
