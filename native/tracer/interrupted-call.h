// What a stop leaves behind in a thread that was blocked in a system call. Most calls restart by themselves when the
// thread goes on; a few give EINTR to the program although no signal was ever sent. This is where those are mended.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

namespace suture {

/** Is `registers` at the end of a call that would report EINTR, but can be restarted instead? */
bool wouldReportInterruption(const user_regs_struct& registers);

/**
 * The thread is stopped inside signal delivery: by our interrupt, or with a signal. Makes its call restart unless a
 * handler runs, and changes `registers` accordingly: then true. A thread that needs nothing is left alone.
 */
bool hideInterruption(pid_t tid, user_regs_struct& registers);

/** Will its call go on from what the kernel keeps of it elsewhere than in `registers`, for example the end of a sleep? rt_sigreturn drops that. */
bool continuesItsCall(const user_regs_struct& registers);

/**
 * The state from which a thread repeats its interrupted call if it goes on without the kernel's own restart logic,
 * that is, when it returns to `registers` by way of rt_sigreturn. Relative timeouts start again from full.
 */
user_regs_struct repeatingItsCall(user_regs_struct registers);

}  // namespace suture
