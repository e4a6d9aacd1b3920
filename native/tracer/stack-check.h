// Does a stopped thread stand in a range that is about to be taken away? First the conservative scan of everything that
// can be a stack of it; an unwinding only to clear what the scan found. A stack that cannot be read or that is too long
// to be read, and has no proper end, is unreliable: it is never guessed about.
//
// Which memory is the stack: from the red zone below the stack pointer to the end of the thread's own stack (the main
// thread's mapping [stack]; for the others everything below the thread control block, which libc puts on top of the
// stack). A thread whose stack pointer is elsewhere runs a signal handler on an alternate stack or a coroutine: then
// both the rest of that mapping and the whole of its own stack are scanned, because the frames of the latter live on.
#pragma once

#include "process.h"
#include "resident-pages.h"
#include "scan.h"
#include "stack-search.h"
#include "stacks-ahead.h"
#include "unwind.h"

#include <sys/user.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace suture {

struct Finding {
  enum class Reason : uint8_t { inUse, unreliableStack };
  Reason reason;
  /** Which range; in use only. */
  std::optional<size_t> forbidden;
  /** From the innermost frame outwards as far as could be told. */
  std::vector<uint64_t> frames;
};

/** Which memory a thread uses as its stack, from what /proc said before the stop and the kernel says now. */
class StackMap {
 public:
  /** Slow: reads the list of threads and their mappings. `isGuest`: the process lives in the memory of another, whose main stack it is. */
  static Result<StackMap> of(pid_t pid, bool isGuest = false);

  struct Used {
    /** From the red zone up. */
    RemoteRange stack;
    /** Where the mapping begins whose upper part that is. */
    RemotePtr bottom;
    /** The stack pointer is not on the thread's own stack, which is this, whole. Empty otherwise. */
    RemoteRange own;
  };
  std::optional<Used> usedBy(pid_t tid, const user_regs_struct& registers) const;
  const std::vector<Mapping>& mappings() const { return mappings_; }
  /** The executable mapping at an address, as it was. */
  std::optional<RemoteRange> codeAt(uint64_t at) const;
  /** Is `own`, the mapping of a thread's own stack up to its top, that stack and nothing else? */
  bool isWholeStack(pid_t tid, const user_regs_struct& registers, const RemoteRange& own) const;

 private:
  const Mapping* knownAt(uint64_t at) const;
  std::optional<RemoteRange> mappingAt(pid_t tid, uint64_t at) const;
  std::optional<RemoteRange> askForMappingAt(uint64_t at) const;

  pid_t pid_ = 0;
  std::vector<Mapping> mappings_;
  std::unordered_set<pid_t> threads_;
  /** Where the main thread's stack begins, growing downwards. */
  uint64_t mainStackEnd_ = 0;
  File maps_;
};

class StackCheck {
 public:
  /** Slow: opens files and reads unwind tables. */
  static Result<StackCheck> of(pid_t pid, uint64_t startTime, std::vector<ForbiddenRange> forbidden, bool isGuest = false);

  /** Nothing: the thread may go on with the ranges taken away. `found`: what the search of searchFor() has shown, if it was made. */
  std::optional<Finding> check(pid_t tid, const user_regs_struct& registers, const StackScan* found = nullptr);
  /** Slow, while nobody is held. False: searchAhead() would gain nothing. */
  bool prepareAhead() { return !forbidden_.isEmpty() && ahead_.prepare(pid_); }
  /** After prepareAhead(); until about `deadline` (see now()). Then there is less to do for searchFor(). */
  void searchAhead(uint64_t deadline) { ahead_.search(pid_, stacks_.mappings(), forbidden_, deadline); }
  /** The thread has been asked to stop just now. */
  void noteAsked(pid_t tid) { ahead_.noteAsked(tid); }
  /**
   * The search that is all there is left to do for a thread, for who has it made by others: if nothing comes of it, the thread may go on. Else
   * check() decides. Nothing: check() decides at once.
   */
  std::optional<StackSearch> searchFor(pid_t tid, const user_regs_struct& registers) const;

  /** Which memory its stack is, if it is on its own. */
  std::optional<StackMap::Used> ownStackOf(pid_t tid, const user_regs_struct& registers) const;
  /** When nobody stands any more: of a thread that check() has let pass, by what `stack`, its own, held then. Notes what check() would have noted. */
  void judgeCopied(pid_t tid, const user_regs_struct& registers, const StackMap::Used& used, std::vector<uint8_t> stack);
  /** From now on check() notes which parts of the threads' own stacks need no other look. */
  void noteJudged() { isJudgedNoted_ = true; }
  const std::vector<RemoteRange>& judged() const { return judged_; }

 private:
  StackCheck(pid_t pid, StackMap stacks, std::shared_ptr<UnwindTables> tables, std::vector<ForbiddenRange> forbidden);

  StackSearch searchOf(const StackMap::Used& used, const user_regs_struct& registers) const;
  StackScan scanResident(RemoteRange range);
  bool isInRegister(const user_regs_struct& registers) const;
  Finding describe(const Unwinding& unwinding, const StackScan& scan) const;
  void judge(pid_t tid, const user_regs_struct& registers, const StackMap::Used& used, const Unwinding& unwinding, bool isClean, WordReader& memory);
  bool reachesTop(const Unwinding& unwinding, const RemoteRange& stack, WordReader& memory) const;
  bool isReturnAddress(uint64_t word) const;

  pid_t pid_;
  StackMap stacks_;
  std::shared_ptr<UnwindTables> tables_;
  ForbiddenRanges forbidden_;
  LiveMemory memory_;
  StackSearcher searcher_;
  ResidentPages resident_;
  StacksAhead ahead_;
  bool isJudgedNoted_ = false;
  std::vector<RemoteRange> judged_;
};

/** With what is known of their last instructions. */
std::vector<ForbiddenRange> examine(pid_t pid, std::vector<ForbiddenRange> ranges);

}  // namespace suture
