// Does the process still know addresses in given ranges? Looks through all memory that it can write, while it runs, and
// through the registers of its threads, in one short stop before. For whoever wants to give memory back: a pointer to it that
// lies in the target's own data would dangle, and so would the frame of a coroutine that waits its turn.
//
// What a stack holds below its stack pointer is dead and is passed over; but for return addresses, since a stack may lie in a frame
// of another one. Stacks are judged in that stop as before a switch (stack-check.h): what calls that are over have left behind does
// not count. Those that lie elsewhere are held against a second stop. Pages that were never touched hold nothing and are not touched by us.
// The process runs on meanwhile, so a pointer that is moved behind the reader's back can be missed: the answer "none" is
// evidence, not proof; the answer "here" is certain enough to leave the memory alone.
#pragma once

#include "memory-scan.h"
#include "process.h"
#include "protocol.h"
#include "resident-pages.h"
#include "result.h"
#include "stopped-process.h"

#include <sys/user.h>

#include <cstdint>
#include <span>
#include <vector>

namespace suture {

struct WantedReferences {
  std::vector<RemoteRange> into;
  /** Memory that is not looked through. */
  std::vector<RemoteRange> except;
  /** Return addresses into it are a matter of stacks. */
  std::vector<ForbiddenRange> code;
};

/** `into`, `except` and `code` of a request. */
Result<WantedReferences> parseWantedReferences(const Json& object);

class ReferenceSearch {
 public:
  ReferenceSearch(pid_t pid, uint64_t startTime, WantedReferences wanted);

  /** With stops of its own. */
  Result<void> perform();
  /** 16 at the most. */
  Json toJson() const;

  // With what a stop for something else has shown (passing-look.h).

  /** Of a thread that stands, or stood: its registers, those that vector-registers.h reads, and its used stack, which begins at `at`; 256 KiB of it at the most. */
  void lookAtThread(const user_regs_struct& registers, std::span<const uint8_t> vectors, uint64_t at, std::span<const uint8_t> stack);
  /** `judged`: pieces of stacks without a frame in the code. False: there may be references, and whoever wants to know for certain performs it all. */
  Result<bool> findsNothing(std::vector<RemoteRange> judged);

 private:
  struct Reference {
    /** 0: in a register. */
    uint64_t at;
    uint64_t value;
  };

  bool isEnough() const;
  bool isWanted(uint64_t word) const;
  bool isReturn(uint64_t word) const;
  bool isExcepted(const RemoteRange& mapping) const;
  template <typename Look>
  Result<void> stopEveryone(Look look);
  template <typename Look>
  Result<void> judgeStacks(Look look);
  void dropDead();
  bool isJudged(uint64_t at) const;
  bool isOnDeadThreadStack(uint64_t at) const;
  void lookAtRegisters(const user_regs_struct& registers, std::span<const uint8_t> vectors);
  uint64_t usedFrom(const RemoteRange& mapping) const;
  Result<void> lookThroughMemory();
  void lookAtMapping(const RemoteRange& mapping);
  void lookAt(uint64_t at, size_t length, size_t got, uint64_t used);
  uint64_t wordAt(size_t i) const;
  bool isLeftByUnwinder(size_t i, size_t got) const;

  pid_t pid_;
  uint64_t startTime_;
  WantedReferences wanted_;
  ForbiddenRanges code_;
  std::vector<Mapping> mappings_;
  ResidentPages resident_;
  std::vector<uint8_t> chunk_;
  std::vector<uint64_t> stackPointers_;
  std::vector<Reference> found_;
  std::vector<Reference> returns_;
  /** Of the last stop: nothing on these pieces of stacks is a frame in the code. */
  std::vector<RemoteRange> judged_;
  bool isComplete_ = true;
};

}  // namespace suture
