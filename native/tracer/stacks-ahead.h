// The upper parts of the stacks of a process, searched while nobody is held: to read deep stacks is most of what a stop of many working threads
// takes, and of a thread that has not run since (waiting-threads.h) they need not be read again. Words of other threads that have run since lie on their own
// stacks. Which thread uses which stack is not known before it stands: so everything is searched that looks like a stack, from its end down to the first page
// that was never touched. A stack of which this is not true (short, in the middle of a mapping, with too many words that return into a range) is
// read in the stop as ever. Decides nothing, stops nothing.
#pragma once

#include "process.h"
#include "scan.h"
#include "stack-search.h"
#include "waiting-threads.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace suture {

class StacksAhead {
 public:
  /** Slow. Does nothing where few threads want a processor: there is nobody who waits long enough. */
  void search(pid_t pid, std::span<const Mapping> mappings, const ForbiddenRanges& forbidden);
  /** The thread has been asked to stop just now. */
  void noteAsked(pid_t tid);
  /** Of what a thread that stands uses of its stack: the part that need not be read if it has waited. */
  std::optional<SettledPart> settledOf(pid_t tid, const RemoteRange& used) const;

 private:
  /** Up to the end of a mapping each, ascending: no word of them returned into a range. */
  std::vector<RemoteRange> settled_;
  WaitingThreads waiting_;
};

}  // namespace suture
