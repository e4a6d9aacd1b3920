// Searches the stacks of threads that stand while the tracing thread goes on to stop others: reading is most of what a stop of many working
// threads takes, and it needs nothing that belongs to the tracing thread. The helping threads are made when the working ones are known and still
// run, at most one for each processor besides our own; they have our real-time priority, or on a busy machine everybody would be held
// for as long as one of them waits for a processor; and they are woken only for so much that it is worth it. Where there would be none (one
// processor, no real-time priority, few threads) nothing is begun, and the tracing thread searches by itself. Decides nothing: it
// says which searches came to something.
#pragma once

#include "stack-search.h"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

namespace suture {

class StackReaders {
 public:
  StackReaders() = default;
  StackReaders(const StackReaders&) = delete;
  StackReaders& operator=(const StackReaders&) = delete;
  ~StackReaders() { join(); }

  /** Slow. `searches`: about so many are to be expected. */
  void prepare(size_t searches);
  /** If not, nothing may be added. */
  bool isHelping() const { return !helpers_.empty(); }

  /** Searches count from 0. */
  void add(const StackSearch& wanted);
  /** Which of them have come to something by now; each is named once. */
  std::vector<size_t> takeFound();
  /** Searches as well, until all is done. False: `deadline` (see now()) came first. */
  bool finish(uint64_t deadline);
  /** No search is begun any more. */
  void cancel();
  /** Those under way are waited for; then there are no helping threads any more. */
  void join();

  /** Nothing: it has not been made. Valid until the next one is added. */
  const StackScan* scanOf(size_t search) const;

 private:
  struct Entry {
    StackSearch wanted;
    std::optional<StackScan> found = {};
  };
  using Lock = std::unique_lock<std::mutex>;

  static void* runHelper(void* readers);
  void help();
  bool searchSome(StackSearcher& searcher, Lock& lock);
  size_t take(std::span<StackSearch> into);
  void note(size_t search, const StackScan& scan);

  std::vector<pthread_t> helpers_;
  std::optional<StackSearcher> own_;

  mutable std::mutex mutex_;
  std::condition_variable isWanted_;
  std::condition_variable isDone_;
  // All below belongs to who holds the mutex.
  std::vector<Entry> entries_;
  std::vector<size_t> found_;
  size_t taken_ = 0;
  size_t done_ = 0;
  uint64_t waitingBytes_ = 0;
  bool isCancelled_ = false;
};

}  // namespace suture
