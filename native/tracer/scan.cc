#include "scan.h"

#include <algorithm>
#include <cstring>

namespace suture {

bool mayEndWithCall(std::span<const uint8_t> code) {
  const size_t size = code.size();
  if (size >= 5 && code[size - 5] == 0xe8) return true;  // call rel32
  for (const size_t length : {2, 3, 4, 6, 7}) {          // call r/m64, by the length of its address
    constexpr uint8_t register2 = 2 << 3;
    if (size >= length && code[size - length] == 0xff && (code[size - length + 1] & 0x38) == register2) return true;
  }
  return false;
}

ForbiddenRanges::ForbiddenRanges(std::vector<ForbiddenRange> ranges) : ranges_(std::move(ranges)) {
  if (ranges_.empty()) return;
  uint64_t highest = 0;
  lowest_ = ~uint64_t{0};
  for (const auto& [range, mayEndWithCall] : ranges_) {
    words_.push_back({range.start.bits(), mayEndWithCall ? range.end.bits() : range.end.bits() - 1});
    lowest_ = std::min(lowest_, range.start.bits());
    highest = std::max(highest, range.end.bits());
  }
  extent_ = highest - lowest_;
}

std::optional<size_t> ForbiddenRanges::standsIn(uint64_t instruction) const {
  for (size_t i = 0; i < ranges_.size(); ++i) {
    if (ranges_[i].range.start.bits() < instruction && instruction < ranges_[i].range.end.bits()) return i;
  }
  return {};
}

std::optional<size_t> ForbiddenRanges::returnsInto(uint64_t word) const {
  if (ranges_.empty() || isOutside(word)) return {};
  for (size_t i = 0; i < words_.size(); ++i) {
    if (words_[i].after < word && word <= words_[i].upTo) return i;
  }
  return {};
}

/** How many bytes from the front hold nothing but words outside, found a block at a time and without a branch for each word. */
size_t ForbiddenRanges::countOutside(std::span<const uint8_t> stack) const {
  static const bool hasAvx2 = __builtin_cpu_supports("avx2");
  return hasAvx2 ? countOutsideByVectors(stack) : countOutsideByWords(stack);
}

size_t ForbiddenRanges::countOutsideByWords(std::span<const uint8_t> stack) const {
  constexpr size_t wordsAtOnce = 8;
  size_t at = 0;
  for (uint64_t block[wordsAtOnce]; at + sizeof block <= stack.size(); at += sizeof block) {
    std::memcpy(block, stack.data() + at, sizeof block);
    bool isAnyInside = false;
    for (const uint64_t word : block) isAnyInside |= !isOutside(word);
    if (isAnyInside) break;
  }
  return at;
}

/** A fifth of the time. AVX2 compares signed words only, so both sides are moved by half of what a word can hold. */
__attribute__((target("avx2"))) size_t ForbiddenRanges::countOutsideByVectors(std::span<const uint8_t> stack) const {
  using Unsigned __attribute__((vector_size(32))) = uint64_t;
  using Signed __attribute__((vector_size(32))) = int64_t;
  constexpr uint64_t half = uint64_t{1} << 63;
  constexpr size_t vectorsAtOnce = 4;
  const Unsigned lowest = Unsigned{} + (lowest_ + half);
  const Signed extent = reinterpret_cast<Signed>(Unsigned{} + (extent_ + half));
  size_t at = 0;
  for (; at + vectorsAtOnce * sizeof(Unsigned) <= stack.size(); at += vectorsAtOnce * sizeof(Unsigned)) {
    Signed inside = {};
    for (size_t i = 0; i < vectorsAtOnce; ++i) {
      Unsigned words;
      std::memcpy(&words, stack.data() + at + i * sizeof words, sizeof words);
      inside |= reinterpret_cast<Signed>(words - lowest) <= extent;
    }
    if ((inside[0] | inside[1] | inside[2] | inside[3]) != 0) break;
  }
  return at;
}

std::optional<size_t> ForbiddenRanges::findReturn(std::span<const uint8_t> stack, size_t step) const {
  if (ranges_.empty()) return {};
  for (size_t at = 0; at + sizeof(uint64_t) <= stack.size(); at += step) {
    if (step == sizeof(uint64_t)) at += countOutside(stack.subspan(at));
    if (at + sizeof(uint64_t) > stack.size()) break;
    uint64_t word;
    std::memcpy(&word, stack.data() + at, sizeof word);
    if (!isOutside(word) && returnsInto(word)) return at;
  }
  return {};
}

}  // namespace suture
