// Threads that were let go and may not have run since, as happens on a loaded machine. One that has not, and is traced anew, can take a
// signal away from a thread that was woken for it; that one would give EINTR for a signal that its process ignores. So before anybody is
// traced again they are waited for, for a moment, when nobody is held. And one that slept when it was stopped is on its way back to sleep, although it
// wants a processor for that: it is no working one in a stop that follows at once.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <unordered_map>

namespace suture {

/** Nanoseconds: a sleeping thread that was only stopped and let go has run for less. */
constexpr uint64_t mostRunOfStop = 50'000;

/** When it has been let go. */
void noteReleased(pid_t pid, pid_t tid);
/** Until all that were noted have run, or for as long as anybody is patient; then they are forgotten. */
void awaitReleased();

struct Sleeper {
  pid_t pid;
  /** Nanoseconds on a processor, before it was stopped. */
  uint64_t ran;
};
/** Of the stop that has just ended, by number of the thread; those of the stop before are forgotten. */
void noteSleepers(std::unordered_map<pid_t, Sleeper> sleepers);
/** Has a thread that slept then, a moment ago, only been stopped and let go since? `ran`: by now. */
bool isGoingBackToSleep(pid_t pid, pid_t tid, uint64_t ran);

}  // namespace suture
