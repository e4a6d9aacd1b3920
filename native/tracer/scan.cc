#include "scan.h"

#include <algorithm>
#include <cstring>

namespace suture {

ForbiddenRanges::ForbiddenRanges(std::vector<RemoteRange> ranges) : ranges_(std::move(ranges)) {
  if (ranges_.empty()) return;
  uint64_t highest = 0;
  lowest_ = ~uint64_t{0};
  for (const RemoteRange& range : ranges_) {
    lowest_ = std::min(lowest_, range.start.bits());
    highest = std::max(highest, range.end.bits());
  }
  extent_ = highest - lowest_;
}

std::optional<size_t> ForbiddenRanges::standsIn(uint64_t instruction) const {
  for (size_t i = 0; i < ranges_.size(); ++i) {
    if (ranges_[i].start.bits() < instruction && instruction < ranges_[i].end.bits()) return i;
  }
  return {};
}

std::optional<size_t> ForbiddenRanges::returnsInto(uint64_t word) const {
  if (ranges_.empty() || isOutside(word)) return {};
  for (size_t i = 0; i < ranges_.size(); ++i) {
    if (ranges_[i].start.bits() < word && word <= ranges_[i].end.bits()) return i;
  }
  return {};
}

std::optional<size_t> ForbiddenRanges::findReturn(std::span<const uint8_t> stack, size_t step) const {
  if (ranges_.empty()) return {};
  for (size_t at = 0; at + sizeof(uint64_t) <= stack.size(); at += step) {
    uint64_t word;
    std::memcpy(&word, stack.data() + at, sizeof word);
    if (!isOutside(word) && returnsInto(word)) return at;
  }
  return {};
}

}  // namespace suture
