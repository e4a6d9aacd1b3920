// The upper parts of the stacks of a process, searched while nobody is held: to read deep stacks is most of what a stop of many working threads
// takes, and of a thread that has not run since (waiting-threads.h) they need not be read again. What others have run since has left return addresses on
// their own stacks only, unless they run a coroutine on a variable of the one that waits: those are for `--scan heap`, which reads everything in the stop.
// Which thread uses which stack is not known before it stands: so everything is searched that looks like a stack, from its end down to the first page
// that was never touched. A stack of which this is not true (short, with other memory behind it in one mapping, with too many words that return into a
// range), and any that time and bytes do not suffice for, is read in the stop as ever. Decides nothing, stops nothing.
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
  /** Slow. False: there is nothing to be had from search(), as where there are processors for all, so that nobody waits. */
  bool prepare(pid_t pid);
  /** After prepare(); ends soon after `deadline` (see now()). */
  void search(pid_t pid, std::span<const Mapping> mappings, const ForbiddenRanges& forbidden, uint64_t deadline);
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
