// The conservative half of the check: which words of a stack could be return addresses into a forbidden range. It never
// misses one, and it takes stale words for return addresses; those are cleared by unwinding (unwind.h), never here.
#pragma once

#include "remote-ptr.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace suture {

struct ForbiddenRange {
  RemoteRange range;
  /** Its last instruction can be a call, and then its end is a return address. Else it is only the next function's start. */
  bool mayEndWithCall = true;
};

/** `code`: the last bytes of a range, seven are enough. Never false for code that ends with a call. */
bool mayEndWithCall(std::span<const uint8_t> code);

class ForbiddenRanges {
 public:
  explicit ForbiddenRanges(std::vector<ForbiddenRange> ranges);

  bool isEmpty() const { return ranges_.empty(); }
  /** Of nearly every word, at the price of one comparison: it returns into no range. */
  bool isOutside(uint64_t word) const { return word - lowest_ > extent_; }

  // Each gives the index of the range in the order of the constructor.
  /** At the start itself a thread has not begun the function. */
  std::optional<size_t> standsIn(uint64_t instruction) const;
  /** A return address equal to the end follows a call that is the function's last instruction (of one that does not return). */
  std::optional<size_t> returnsInto(uint64_t word) const;
  /** The first byte position of `stack` at which a word returns into a range, `step` bytes apart. */
  std::optional<size_t> findReturn(std::span<const uint8_t> stack, size_t step) const;

 private:
  size_t countOutside(std::span<const uint8_t> stack) const;
  size_t countOutsideByWords(std::span<const uint8_t> stack) const;
  size_t countOutsideByVectors(std::span<const uint8_t> stack) const;

  /** Of the words that return into it. */
  struct Words {
    uint64_t after;
    uint64_t upTo;
  };
  std::vector<ForbiddenRange> ranges_;
  std::vector<Words> words_;
  uint64_t lowest_ = 0;
  uint64_t extent_ = 0;
};

}  // namespace suture
