// A borrowed thread calls a function of its own program for us: on a stack of its own, with a clean floating point state,
// with errno, the vector registers and everything else put back afterwards. A function that faults, aborts, wants to end
// the process, or does not return in time is left where it is, and the thread goes home as if nothing had been.
//
// The call goes through a few instructions that the caller has put into the process (`through`; their contract is
// CallRecord below). They return into the C library's restorer, which leads the thread home by itself if we die meanwhile;
// only the memory of the stack is left behind then.
#include "borrowed-thread.h"

#include "fault-points.h"
#include "interrupted-call.h"
#include "tracing-thread.h"
#include "vector-registers.h"

#include <elf.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace suture {

namespace {

constexpr uint64_t pageSize = 4096;
constexpr uint64_t stackSize = 256 << 10;
constexpr uint64_t millisecond = 1'000'000;
constexpr uint64_t stopPatience = 2'000 * millisecond;
/** How often more time is given to a function that stands where it must not be left. */
constexpr int mostExtensions = 4;
constexpr uint64_t carryAndDirectionClear = 0x202;
constexpr int systemCallStop = SIGTRAP | 0x80;

/**
 * What %r12 points at in `through`, which is called with the function in %rbx and the address of __errno_location in %r13
 * (0: there is none): it notes where errno is and what it holds, calls the function with the three arguments, notes its
 * result, puts errno back, and returns.
 */
struct CallRecord {
  uint64_t result = 0;
  uint64_t errnoAt = 0;
  uint32_t errnoValue = 0;
  uint32_t padding = 0;
  uint64_t arguments[3] = {};
};

/** Those that a function raises itself. Left open: the kernel resets the handler of a fault that is blocked. */
constexpr int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT};

bool isFault(int signal) {
  for (const int fault : faults) {
    if (fault == signal) return true;
  }
  return false;
}

uint64_t allButFaults() {
  uint64_t mask = ~uint64_t{0};
  for (const int fault : faults) mask &= ~(uint64_t{1} << (fault - 1));
  return mask;
}

bool endsTheProgram(uint64_t call) {
  return call == SYS_exit || call == SYS_exit_group || call == SYS_execve || call == SYS_execveat;
}

/** To be put back. */
class VectorRegisters {
 public:
  explicit VectorRegisters(pid_t tid) : tid_(tid), bytes_(64 << 10) {
    const size_t got = readVectorRegisters(tid_, bytes_);
    // Without XSAVE they cannot be put back in one go.
    bytes_.resize(got < headerAt + 64 ? 0 : got);
  }

  /** As a program finds them when it starts. */
  bool reset() const {
    if (bytes_.empty()) return true;
    std::vector<uint8_t> fresh(bytes_.size());
    const uint16_t control = 0x037f;
    const uint32_t mxcsr = 0x1f80;
    const uint64_t present = 3;  // x87, SSE
    std::memcpy(fresh.data(), &control, sizeof control);
    std::memcpy(fresh.data() + 24, &mxcsr, sizeof mxcsr);
    std::memcpy(fresh.data() + 464, bytes_.data() + 464, 48);
    std::memcpy(fresh.data() + headerAt, &present, sizeof present);
    return set(std::move(fresh));
  }

  bool putBack() const { return bytes_.empty() || set(bytes_); }

 private:
  static constexpr size_t headerAt = 512;

  bool set(std::vector<uint8_t> bytes) const {
    struct iovec room = {bytes.data(), bytes.size()};
    return ::ptrace(PTRACE_SETREGSET, tid_, NT_X86_XSTATE, &room) == 0;
  }

  pid_t tid_;
  std::vector<uint8_t> bytes_;
};

}  // namespace

/** Stops at every system call of the function: that is how its return is seen. */
BorrowedThread::Stop BorrowedThread::resumeInFunction(uint64_t deadline, int& signal) {
  for (;;) {
    if (::ptrace(PTRACE_SYSCALL, tid_, nullptr, static_cast<unsigned long>(std::exchange(signal_, 0))) != 0) return Stop::gone;
    const Alarm alarm(deadline);
    int status;
    while (::waitpid(tid_, &status, __WALL) != tid_) {
      if (errno != EINTR) return Stop::gone;
      if (now() >= deadline) return Stop::late;
    }
    if (!WIFSTOPPED(status)) return Stop::gone;
    if (status >> 16 != 0) continue;  // a group stop takes effect when the thread is given back
    signal = WSTOPSIG(status);
    if (signal == systemCallStop) return Stop::systemCall;
    if (isFault(signal)) return Stop::fault;
    if (signal == SIGSTOP) signal_ = SIGSTOP;
  }
}

/** It runs, or waits in a system call; afterwards it stands still, whatever it was about to do. */
BorrowedThread::Stop BorrowedThread::haltInFunction(int& signal) {
  if (::ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0) return Stop::gone;
  const uint64_t deadline = now() + stopPatience;
  const Alarm alarm(deadline);
  int status;
  while (::waitpid(tid_, &status, __WALL) != tid_) {
    if (errno != EINTR || now() >= deadline) return Stop::gone;
  }
  if (!WIFSTOPPED(status)) return Stop::gone;
  signal = WSTOPSIG(status);
  if (status >> 16 != 0) return Stop::asked;
  if (signal == systemCallStop) return Stop::systemCall;
  return isFault(signal) ? Stop::fault : Stop::asked;
}

