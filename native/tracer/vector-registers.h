// The registers of a thread beyond the general ones: x87, SSE, AVX and what comes after them, as the processor saves them (XSAVE,
// Intel SDM volume 1, chapter 13; where it has none, FXSAVE, with which XSAVE's area begins).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace suture {

/** With AVX-512 they take 2.7 KiB, with AMX 11. */
constexpr size_t mostVectorBytes = 16 << 10;

/** Of a thread that stands, traced by us. How many bytes; 0 where they cannot be had. Allocates nothing. */
size_t readVectorRegisters(pid_t tid, std::span<uint8_t> room);

/** The words that a program may have put into them; not where the last x87 instruction was, which the processor notes by itself. */
template <typename Visit>
void eachVectorWord(std::span<const uint8_t> bytes, Visit visit) {
  constexpr struct {
    size_t start, end;
  } areas[] = {{32, 416}, {576, mostVectorBytes}};
  for (const auto& [start, end] : areas) {
    for (size_t at = start; at + sizeof(uint64_t) <= end && at + sizeof(uint64_t) <= bytes.size(); at += sizeof(uint64_t)) {
      uint64_t word;
      std::memcpy(&word, bytes.data() + at, sizeof word);
      visit(word);
    }
  }
}

}  // namespace suture
