// Which threads of a process have run no code of their own since a moment, because they waited for a processor all the while: where more threads
// want one than there are, that is most of them. Told by what the scheduler counts of each thread, in /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst
// of the kernel): for how long it has waited for a processor, and how often it was given one. Stops nothing and holds nobody; where the
// kernel does not count, nobody has waited.
//
// A wait is counted when it ends: with the thread being given a processor, which is counted in the same step, or with its move to another processor's queue, where
// the next wait begins. The kernel misses one case: a thread that is taken off while it is about to sleep, and is woken before it does, is given its next processor uncounted, and its
// wait before that is not counted either (sched_info_depart() and sched_info_arrive(), kernel/sched/stats.h). So a thread that stands has waited since begin() when
//
// - it had not been given a processor after it had been asked to stop: given one later, it stops before any code of its own; and
// - it has been given one exactly once by now, and what was counted of waits meanwhile is at least as long as from begin() to now.
//
// If it had run after begin(), on a processor that was given uncounted or before, then all that is counted of waits since would lie behind that, and be shorter.
#pragma once

#include "file.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace suture {

class WaitingThreads {
 public:
  /** Of those threads of the process that want a processor just now; how many they are. Slow: opens a file for each. */
  size_t watch(pid_t pid);
  /** Since when; after watch(). */
  void begin();

  /** It has been asked to stop just now. */
  void noteAsked(pid_t tid);
  /** Of a thread that was seen to stand at `standing` (see now()). Any thread of ours may ask, when noteAsked() has ended for that one. */
  bool hasWaited(pid_t tid, uint64_t standing) const;

 private:
  struct Counts {
    /** Nanoseconds. */
    uint64_t waited = 0;
    uint64_t timesRun = 0;
  };
  struct Thread {
    File counts;
    Counts before;
    bool wasWaitingWhenAsked = false;
  };
  static bool read(const File& file, Counts& into);

  std::unordered_map<pid_t, Thread> threads_;
  uint64_t begun_ = 0;
};

}  // namespace suture
