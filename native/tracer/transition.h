// One all-stop switch of code: every thread of every process named is stopped, every stack is held against the ranges
// that are about to be taken away, all writes are made or none, everything is let go. All that can be slow or fail late
// has been done before the first thread stops. Writes nothing when a thread is in the way, when the bytes are not
// those expected, when the working threads would be held for longer than the caller allows, or when a process has gone.
#pragma once

#include "memory-scan.h"
#include "memory-write.h"
#include "passing-look.h"
#include "stopped-process.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace suture {

struct ProcessTransition {
  pid_t pid;
  uint64_t startTime;
  std::vector<ForbiddenRange> forbidden;
  std::vector<MemoryWrite> writes;
  /** Memory that nobody uses from then on: whether it is referred to is looked for in passing. */
  std::optional<WantedReferences> leaving = {};
};

/** Where frames are looked for. */
enum class ScanDepth : uint8_t {
  stacks,
  /** In all memory that can be written, too: coroutines that no thread is on. */
  heap,
};

struct Blocker {
  pid_t pid;
  /** The process of the request whose memory it is: another than `pid` when that one only shares it. */
  pid_t of;
  pid_t tid;
  std::string threadName;
  bool isWorking;
  const char* reason;
  std::optional<size_t> forbidden;
  std::vector<uint64_t> frames;
};

/** A frame that is on no thread's stack. */
struct MemoryBlocker {
  pid_t pid;
  MemoryHit hit;
};

struct TransitionOutcome {
  enum class Kind : uint8_t { done, blocked, mismatch, overBudget, gone };
  Kind kind = Kind::done;
  /** Blocked. */
  std::vector<Blocker> blockers = {};
  std::vector<MemoryBlocker> inMemory = {};
  /** The threads that were looked at. */
  std::vector<pid_t> inspected = {};
  /** Mismatch and gone: in this process. */
  pid_t pid = 0;
  Mismatch mismatch = {};
  StopFigures stop = {};
  /** What was searched before the stop (stacks-ahead.h): how long that took, and of how many threads only the newest part of their stacks was read in the stop. */
  struct Ahead {
    uint64_t nanoseconds = 0;
    size_t threads = 0;
  };
  Ahead ahead = {};
  /** What a look through memory takes; where there was one. */
  MemoryScan::Cost scan = {};
  /** Done: what was seen in passing, to be looked at by whoever has time. */
  std::vector<PassingLook> looks = {};
};

/**
 * Only on a tracing thread. The budget is for the working threads, from the first one that is asked to stop to the first
 * write. Refuses what is no outcome: not-permitted, already-traced, unreadable-memory.
 */
Result<TransitionOutcome> performTransition(std::span<const ProcessTransition> processes, uint64_t maxStopMicroseconds, ScanDepth depth = ScanDepth::stacks);

}  // namespace suture
