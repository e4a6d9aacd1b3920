// What a stop that is made for something else shows, in passing, of whether a process still refers to memory: registers and used
// stacks of its threads are copied there, while all of them stand, and looked at when nobody stands any more, with the rest of what the process can write. So
// memory that nobody uses from this stop on can be given back without another one. Nothing in a register or on a stack that was
// copied may refer to it then, which is more than a look while everybody runs on can see.
//
// Answers only where all was copied: a few threads, on stacks of their own that are short. Else, and where something is found, a look
// with stops of its own tells more (reference-search.h).
#pragma once

#include "reference-search.h"
#include "stack-check.h"

#include <vector>

namespace suture {

class PassingLook {
 public:
  static constexpr size_t mostThreads = 8;

  /** Before the stop: makes room for all that is copied. */
  PassingLook(pid_t pid, uint64_t startTime, WantedReferences wanted);

  /** Of a thread that stands; allocates nothing. */
  void copy(const StackCheck& check, pid_t tid, const user_regs_struct& registers);
  /** Somebody else, whom nobody looks at, is in the memory, or there are too many threads. */
  void giveUp() { isWhole_ = false; }

  /** When nobody stands any more, in this order. `check`: the one that has let all of them pass. */
  void judge(StackCheck& check);
  /** Slow. False: it may refer to it. */
  bool findsNothing();

  pid_t pid() const { return pid_; }

 private:
  struct Copy {
    pid_t tid = 0;
    user_regs_struct registers = {};
    std::vector<uint8_t> vectors;
    StackMap::Used used = {};
    std::vector<uint8_t> stack;
  };
  static constexpr size_t longestStack = 32 << 10;

  pid_t pid_;
  ReferenceSearch search_;
  std::vector<Copy> copies_;
  size_t copied_ = 0;
  std::vector<RemoteRange> judged_;
  bool isWhole_ = true;
};

}  // namespace suture
