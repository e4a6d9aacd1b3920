// Memory in a running process: private mappings of memory files, made and given back by a borrowed thread while all
// others run. All of a request, in its order, or nothing; what is undone goes in the opposite order. Refuses: unreachable-memory where something is mapped already, out-of-memory,
// cannot-borrow-thread, process-gone. What the memory is for is not known here.
//
// The thread may be the only one, so it is held for as short as can be: it makes its calls in a row, what they have done is looked at when it is
// back, and only where that is not all, or where there can be no row, are they made one by one, which tells what is wrong.
#pragma once

#include "borrowed-thread.h"
#include "protocol.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace suture {

struct StagedSegment {
  uint64_t offset;
  uint64_t length;
  /** PROT_… */
  int protection;
};

struct StagedMapping {
  std::string name;
  RemotePtr at;
  ByteView contents;
  std::vector<StagedSegment> segments;
};

/** Only on a tracing thread, as are all of these. */
Result<void> stageMappings(pid_t pid, uint64_t startTime, std::span<const StagedMapping> mappings);
Result<void> unmapRanges(pid_t pid, uint64_t startTime, std::span<const RemoteRange> ranges);

}  // namespace suture
