// One thread of a running process makes a few system calls for us, while all others run on. Its own call, interrupted by
// this, is restarted as if nothing had been; its registers, its signal mask and the stack below its red zone are what they
// were. Refuses threads in uninterruptible sleep (vfork among them), in a restartable sequence, under a seccomp filter
// that we may not suspend, or about to take a signal: cannot-borrow-thread when no other is left.
//
// If we die in the middle, the thread finds its own way home: it stands on a signal frame that holds its whole state, its
// next instructions are the system call, a return to the C library's restorer, and rt_sigreturn. The frame lies below the
// red zone of its stack where there is certainly room, else in a mapping made for it, which leaves the making and the
// removing of that mapping as the two moments without a way home. One that goes home by itself finds below its red zone what we have
// left there.
#pragma once

#include "file.h"
#include "process.h"
#include "real-time.h"
#include "result.h"
#include "signal-frame.h"

#include <sys/user.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace suture {

/** Instructions that every process has somewhere; found by their bytes. */
struct SystemCallCode {
  /** 0f 05, syscall; followed by c3, ret, when `restorer` is set. */
  uint64_t call = 0;
  /** mov $15, %rax; syscall: where signal handlers return to. 0: not found, and then nothing leads the thread home. */
  uint64_t restorer = 0;
};

/** Slow. `memory`: /proc/PID/mem. */
SystemCallCode findSystemCallCode(int memory, const std::vector<Mapping>& mappings);

/** A function of the process, to be called by a borrowed thread. */
struct FunctionCall {
  RemotePtr function;
  /** Code that makes the call and keeps errno: borrowed-call.cc says what it does. */
  RemotePtr through;
  /** __errno_location; 0: the program has none. */
  RemotePtr errnoLocation;
  std::array<uint64_t, 3> arguments = {};
  /** Nanoseconds. */
  uint64_t patience = 0;
  /** Whether a function that is late can be left where the thread stands. */
  std::function<bool(const user_regs_struct&)> mayBeLeft;
};

struct CallOutcome {
  /** `ended`: it wanted to end the program, or to run another one in its place. All but `returned`: it was left. */
  enum class End : uint8_t { returned, crashed, late, ended };
  End end = End::returned;
  uint64_t value = 0;
  int signal = 0;
};

class BorrowedThread {
 public:
  using Fitness = std::function<bool(const user_regs_struct&)>;
  /**
   * Only on a tracing thread; the thread goes back when this ends. `memory`: /proc/PID/mem, writable. `isFit`: a further
   * condition on how a thread stands.
   */
  static Result<std::unique_ptr<BorrowedThread>> borrow(pid_t pid, uint64_t startTime, int memory, const Fitness& isFit = {});

  BorrowedThread(const BorrowedThread&) = delete;
  BorrowedThread& operator=(const BorrowedThread&) = delete;
  ~BorrowedThread();

  using Arguments = std::array<uint64_t, 6>;
  struct Call {
    long number;
    Arguments arguments;
  };
  /** What the kernel returned: a negative errno among it. Refuses: process-gone. */
  Result<int64_t> call(long number, Arguments arguments);
  /**
   * Makes them without a stop between them, in a fraction of the time. What they return is lost: whoever asks looks afterwards at what they have
   * done. False: not by this thread, or too many, and none was made. The thread can be used no more where it has gone home meanwhile by itself.
   * Refuses: process-gone, cannot-borrow-thread.
   */
  Result<bool> callInARow(std::span<const Call> calls);
  /** Puts a text of at most 255 bytes into the target's memory, where it stays until the next one. */
  Result<RemotePtr> text(std::string_view text);
  /** Refuses: process-gone, cannot-borrow-thread, out-of-memory. */
  Result<CallOutcome> callFunction(const FunctionCall& function);

  bool mayCallInARow() const { return mayCallInARow_; }
  pid_t tid() const { return tid_; }

 private:
  enum class Stop : uint8_t { asked, systemCall, fault, gone, late };
  static constexpr uint64_t allSignals = ~uint64_t{0};
  static constexpr unsigned long long noSystemCall = ~0ull;  // orig_rax: the kernel restarts nothing
  static constexpr uint64_t textRoom = 320;
  /** The text is shorter than this; behind it lies what the end of a row of calls needs. */
  static constexpr uint64_t longestText = 256;
  static constexpr size_t mostInARow = 24;
  static constexpr uint64_t rowRoom = 8 << 10;

  BorrowedThread(pid_t pid, pid_t tid, int memory, const SystemCallCode& code) : pid_(pid), tid_(tid), memory_(memory), code_(code) {}

  Result<bool> take(uint64_t startTime, const std::vector<Mapping>& mappings, const Fitness& isFit);
  Result<bool> seize();
  bool interruptAndWait();
  bool hasSameMemory() const;
  bool isInRestartableSequence() const;
  bool hasRoomBelow(const std::vector<Mapping>& mappings) const;
  bool makeRoom(const std::vector<Mapping>& mappings);
  bool layOut(uint64_t top);
  SignalFrame homewardFrame(uint64_t vectorAt) const;
  uint64_t continuedCall(uint64_t at) const;
  bool hasShadowStack() const;
  bool isStoppedSoon(int& status);
  user_regs_struct registersFor(const Call& call, uint64_t stackPointer) const;
  Result<user_regs_struct> layOutRow(std::span<const Call> calls);
  Result<void> passRow();
  Stop awaitGate(uint64_t watched, uint64_t deadline, int& status);
  Stop resumeUntilStop(int request, uint64_t patience);
  bool blockSignals(uint64_t mask);
  Stop resumeInFunction(uint64_t deadline, int& signal);
  Stop haltInFunction(int& signal);
  Result<CallOutcome> callOnStack(const FunctionCall& function, uint64_t top);
  Result<CallOutcome> followFunction(const FunctionCall& function, uint64_t homeward);
  Result<void> leaveSystemCall(bool isInCall, user_regs_struct& registers);
  void letGo(int signal);
  void giveBack();
  Error gone() const;
  Error late() const;

  pid_t pid_;
  pid_t tid_;
  int memory_;
  SystemCallCode code_;
  user_regs_struct saved_ = {};
  uint64_t savedMask_ = 0;
  uint64_t textAt_ = 0;
  uint64_t vectorAt_ = 0;
  uint64_t stackPointer_ = 0;
  /** What was where the frames and the text are. */
  std::vector<uint8_t> savedStack_;
  uint64_t savedFrom_ = 0;
  /** The mapping made for them; 0: they are on the stack. */
  uint64_t room_ = 0;
  bool findsHome_ = false;
  bool mayCallInARow_ = false;
  /** In a stop inside signal delivery; not at a system call. */
  bool standsAsAsked_ = false;
  bool isWatched_ = false;
  uint64_t mark_ = 0;
  /** In which call it waits. */
  File whereabouts_;
  bool isHeld_ = false;
  bool hasCalled_ = false;
  /** To be delivered when the thread goes on: SIGSTOP, which no mask holds back. It runs on for us all the same. */
  int signal_ = 0;
  /** A filter of system calls is only suspended for as long as we live. */
  bool hasFilter_ = false;
  /** On a busy machine the thread would wait for a CPU at each of its calls. It runs no code of its own meanwhile, unless it has gone home. */
  RaisedPriorities raised_;
};

}  // namespace suture
