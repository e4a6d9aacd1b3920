// Threads that were let go and may not have run since, as happens on a loaded machine. One that has not, and is traced anew, can take a
// signal away from a thread that was woken for it; that one would give EINTR for a signal that its process ignores. So before anybody is
// traced again they are waited for, for a moment, when nobody is held.
#pragma once

#include <sys/types.h>

namespace suture {

/** When it has been let go. */
void noteReleased(pid_t pid, pid_t tid);
/** Until all that were noted have run, or for as long as anybody is patient; then they are forgotten. */
void awaitReleased();

}  // namespace suture
