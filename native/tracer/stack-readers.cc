#include "stack-readers.h"

#include "real-time.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace suture {

namespace {

constexpr size_t searchesForEach = 8;
constexpr size_t mostHelpers = 15;
/** Waking a thread costs as much as reading some ten pages. */
constexpr uint64_t bytesWorthWaking = 128 << 10;

size_t countProcessors() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<size_t>(CPU_COUNT(&set)) : 1;
}

/** With the priority of the calling thread from the first instruction on; only of a real-time one. */
bool startAlike(pthread_t& thread, void* (*run)(void*), void* argument) {
  SchedulingAttributes own = {};
  if (!readScheduling(0, own) || own.policy != SCHED_FIFO) return false;
  struct sched_param parameters = {};
  parameters.sched_priority = static_cast<int>(own.priority);
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  ::pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
  ::pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
  ::pthread_attr_setschedparam(&attributes, &parameters);
  const int failed = ::pthread_create(&thread, &attributes, run, argument);
  ::pthread_attr_destroy(&attributes);
  return failed == 0;
}

}  // namespace

void StackReaders::prepare(size_t searches) {
  const size_t wanted = std::min({countProcessors() - 1, searches / searchesForEach, mostHelpers});
  pthread_t helper;
  while (helpers_.size() < wanted && startAlike(helper, runHelper, this)) helpers_.push_back(helper);
  if (!isHelping()) return;
  own_.emplace();
  const Lock lock(mutex_);
  entries_.reserve(searches);
}

void* StackReaders::runHelper(void* readers) {
  static_cast<StackReaders*>(readers)->help();
  return nullptr;
}

void StackReaders::help() {
  StackSearcher searcher;
  for (Lock lock(mutex_); !isCancelled_;) {
    if (!searchSome(searcher, lock)) isWanted_.wait(lock);
  }
}

/** False: there is nothing to do. */
bool StackReaders::searchSome(StackSearcher& searcher, Lock& lock) {
  StackSearch wanted[StackSearcher::mostTogether];
  StackScan found[StackSearcher::mostTogether];
  const size_t first = taken_;
  const size_t count = isCancelled_ ? 0 : take(wanted);
  if (count == 0) return false;
  lock.unlock();
  searcher.search({wanted, count}, {found, count});
  lock.lock();
  for (size_t i = 0; i < count; ++i) note(first + i, found[i]);
  if (done_ == entries_.size()) isDone_.notify_all();
  return true;
}

size_t StackReaders::take(std::span<StackSearch> into) {
  size_t count = std::min(into.size(), entries_.size() - taken_);
  if (count == 0) return 0;
  for (size_t i = 0; i < count; ++i) into[i] = entries_[taken_ + i].wanted;
  count = countTogether(into.first(count));
  for (const StackSearch& each : into.first(count)) waitingBytes_ -= each.range.length();
  taken_ += count;
  return count;
}

void StackReaders::note(size_t search, const StackScan& scan) {
  entries_[search].found = scan;
  if (!scan.isClean()) found_.push_back(search);
  ++done_;
}

void StackReaders::add(const StackSearch& wanted) {
  Lock lock(mutex_);
  entries_.push_back({wanted});
  waitingBytes_ += wanted.range.length();
  const bool isWorthWaking = waitingBytes_ >= bytesWorthWaking;
  lock.unlock();
  if (isWorthWaking) isWanted_.notify_one();
}

std::vector<size_t> StackReaders::takeFound() {
  const Lock lock(mutex_);
  return std::exchange(found_, {});
}

bool StackReaders::finish(uint64_t deadline) {
  if (!own_) return true;
  const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
  Lock lock(mutex_);
  while (std::chrono::steady_clock::now() < until) {
    if (searchSome(*own_, lock)) continue;
    return isDone_.wait_until(lock, until, [&] { return done_ == entries_.size(); });
  }
  return done_ == entries_.size();
}

void StackReaders::cancel() {
  {
    const Lock lock(mutex_);
    isCancelled_ = true;
  }
  isWanted_.notify_all();
}

void StackReaders::join() {
  cancel();
  for (const pthread_t helper : helpers_) ::pthread_join(helper, nullptr);
  helpers_.clear();
}

const StackScan* StackReaders::scanOf(size_t search) const {
  const Lock lock(mutex_);
  const std::optional<StackScan>& found = entries_[search].found;
  return found ? &*found : nullptr;
}

}  // namespace suture
