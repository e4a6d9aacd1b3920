// The part of a process's memory that has ever been touched, from /proc/PID/pagemap: the rest holds nothing, and reading it would
// make the kernel map pages for it. Where the kernel does not say, everything counts as touched.
#pragma once

#include "file.h"
#include "remote-ptr.h"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace suture {

class ResidentPages {
 public:
  using Visitor = std::function<bool(const RemoteRange&)>;

  explicit ResidentPages(pid_t pid);
  /** Else everything counts as touched. */
  bool isKnown() const { return pageMap_.isOpen(); }

  /** For each run of touched pages in `range`, from below, in pieces of at most `most` bytes. False: the visitor said so, and it ended there. */
  bool visit(const RemoteRange& range, uint64_t most, const Visitor& visitor);

 private:
  bool visitBlock(const RemoteRange& block, size_t most, const Visitor& visitor);

  File pageMap_;
  std::vector<uint64_t> entries_;
};

}  // namespace suture
