// The tail of a stop is the target's own scheduling: a thread that waits for a CPU cannot reach its stop. So just before
// they are asked to stop the working ones are raised to the lowest real-time priority, we ourselves to the next one, and
// all are lowered when they have been let go. Threads that have a real-time policy of their own are left alone. Where the
// kernel does not let us, the stop works without. A guard process gives every thread its own priority back if we are
// killed in the window.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace suture {

/** sched_attr of the kernel, first version; Debian's libc has no declaration. */
struct SchedulingAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};

bool readScheduling(pid_t tid, SchedulingAttributes& into);
bool changeScheduling(pid_t tid, const SchedulingAttributes& attributes);

/** Threads raised for the window of one stop; its end restores them. */
class RaisedPriorities {
 public:
  RaisedPriorities() = default;
  RaisedPriorities(const RaisedPriorities&) = delete;
  RaisedPriorities& operator=(const RaisedPriorities&) = delete;
  ~RaisedPriorities() { restoreAll(); }

  /** Starts the guard, once, and makes room: slow, so before the stop. Raises the calling thread. False: nobody can be raised. */
  bool prepare(size_t threads);
  /** Does nothing where it cannot be done. */
  void raise(pid_t tid);
  void restore();
  /** The calling thread too: what it computes when nobody is held any more must not keep others from a CPU. */
  void restoreAll();

 private:
  struct Raised {
    pid_t tid;
    SchedulingAttributes own;
  };
  std::vector<Raised> raised_;
  /** What the calling thread had; size 0: it is not raised. */
  SchedulingAttributes own_ = {};
  bool isPossible_ = false;
};

}  // namespace suture
