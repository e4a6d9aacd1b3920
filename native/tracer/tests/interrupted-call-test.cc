#include "interrupted-call.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>

#include <cerrno>

using namespace suture;

namespace {

user_regs_struct inCall(long number, long result) {
  user_regs_struct registers = {};
  registers.orig_rax = static_cast<unsigned long long>(number);
  registers.rax = static_cast<unsigned long long>(result);
  registers.rip = 0x1002;
  return registers;
}

}  // namespace

TEST_CASE("wouldReportInterruption() is for calls that can be made again, and only for EINTR") {
  CHECK(wouldReportInterruption(inCall(SYS_epoll_wait, -EINTR)));
  CHECK(wouldReportInterruption(inCall(SYS_recvfrom, -EINTR)));
  CHECK_FALSE(wouldReportInterruption(inCall(SYS_epoll_wait, 1)));
  CHECK_FALSE(wouldReportInterruption(inCall(SYS_epoll_wait, -EAGAIN)));
  // Closed is closed, whatever it says.
  CHECK_FALSE(wouldReportInterruption(inCall(SYS_close, -EINTR)));
  // After a handler has run the program is to see EINTR, and the kernel says so by this.
  CHECK_FALSE(wouldReportInterruption(inCall(-1, -EINTR)));
}

TEST_CASE("repeatingItsCall() goes back to the instruction of an interrupted call") {
  for (const long code : {-512, -513, -514, -516}) {
    const user_regs_struct home = repeatingItsCall(inCall(SYS_futex, code));
    CHECK(home.rip == 0x1000);
    CHECK(home.rax == SYS_futex);
  }
  CHECK(repeatingItsCall(inCall(SYS_futex, 0)).rip == 0x1002);
  CHECK(repeatingItsCall(inCall(-1, -512)).rip == 0x1002);
}
