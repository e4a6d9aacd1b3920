// Processes that run in the memory of another one: children of clone(CLONE_VM) that are no threads of it, and children of
// vfork that have not yet become another program. They run the same code, so a switch of that code has to hold them too.
#pragma once

#include "result.h"

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace suture {

struct MemorySharer {
  pid_t pid;
  uint64_t startTime;
};

/** Slow: asks the kernel about every process. Those that we may not look into are not found; they are another user's. */
Result<std::vector<MemorySharer>> findMemorySharers(pid_t pid);

}  // namespace suture
