// Everything that traces runs on a thread made for the one request. ptrace belongs to a thread, and the kernel lets
// all tracees of a thread go when it ends: what could not be let go by hand (a thread in uninterruptible sleep, a main
// thread that has ended before the others) is let go then, and nothing stays traced between two requests.
#pragma once

#include "result.h"

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <functional>

namespace suture {

/** In nanoseconds. */
uint64_t readClock(clockid_t clock);
/** CLOCK_MONOTONIC in nanoseconds. */
uint64_t now();
void rest(uint64_t nanoseconds);

/** Runs `session` on a thread of its own and waits for it. Signals that would end us wait until it has finished. */
Result<void> runTracing(const std::function<void()>& session);

/** As above, for a session that gives a Result. */
template <typename T>
Result<T> traced(const std::function<Result<T>()>& session) {
  Result<T> outcome = Error{ErrorKind::internal, "Cannot trace: the session did not run"};
  TRY(runTracing([&] { outcome = session(); }));
  return outcome;
}

/**
 * PTRACE_SEIZE. A thread that executes another program waits for the end of all others, and for that of those that we trace until we have
 * taken note of it; meanwhile whoever wants to trace one more is made to wait, too. So we take note while we wait.
 */
long seizeTracee(pid_t tid, long options);

/** Interrupts a blocking call of the tracing thread again and again from `deadline` on. One at a time. */
class Alarm {
 public:
  explicit Alarm(uint64_t deadline);
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm();
};

}  // namespace suture
