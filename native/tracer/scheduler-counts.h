// What the scheduler counts of a thread, from /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst of the kernel). Touches no thread;
// where the kernel does not count, all is zero.
#pragma once

#include "file.h"

#include <sys/types.h>

#include <cstdint>
#include <string_view>

namespace suture {

struct SchedulerCounts {
  /** Nanoseconds on a processor; not up to now while it is on one. */
  uint64_t ran = 0;
  /** Nanoseconds for which it wanted a processor and had none, of the waits that have ended. */
  uint64_t waited = 0;
  /** How often it was given a processor. */
  uint64_t timesRun = 0;

  bool operator==(const SchedulerCounts&) const = default;
};

/** Nothing when the text is not what the kernel writes. */
bool parseSchedulerCounts(std::string_view text, SchedulerCounts& into);

/** Not open when the thread has ended, or for another reason: see openFile(). */
File openSchedulerCounts(pid_t pid, pid_t tid);
/** False when the thread has ended. The kernel writes the three one after the other, and it may count meanwhile. */
bool readSchedulerCounts(const File& file, SchedulerCounts& into);

/** Nanoseconds on a processor so far; 0 where the kernel does not say. */
uint64_t readRunTime(pid_t pid, pid_t tid);

}  // namespace suture
