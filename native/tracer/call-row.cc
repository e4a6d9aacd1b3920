// A borrowed thread makes several system calls one after the other without a stop between them. A stop takes the thread and us
// longer than most calls do, and a program with one thread does nothing else meanwhile.
//
// Each call returns to the C library's restorer, with the frame of the next call on the stack: so the thread goes on by itself,
// from frame to frame. Behind the calls of the row comes one more, the gate: a wait in which we stop the thread. If we do not
// come, the last frame leads it home, as it does from a call that is made alone.
#include "borrowed-thread.h"

#include "fault-points.h"
#include "interrupted-call.h"
#include "tracing-thread.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace suture {

namespace {

constexpr uint64_t millisecond = 1'000'000;
/** So long a thread waits for one who has died. We come within microseconds, unless the machine is loaded. */
constexpr struct timespec gatePatience = {0, 10 * millisecond};
constexpr uint64_t rowPatience = 10'000 * millisecond;
/** Looking at where the thread is does not disturb it; to be told would take longer than the row. */
constexpr uint64_t watchingTime = millisecond / 2;
constexpr uint64_t pollInterval = millisecond / 10;
constexpr uint64_t stride = (sizeof(SignalFrame) + 15) & ~uint64_t{15};

/** For a register that neither calls nor frames change: who has it is in the row. No pointer, and no small number. */
uint64_t makeMark() { return now() * 0x9e3779b97f4a7c15 | 1; }

/** The number of the call in which a thread waits; negative: it runs. `file`: /proc/PID/task/TID/syscall, which takes no lock that the row's calls need. */
long readWaitingCall(const File& file) {
  char text[32];
  const ssize_t got = ::pread(file.fd(), text, sizeof text, 0);
  long number = -1;
  if (got > 0) std::from_chars(text, text + got, number);
  return number;
}

}  // namespace

Result<bool> BorrowedThread::callInARow(std::span<const Call> calls) {
  if (!isHeld_) return gone();
  if (!mayCallInARow_ || calls.empty() || calls.size() > mostInARow) return false;
  static_assert(longestText + sizeof gatePatience <= textRoom && (mostInARow + 1) * stride <= rowRoom);
  const uint64_t patienceAt = textAt_ + longestText;
  std::vector<Call> all(calls.begin(), calls.end());
  all.push_back({SYS_ppoll, {0, 0, patienceAt}});
  mark_ = makeMark();
  TRY(writeMemory(memory_, RemotePtr(patienceAt), bytesOf(gatePatience)));
  const user_regs_struct first = TRY(layOutRow(all));
  if (::ptrace(PTRACE_SETREGS, tid_, nullptr, &first) != 0 || !blockSignals(allSignals)) return gone();
  hasCalled_ = true;
  standsAsAsked_ = false;
  faultPoint("row", 0);
  TRY(passRow());
  return true;
}

/** Frames below the one that leads home, for all calls but the first. What that one needs. */
Result<user_regs_struct> BorrowedThread::layOutRow(std::span<const Call> calls) {
  const uint64_t bottom = stackPointer_ - (calls.size() - 1) * stride;
  std::vector<uint8_t> frames(stackPointer_ - bottom);
  user_regs_struct first = {};
  for (size_t i = 0; i < calls.size(); ++i) {
    user_regs_struct registers = registersFor(calls[i], bottom + i * stride);
    registers.r15 = mark_;
    if (i == 0) {
      first = registers;
      continue;
    }
    const SignalFrame frame = makeSignalFrame(code_.restorer, registers, vectorAt_, allSignals);
    std::memcpy(frames.data() + (i - 1) * stride, &frame, sizeof frame);
  }
  TRY(writeMemory(memory_, RemotePtr(bottom), frames));
  return first;
}

/**
 * Until it stands at the gate. One that has waited there long enough and gone home is let go at once, as it runs its own code; it may even
 * have ended since. Either way the row is done.
 */
Result<void> BorrowedThread::passRow() {
  const uint64_t deadline = now() + rowPatience;
  for (uint64_t watching = watchingTime;; watching *= 2) {
    int status = 0;
    user_regs_struct registers;
    const Stop stop = awaitGate(now() + watching, deadline, status);
    if (stop == Stop::gone || (stop == Stop::asked && ::ptrace(PTRACE_GETREGS, tid_, nullptr, &registers) != 0)) {
      isHeld_ = false;
      return {};
    }
    const int signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
    if (stop == Stop::asked && registers.r15 != mark_) {
      hideInterruption(tid_, registers);
      letGo(signal);
      return {};
    }
    standsAsAsked_ = stop == Stop::asked && signal == 0 && registers.orig_rax == SYS_ppoll;
    if (standsAsAsked_) return {};
    if (stop == Stop::late || now() >= deadline) {
      isHeld_ = false;
      return late();
    }
    // In the row only what cannot be blocked arrives: a stop of the whole process, which takes effect when the thread is given back.
    signal_ = signal;
  }
}

/** Lets it go on until it stops: when it seems to be there, or should have been long ago, or for something else. */
BorrowedThread::Stop BorrowedThread::awaitGate(uint64_t watched, uint64_t deadline, int& status) {
  if (::ptrace(PTRACE_CONT, tid_, nullptr, static_cast<unsigned long>(std::exchange(signal_, 0))) != 0) return Stop::gone;
  faultPoint("passing", 0);
  const Alarm alarm(deadline);
  bool isAsked = false;
  for (;;) {
    const bool isDue = now() >= watched || readWaitingCall(whereabouts_) == SYS_ppoll;
    if (isDue && !isAsked) {
      faultPoint("gate", 0);
      if (::ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0) return Stop::gone;
      isAsked = true;
    }
    // Before it is asked it stops for the whole process's sake: asking would stop it again when it has gone on.
    const pid_t got = ::waitpid(tid_, &status, __WALL | (isAsked && !isWatched_ ? 0 : WNOHANG));
    if (got == tid_) return WIFSTOPPED(status) ? Stop::asked : Stop::gone;
    if (got < 0 && errno != EINTR) return Stop::gone;
    if (now() >= deadline) return Stop::late;
    if (!isAsked && !isWatched_) rest(pollInterval);
    isWatched_ &= now() < watched;
  }
}

}  // namespace suture
