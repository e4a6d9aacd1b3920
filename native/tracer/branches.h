// Where code of a function leads back into its own first bytes, as a loop does whose head is there. Whoever overwrites
// these bytes while a call is under way must know it: that call would come back to the middle of something else.
//
// Instructions are decoded from the start of each range on, and jump tables are followed as compilers lay them out: addresses, or
// distances from the table, beside each other, at a place that the function itself names. What cannot be decoded is an Error.
#pragma once

#include "process.h"

#include <cstdint>
#include <span>
#include <vector>

namespace suture {

struct BranchBack {
  /** The jump, or the entry of a jump table. */
  uint64_t at;
  uint64_t to;
};

/** From within `ranges`, the whole of a function, to `head.start <= target < head.end`. */
Result<std::vector<BranchBack>> findBranchesBack(pid_t pid, std::span<const RemoteRange> ranges, const RemoteRange& head);

}  // namespace suture
