#include "stack-readers.h"

#include "processors.h"
#include "real-time.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

namespace suture {

namespace {

constexpr size_t searchesForEach = 8;
constexpr size_t mostHelpers = 15;
/** Waking a thread costs as much as reading some ten pages. */
constexpr uint64_t bytesWorthWaking = 128 << 10;

/** With the priority of the calling thread from the first instruction on; only of a real-time one. */
bool startAlike(void* (*run)(void*), void* argument) {
  SchedulingAttributes own = {};
  if (!readScheduling(0, own) || own.policy != SCHED_FIFO) return false;
  struct sched_param parameters = {};
  parameters.sched_priority = static_cast<int>(own.priority);
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
  ::pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
  ::pthread_attr_setschedparam(&attributes, &parameters);
  pthread_t thread;
  const int failed = ::pthread_create(&thread, &attributes, run, argument);
  ::pthread_attr_destroy(&attributes);
  return failed == 0;
}

}  // namespace

/** What we and the helping threads have in common; whoever is the last to leave cleans it up. */
class StackReaders::Shared {
 public:
  Shared(size_t helpers, size_t searches) : searchers_(helpers + 1) {
    entries_.reserve(searches);
    found_.reserve(searches);
  }

  void help() {
    Lock lock(mutex_);
    StackSearcher& searcher = searchers_[ready_++];
    isChanged_.notify_all();
    while (!isCancelled_) {
      if (!searchSome(searcher, lock)) isWanted_.wait(lock);
    }
  }

  void awaitHelpers(size_t count) {
    Lock lock(mutex_);
    isChanged_.wait(lock, [&] { return ready_ == count; });
  }

  void add(const StackSearch& wanted) {
    Lock lock(mutex_);
    entries_.push_back({wanted});
    waitingBytes_ += wanted.expectedLength();
    const bool isWorthWaking = waitingBytes_ >= bytesWorthWaking;
    lock.unlock();
    if (isWorthWaking) isWanted_.notify_one();
  }

  std::vector<size_t> takeFound() {
    const Lock lock(mutex_);
    return found_.empty() ? std::vector<size_t>() : std::exchange(found_, {});
  }

  bool finish(uint64_t deadline) {
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
    const auto isDone = [&] { return done_ == entries_.size(); };
    Lock lock(mutex_);
    while (std::chrono::steady_clock::now() < until) {
      if (!searchSome(searchers_.back(), lock)) return isChanged_.wait_until(lock, until, isDone);
    }
    return isDone();
  }

  void cancel() {
    {
      const Lock lock(mutex_);
      isCancelled_ = true;
    }
    isWanted_.notify_all();
  }

  void awaitThoseUnderWay() {
    Lock lock(mutex_);
    isChanged_.wait(lock, [&] { return done_ == taken_; });
  }

  size_t countSettled() const {
    const Lock lock(mutex_);
    return settled_;
  }

  const StackScan* scanOf(size_t search) const {
    const Lock lock(mutex_);
    const std::optional<StackScan>& found = entries_[search].found;
    return found ? &*found : nullptr;
  }

 private:
  struct Entry {
    StackSearch wanted;
    std::optional<StackScan> found = {};
  };
  using Lock = std::unique_lock<std::mutex>;

  /** False: there is nothing to do. */
  bool searchSome(StackSearcher& searcher, Lock& lock) {
    StackSearch wanted[StackSearcher::mostTogether];
    StackScan found[StackSearcher::mostTogether];
    const size_t first = taken_;
    const size_t count = isCancelled_ ? 0 : take(wanted);
    if (count == 0) return false;
    lock.unlock();
    const size_t settled = searchAll(searcher, {wanted, count}, {found, count});
    lock.lock();
    settled_ += settled;
    for (size_t i = 0; i < count; ++i) note(first + i, found[i]);
    if (done_ == taken_) isChanged_.notify_all();
    return true;
  }

  /** Of how many only the newest part. */
  static size_t searchAll(StackSearcher& searcher, std::span<StackSearch> wanted, std::span<StackScan> found) {
    const size_t settled = leaveOutSettled(wanted);
    while (!wanted.empty()) {
      const size_t together = countTogether(wanted);
      searcher.search(wanted.first(together), found.first(together));
      wanted = wanted.subspan(together);
      found = found.subspan(together);
    }
    return settled;
  }

  size_t take(std::span<StackSearch> into) {
    size_t count = std::min(into.size(), entries_.size() - taken_);
    if (count == 0) return 0;
    for (size_t i = 0; i < count; ++i) into[i] = entries_[taken_ + i].wanted;
    count = countTogether(into.first(count));
    for (const StackSearch& each : into.first(count)) waitingBytes_ -= each.expectedLength();
    taken_ += count;
    return count;
  }

  void note(size_t search, const StackScan& scan) {
    entries_[search].found = scan;
    if (!scan.isClean()) found_.push_back(search);
    ++done_;
  }

  /** One for each helper, and the last for the tracing thread. */
  std::vector<StackSearcher> searchers_;
  mutable std::mutex mutex_;
  std::condition_variable isWanted_;
  std::condition_variable isChanged_;
  // All below belongs to who holds the mutex.
  std::vector<Entry> entries_;
  std::vector<size_t> found_;
  size_t ready_ = 0;
  size_t taken_ = 0;
  size_t done_ = 0;
  size_t settled_ = 0;
  uint64_t waitingBytes_ = 0;
  bool isCancelled_ = false;
};

bool StackReaders::mayHelp() { return countProcessors() > 1; }

void StackReaders::prepare(size_t searches) {
  const size_t wanted = std::min({countProcessors() - 1, searches / searchesForEach, mostHelpers});
  if (wanted == 0) return;
  const auto shared = std::make_shared<Shared>(wanted, searches);
  const auto run = [](void* argument) -> void* {
    const std::unique_ptr<std::shared_ptr<Shared>> own(static_cast<std::shared_ptr<Shared>*>(argument));
    (*own)->help();
    return nullptr;
  };
  size_t started = 0;
  for (; started < wanted; ++started) {
    auto own = std::make_unique<std::shared_ptr<Shared>>(shared);
    if (!startAlike(run, own.get())) break;
    (void)own.release();
  }
  if (started == 0) return;
  shared->awaitHelpers(started);
  shared_ = shared;
}

void StackReaders::add(const StackSearch& wanted) { shared_->add(wanted); }
std::vector<size_t> StackReaders::takeFound() { return isHelping() ? shared_->takeFound() : std::vector<size_t>(); }
bool StackReaders::finish(uint64_t deadline) { return !isHelping() || shared_->finish(deadline); }
void StackReaders::cancel() {
  if (isHelping()) shared_->cancel();
}
void StackReaders::end() {
  cancel();
  if (isHelping()) shared_->awaitThoseUnderWay();
}
size_t StackReaders::countSettled() const { return isHelping() ? shared_->countSettled() : 0; }
const StackScan* StackReaders::scanOf(size_t search) const { return shared_->scanOf(search); }

}  // namespace suture
