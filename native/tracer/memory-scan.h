// Return addresses into forbidden ranges that lie on no thread's stack: the frames of coroutines that are suspended. All
// memory that the process can write is looked through, because nobody else knows where a program keeps such stacks. A word
// counts when it lies in a range and the instruction before it is a call.
//
// Looked at twice: ahead, while the process runs, to know what a look costs and to refuse early; and once more while
// everybody stands, which is what decides. What threads use of their own stacks has been judged by then (stack-check.h); what
// lies below their stack pointers is dead, and so are the stacks of threads that have ended, which libc keeps. What
// a suspended coroutine has left below its own stack pointer cannot be told from frames, and counts.
#pragma once

#include "process.h"
#include "protocol.h"
#include "resident-pages.h"
#include "scan.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace suture {

/** A word of memory that returns into a range. */
struct MemoryHit {
  uint64_t at;
  uint64_t value;
  size_t forbidden;
  /** What it lies in: the path that /proc/PID/maps gives, or "anonymous memory". */
  std::string mapping;
};

/** Does this mapping, from its start, hold the stack of the thread whose control block lies at `controlBlock`? As libc has noted there. */
bool isStackOf(pid_t pid, uint64_t controlBlock, std::span<const Mapping> mappings, const RemoteRange& mapping);

/** Is it what libc keeps of the stack of a thread that has ended? */
bool isStackOfEndedThread(pid_t pid, std::span<const Mapping> mappings, const RemoteRange& mapping);

class MemoryScan {
 public:
  struct Cost {
    uint64_t bytes = 0;
    /** On the CPU. */
    uint64_t nanoseconds = 0;
  };

  /** Slow: reads the code of the ranges. */
  static Result<MemoryScan> of(pid_t pid, const std::vector<ForbiddenRange>& forbidden);

  /** While the process runs: what lies on no thread's stack for certain. */
  Result<std::vector<MemoryHit>> lookAhead();
  /** While everybody stands. `judged`: where others have looked. Nothing: `deadline` came first. */
  Result<std::optional<std::vector<MemoryHit>>> look(std::vector<RemoteRange> judged, uint64_t deadline);
  /** Of the last look that came to its end. */
  const Cost& cost() const { return cost_; }

 private:
  struct Hit {
    uint64_t at;
    uint64_t value;
    size_t mapping;
  };

  MemoryScan(pid_t pid, std::vector<ForbiddenRange> forbidden, std::vector<Bytes> code);

  Result<bool> sweep(std::span<const RemoteRange> judged, uint64_t deadline);
  bool sweepMapping(size_t mapping, std::span<const RemoteRange> judged, uint64_t deadline);
  bool sweepResident(size_t mapping, RemoteRange range, uint64_t deadline);
  void sweepChunk(size_t mapping, uint64_t at, size_t length);
  bool followsCall(uint64_t word) const;
  bool isDeadThreadStack(const Hit& hit) const;
  bool holdsControlBlock(const Mapping& mapping) const;
  bool isFull() const;
  MemoryHit describe(const Hit& hit) const;

  pid_t pid_;
  std::vector<ForbiddenRange> forbidden_;
  ForbiddenRanges ranges_;
  /** Of each range, from a call's length before its start on: calls are looked for here, not in the process. */
  std::vector<Bytes> code_;
  ResidentPages resident_;
  std::vector<uint8_t> chunk_;

  std::vector<Mapping> mappings_;
  std::vector<Hit> hits_;
  /** Where libc seems to keep what it knows of a thread. */
  std::vector<uint64_t> controlBlocks_;
  Cost cost_;
  uint64_t bytes_ = 0;
};

}  // namespace suture
