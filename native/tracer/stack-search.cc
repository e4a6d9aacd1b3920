#include "stack-search.h"

#include "remote-memory.h"

#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>
#include <utility>

namespace suture {

namespace {

bool isShort(const StackSearch& search) { return search.expectedLength() <= std::min<uint64_t>(search.most, StackSearcher::chunkSize); }

/** One after the other into `into`; how many bytes from the front. */
size_t readTogether(std::span<const StackSearch> wanted, std::span<uint8_t> into) {
  struct iovec remote[StackSearcher::mostTogether];
  size_t length = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    remote[i] = {reinterpret_cast<void*>(wanted[i].range.start.bits()), wanted[i].range.length()};
    length += remote[i].iov_len;
  }
  const struct iovec local = {into.data(), length};
  const ssize_t got = ::process_vm_readv(wanted[0].pid, &local, 1, remote, wanted.size(), 0);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

}  // namespace

size_t leaveOutSettled(std::span<StackSearch> searches) {
  size_t count = 0;
  for (StackSearch& search : searches) {
    const std::optional<SettledPart> settled = std::exchange(search.settled, std::nullopt);
    if (!settled || !settled->threads->hasWaited(settled->tid)) continue;
    search.range.end = settled->start;
    ++count;
  }
  return count;
}

size_t countTogether(std::span<const StackSearch> wanted) {
  size_t count = 0;
  for (uint64_t length = 0; count < std::min(wanted.size(), StackSearcher::mostTogether); ++count) {
    const StackSearch& next = wanted[count];
    if (!isShort(next) || next.pid != wanted[0].pid || length + next.expectedLength() > StackSearcher::chunkSize) break;
    length += next.expectedLength();
  }
  return std::max<size_t>(count, 1);
}

StackSearcher::StackSearcher() : chunk_(chunkSize) { ::mlock(chunk_.data(), chunk_.size()); }

StackScan StackSearcher::search(const StackSearch& wanted) {
  const auto& [pid, forbidden, range, most, step, settled] = wanted;
  StackScan scan;
  scan.isPartial = range.length() > most;
  const uint64_t end = std::min(range.end.bits(), range.start.bits() + most);
  for (uint64_t at = range.start.bits(); at < end;) {
    const size_t length = std::min<uint64_t>(chunkSize, end - at);
    const size_t got = readRemote(pid, at, {chunk_.data(), length});
    const std::optional<size_t> hit = forbidden->findReturn({chunk_.data(), got}, step);
    if (hit) {
      scan.hit = at + *hit;
      return scan;
    }
    if (got < length) {
      scan.isPartial = true;
      return scan;
    }
    // Words that lie across two chunks belong to the second one.
    at += length < sizeof(uint64_t) || at + length == end ? length : length - (step == 1 ? sizeof(uint64_t) - 1 : 0);
  }
  return scan;
}

void StackSearcher::search(std::span<const StackSearch> wanted, std::span<StackScan> found) {
  const size_t got = wanted.size() > 1 ? readTogether(wanted, chunk_) : 0;
  size_t end = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const size_t at = end;
    end += wanted[i].range.length();
    if (end > got) {
      // What cannot be read, and all behind it: each by itself tells which.
      found[i] = search(wanted[i]);
      continue;
    }
    const std::optional<size_t> hit = wanted[i].forbidden->findReturn({chunk_.data() + at, end - at}, wanted[i].step);
    if (hit) found[i].hit = wanted[i].range.start.bits() + *hit;
  }
}

}  // namespace suture
