// The search of a stopped thread's stack for words that return into a range: nearly all of what a check of it takes, and of that
// nearly all is the reading. Several threads may search at the same time, each with a searcher of its own. Traces nothing,
// opens nothing, and changes nothing.
//
// A call to read costs 1.5 microseconds, whatever it reads, and a page that nobody has read for long nearly one. So a stack is read by
// one call where it fits, and short ones share a call.
#pragma once

#include "remote-ptr.h"
#include "scan.h"
#include "waiting-threads.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace suture {

/** The upper part of a stack: nothing was found in it before the stop, and if its thread has waited since then nothing can be. */
struct SettledPart {
  RemotePtr start;
  const WaitingThreads* threads;
  pid_t tid;
};

struct StackSearch {
  pid_t pid;
  const ForbiddenRanges* forbidden;
  RemoteRange range;
  /** So much of it, from its start. */
  uint64_t most;
  /** Bytes from one word to the next. */
  size_t step;
  std::optional<SettledPart> settled = {};

  /** If its thread has waited. */
  uint64_t expectedLength() const { return settled ? settled->start - range.start : range.length(); }
};

struct StackScan {
  /** Where a word returns into a range. */
  std::optional<uint64_t> hit;
  /** Not everything could be searched. */
  bool isPartial = false;
  bool isClean() const { return !hit && !isPartial; }
};

class StackSearcher {
 public:
  static constexpr size_t chunkSize = 128 << 10;
  static constexpr size_t mostTogether = 16;

  StackSearcher();

  /** All of it: a settled part, too. */
  StackScan search(const StackSearch& wanted);
  /** At most so many as countTogether() says. */
  void search(std::span<const StackSearch> wanted, std::span<StackScan> found);

 private:
  std::vector<uint8_t> chunk_;
};

/** Of those whose threads have waited the settled parts are searched no more; afterwards none has one. How many those are. */
size_t leaveOutSettled(std::span<StackSearch> searches);

/** How many of them, from the front and one at least, can be read by one call; of those that have settled parts, if all threads have waited. */
size_t countTogether(std::span<const StackSearch> wanted);

}  // namespace suture