Result<CallOutcome> BorrowedThread::callFunction(const FunctionCall& function) {
  const std::string act = "Cannot call a function of pid " + std::to_string(pid_);
  if (!findsHome_) return Error{ErrorKind::cannotBorrowThread, act + ": nothing in its memory would lead the thread home if this program died meanwhile", {{"pid", pid_}}};
  const int64_t made = TRY(call(SYS_mmap, {0, stackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~uint64_t{0}, 0}));
  if (made < 0) return Error{ErrorKind::outOfMemory, act + ": no stack can be made for it: " + std::strerror(static_cast<int>(-made)), {{"pid", pid_}}};
  const auto stack = static_cast<uint64_t>(made);
  // What runs over its end must fault.
  (void)TRY(call(SYS_mprotect, {stack, pageSize, PROT_NONE, 0, 0, 0}));
  Result<CallOutcome> outcome = callOnStack(function, stack + stackSize);
  if (isHeld_) (void)call(SYS_munmap, {stack, stackSize, 0, 0, 0, 0});
  return outcome;
}

Result<CallOutcome> BorrowedThread::callOnStack(const FunctionCall& function, uint64_t top) {
  CallRecord record;
  std::copy(function.arguments.begin(), function.arguments.end(), record.arguments);
  const uint64_t recordAt = (top - sizeof record) & ~uint64_t{63};
  const std::vector<uint8_t> vectorState = readVectorState(tid_).bytes;
  const uint64_t vectorAt = (recordAt - vectorState.size()) & ~uint64_t{63};
  const SignalFrame frame = homewardFrame(vectorState.empty() ? 0 : vectorAt);
  const uint64_t frameAt = ((vectorAt - sizeof frame) & ~uint64_t{15}) - 8;
  TRY(writeMemory(memory_, RemotePtr(recordAt), bytesOf(record)));
  TRY(writeMemory(memory_, RemotePtr(vectorAt), vectorState));
  TRY(writeMemory(memory_, RemotePtr(frameAt), bytesOf(frame)));

  const VectorRegisters vectors(tid_);
  user_regs_struct registers = saved_;
  registers.rip = function.through.bits();
  registers.rsp = frameAt;
  registers.rbp = 0;
  registers.rbx = function.function.bits();
  registers.r12 = recordAt;
  registers.r13 = function.errnoLocation.bits();
  registers.eflags = carryAndDirectionClear;
  registers.orig_rax = noSystemCall;
  if (::ptrace(PTRACE_SETREGS, tid_, nullptr, &registers) != 0 || !vectors.reset() || !blockSignals(allButFaults())) return gone();
  hasCalled_ = true;
  standsAsAsked_ = false;

  CallOutcome outcome = TRY(followFunction(function, frameAt + 8));
  Result<void> read = readMemory(memory_, RemotePtr(recordAt), {reinterpret_cast<uint8_t*>(&record), sizeof record});
  const bool isOver = outcome.end == CallOutcome::End::returned;
  if (read && isOver) outcome.value = record.result;
  if (read && !isOver && record.errnoAt != 0) {
    (void)writeMemory(memory_, RemotePtr(record.errnoAt), bytesOf(record.errnoValue));
  }
  if (!vectors.putBack() || !blockSignals(~uint64_t{0})) return gone();
  return outcome;
}

/** Until it returns, which is a call of rt_sigreturn with `homeward` as its frame, or has to be left. */
Result<CallOutcome> BorrowedThread::followFunction(const FunctionCall& function, uint64_t homeward) {
  bool isInCall = false;
  int extensions = 0;
  for (;;) {
    CallOutcome outcome;
    Stop stop = resumeInFunction(now() + function.patience, outcome.signal);
    const bool isLate = stop == Stop::late;
    if (isLate) {
      faultPoint("function", 0);
      stop = haltInFunction(outcome.signal);
    }
    user_regs_struct registers;
    if (stop == Stop::gone || ::ptrace(PTRACE_GETREGS, tid_, nullptr, &registers) != 0) {
      isHeld_ = false;
      return gone();
    }
    if (stop == Stop::systemCall) {
      isInCall = !isInCall;
      const bool isReturn = isInCall && registers.orig_rax == SYS_rt_sigreturn && registers.rsp == homeward;
      const bool isEnd = isInCall && endsTheProgram(registers.orig_rax);
      if (!isReturn && !isEnd && !isLate) continue;
      if (isReturn || isEnd || extensions == mostExtensions || function.mayBeLeft(registers)) {
        outcome.end = isReturn ? CallOutcome::End::returned : isEnd ? CallOutcome::End::ended : CallOutcome::End::late;
        TRY(leaveSystemCall(isInCall, registers));
        return outcome;
      }
      ++extensions;
      continue;
    }
    if (stop == Stop::fault) {
      outcome.end = CallOutcome::End::crashed;
      return outcome;
    }
    // Interrupted in the middle of a call, it has a stop before that call's end.
    hideInterruption(tid_, registers);
    isInCall = false;
    if (extensions++ < mostExtensions && !function.mayBeLeft(registers)) continue;
    outcome.end = CallOutcome::End::late;
    return outcome;
  }
}

/** The call that the thread is about to make is not made. */
Result<void> BorrowedThread::leaveSystemCall(bool isInCall, user_regs_struct& registers) {
  if (!isInCall) return {};
  registers.orig_rax = noSystemCall;
  int signal;
  if (::ptrace(PTRACE_SETREGS, tid_, nullptr, &registers) == 0 && resumeInFunction(now() + stopPatience, signal) == Stop::systemCall) return {};
  isHeld_ = false;
  return gone();
}

}  // namespace suture
