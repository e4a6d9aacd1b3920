// From a thread's registers outwards, frame by frame, by call frame information and by nothing else: where there is
// none the unwinding ends, and it says so. It never guesses by frame pointers, because its answers clear a thread of
// standing in code that is about to change.
#pragma once

#include "remote-memory.h"
#include "unwind-tables.h"

#include <sys/user.h>

#include <cstdint>
#include <vector>

namespace suture {

struct Frame {
  /** Of the innermost frame and of frames interrupted by a signal: the next instruction. Of the others: a return address. */
  uint64_t instruction;
  bool isExact;
  /** The value of the stack pointer before the call of this frame. */
  uint64_t cfa;
};

struct Unwinding {
  /** Innermost first. */
  std::vector<Frame> frames;
  /** The outermost frame was reached: its information says that it has no caller. */
  bool isComplete = false;
};

inline constexpr size_t maxFrames = 65536;

Unwinding unwind(UnwindTables& tables, WordReader& memory, const user_regs_struct& registers);

}  // namespace suture
