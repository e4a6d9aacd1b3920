// Writes that name what they expect to find. Checked before anything is written, read back afterwards, and put back
// when one of several fails. Knows nothing of stops: whether threads run meanwhile is the caller's business.
#pragma once

#include "process.h"
#include "protocol.h"

#include <optional>
#include <span>
#include <vector>

namespace suture {

struct MemoryWrite {
  RemotePtr at;
  ByteView expected;
  ByteView replacement;
  /** Code that threads run into: parked before any such code is replaced (switch-plan.h). */
  bool isEntry = false;
};

/** An entry is parked by two bytes, and has a tail behind them. */
inline constexpr uint64_t shortestEntry = 3;

/** `object`: {at, expected: length, replacement: length, entry?}; the bytes come from `body`. */
Result<MemoryWrite> parseWrite(const Json& object, BodyReader& body);
Result<std::vector<MemoryWrite>> parseWrites(const Json& parameters, BodyReader& body);

struct Mismatch {
  RemotePtr at;
  Bytes found;
};

/** What is not as expected; the memory is read through the process as it is now, not through `memory` where that can be avoided. */
Result<std::optional<Mismatch>> findMismatch(pid_t pid, int memory, std::span<const MemoryWrite> writes);

/**
 * Makes the pages that the program itself cannot write private to the process by writing what is there already: the
 * first write copies the page, which takes up to a millisecond. Refuses pages that cannot be written at all.
 */
Result<void> touchPages(int memory, const std::vector<Mapping>& mappings, std::span<const MemoryWrite> writes);

/** Is everything there? */
Result<bool> areWritten(pid_t pid, int memory, std::span<const MemoryWrite> writes);

/** All of them, read back; or none and an Error. */
Result<void> writeAll(pid_t pid, int memory, std::span<const MemoryWrite> writes);

}  // namespace suture
