#include "interrupted-call.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <iterator>

namespace suture {

namespace {

// The kernel's own codes, never seen by programs (include/linux/errno.h).
constexpr long restartSys = -512;           // -ERESTARTSYS
constexpr long restartNoInterrupt = -513;   // -ERESTARTNOINTR
constexpr long restartNoHandler = -514;     // -ERESTARTNOHAND: EINTR if a handler runs, again otherwise
constexpr long restartBlock = -516;         // -ERESTART_RESTARTBLOCK

/**
 * Calls that give plain EINTR in some or all of their forms, and that may be made again without harm when they do:
 * nothing has been transferred yet. Sockets: with SO_RCVTIMEO or SO_SNDTIMEO. ppoll and its like: when the kernel cannot
 * write the time that is left to where the timeout is, as in constant memory.
 */
constexpr unsigned long long repeatable[] = {
  SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll, SYS_select, SYS_pselect6,
  SYS_read, SYS_readv, SYS_write, SYS_writev,
  SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_sendto, SYS_sendmsg, SYS_sendmmsg,
  SYS_accept, SYS_accept4, SYS_connect,
  SYS_semop, SYS_semtimedop, SYS_rt_sigtimedwait,
  SYS_io_getevents, SYS_io_pgetevents, SYS_io_uring_enter,
};

/** orig_rax is -1 in a thread that was not in a call, or that has come back from a handler. */
bool isInCall(const user_regs_struct& registers) { return static_cast<long>(registers.orig_rax) >= 0; }

}  // namespace

bool wouldReportInterruption(const user_regs_struct& registers) {
  return isInCall(registers) && static_cast<long>(registers.rax) == -EINTR &&
         std::find(std::begin(repeatable), std::end(repeatable), registers.orig_rax) != std::end(repeatable);
}

bool hideInterruption(pid_t tid, user_regs_struct& registers) {
  if (!wouldReportInterruption(registers)) return false;
  const auto code = static_cast<unsigned long long>(restartNoHandler);
  if (::ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rax), code) != 0) return false;
  registers.rax = code;
  return true;
}

/** One that was stopped a moment ago may not have begun to continue it yet: it is just about to. */
bool continuesItsCall(const user_regs_struct& registers) {
  return (isInCall(registers) && static_cast<long>(registers.rax) == restartBlock) || registers.rax == SYS_restart_syscall;
}

user_regs_struct repeatingItsCall(user_regs_struct registers) {
  if (!isInCall(registers)) return registers;
  switch (static_cast<long>(registers.rax)) {
    case restartSys:
    case restartNoInterrupt:
    case restartNoHandler:
    case restartBlock:
      registers.rax = registers.orig_rax;
      registers.rip -= 2;  // 0f 05  syscall
  }
  return registers;
}

}  // namespace suture
