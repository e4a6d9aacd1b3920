// Searches the stacks of threads that stand while the tracing thread goes on to stop others: reading is most of what a stop of many working
// threads takes, and it needs nothing that belongs to the tracing thread. The helping threads are made when the working ones are known and still
// run, at most one for each processor besides our own; they have our real-time priority, or on a busy machine everybody would be held
// for as long as one of them waits for a processor; and they are woken only for so much that it is worth it. Where there would be none (one
// processor, no real-time priority, few threads) nothing is begun, and the tracing thread searches by itself. Decides nothing: it
// says which searches came to something.
#pragma once

#include "stack-search.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace suture {

class StackReaders {
 public:
  StackReaders() = default;
  StackReaders(const StackReaders&) = delete;
  StackReaders& operator=(const StackReaders&) = delete;
  ~StackReaders() { end(); }

  /** Is there a processor for it? */
  static bool mayHelp();
  /** Slow, so that nothing else is: all memory is had, and all helping threads wait. `searches`: about so many are to be expected. */
  void prepare(size_t searches);
  /** If not, nothing may be added. */
  bool isHelping() const { return shared_ != nullptr; }

  /** Searches count from 0. */
  void add(const StackSearch& wanted);
  /** Which of them have come to something by now; each is named once. */
  std::vector<size_t> takeFound();
  /** Searches as well, until all is done. False: `deadline` (see now()) came first. */
  bool finish(uint64_t deadline);
  /** No search is begun any more. */
  void cancel();
  /** Those under way are waited for. The helping threads end by themselves: who waits for them may be long without a processor afterwards. */
  void end();

  /** Of so many stacks only the newest part was searched, as the rest had been settled before. */
  size_t countSettled() const;

  /** Nothing: it has not been made. Valid until the next one is added. */
  const StackScan* scanOf(size_t search) const;

 private:
  class Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace suture
