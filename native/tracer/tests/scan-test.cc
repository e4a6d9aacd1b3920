#include "scan.h"

#include <doctest/doctest.h>

using namespace suture;

namespace {

ForbiddenRange rangeOf(uint64_t start, uint64_t end, bool mayEndWithCall = true) { return {{RemotePtr(start), RemotePtr(end)}, mayEndWithCall}; }

std::vector<uint8_t> stackOf(const std::vector<uint64_t>& words) {
  const auto* const bytes = reinterpret_cast<const uint8_t*>(words.data());
  return {bytes, bytes + words.size() * sizeof(uint64_t)};
}

}  // namespace

TEST_CASE("ForbiddenRanges::standsIn() leaves both ends free") {
  const ForbiddenRanges ranges({rangeOf(0x1000, 0x1010), rangeOf(0x3000, 0x3001)});
  CHECK_FALSE(ranges.standsIn(0x1000));
  CHECK(ranges.standsIn(0x1001) == 0);
  CHECK(ranges.standsIn(0x100f) == 0);
  CHECK_FALSE(ranges.standsIn(0x1010));
  CHECK_FALSE(ranges.standsIn(0x3000));
}

TEST_CASE("ForbiddenRanges::returnsInto() counts the end, unless no call can stand before it") {
  const ForbiddenRanges ranges({rangeOf(0x1000, 0x1010), rangeOf(0x3000, 0x3010, false)});
  CHECK_FALSE(ranges.returnsInto(0x1000));
  CHECK(ranges.returnsInto(0x1010) == 0);
  CHECK_FALSE(ranges.returnsInto(0x1011));
  CHECK(ranges.returnsInto(0x300f) == 1);
  CHECK_FALSE(ranges.returnsInto(0x3010));
  CHECK_FALSE(ranges.returnsInto(0));
  CHECK_FALSE(ranges.returnsInto(~uint64_t{0}));
}

TEST_CASE("ForbiddenRanges::findReturn() finds the first word, at any byte when asked to") {
  const ForbiddenRanges ranges({rangeOf(0x1000, 0x1010)});
  std::vector<uint8_t> stack = stackOf({0, 0x1000, 0x2000, 0x1008, 0x1009});
  CHECK(ranges.findReturn(stack, 8) == 24);
  stack.insert(stack.begin(), {0xaa, 0xbb, 0xcc});
  CHECK_FALSE(ranges.findReturn(stack, 8));
  CHECK(ranges.findReturn(stack, 1) == 27);
  CHECK_FALSE(ranges.findReturn(std::span(stack).first(7), 1));
  CHECK_FALSE(ForbiddenRanges({}).findReturn(stack, 1));
}

TEST_CASE("ForbiddenRanges::findReturn() finds a word wherever it stands, behind words between the ranges too") {
  const ForbiddenRanges ranges({rangeOf(0x1000, 0x1010), rangeOf(0x3000, 0x3010)});
  constexpr size_t length = 35;
  for (size_t between = 0; between <= length; ++between) {
    for (size_t at = 0; at < length; ++at) {
      std::vector<uint64_t> words(length);
      if (between < length) words[between] = 0x2000;
      words[at] = 0x3008;
      CHECK(ranges.findReturn(stackOf(words), 8) == at * 8);
      words.resize(at);
      CHECK_FALSE(ranges.findReturn(stackOf(words), 8));
    }
  }
}

TEST_CASE("ForbiddenRanges::findReturn() compares words as what they are, in whatever half of the addresses") {
  for (const uint64_t start : {uint64_t{0x1000}, uint64_t{0x7ffffffff000}, uint64_t{0x7ffffffffffffff8}, uint64_t{0x8000000000000000}, ~uint64_t{0xfff}}) {
    const ForbiddenRanges ranges({rangeOf(start, start + 0x10)});
    for (const uint64_t word : {uint64_t{0}, start - 1, start, start + 1, start + 0x10, start + 0x11, start ^ (uint64_t{1} << 63), ~uint64_t{0}}) {
      for (size_t at = 0; at < 16; ++at) {
        std::vector<uint64_t> words(40, 0x42);
        words[at] = word;
        const bool isInside = word > start && word <= start + 0x10;
        CHECK(ranges.findReturn(stackOf(words), 8) == (isInside ? std::optional(at * 8) : std::nullopt));
      }
    }
  }
}

TEST_CASE("mayEndWithCall() knows every form of a call") {
  const std::vector<std::vector<uint8_t>> calls = {
    {0xe8, 1, 2, 3, 4},                       // call rel32
    {0xff, 0xd0},                             // call *%rax
    {0x41, 0xff, 0xd3},                       // call *%r11
    {0xff, 0x10},                             // call *(%rax)
    {0xff, 0x14, 0xd8},                       // call *(%rax,%rbx,8)
    {0xff, 0x50, 0x08},                       // call *8(%rax)
    {0xff, 0x54, 0x24, 0x08},                 // call *8(%rsp)
    {0xff, 0x15, 1, 2, 3, 4},                 // call *disp(%rip)
    {0xff, 0x94, 0xc8, 1, 2, 3, 4},           // call *disp(%rax,%rcx,8)
    {0x90, 0x90, 0xe8, 0xff, 0xff, 0xff, 0xff},
  };
  for (const std::vector<uint8_t>& code : calls) CHECK(mayEndWithCall(code));
}

TEST_CASE("mayEndWithCall() is false for a return, a jump and nothing") {
  CHECK_FALSE(mayEndWithCall(std::vector<uint8_t>{0x89, 0x05, 0x41, 0x2e, 0, 0, 0xc3}));
  CHECK_FALSE(mayEndWithCall(std::vector<uint8_t>{0xe9, 1, 2, 3, 4}));
  CHECK_FALSE(mayEndWithCall(std::vector<uint8_t>{0xff, 0xe0}));  // jmp *%rax
  CHECK_FALSE(mayEndWithCall({}));
}
