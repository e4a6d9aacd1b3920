#include "memory-write.h"

#include "remote-memory.h"

#include <algorithm>
#include <array>
#include <ranges>

namespace suture {

namespace {

constexpr size_t pieceSize = 4096;

/** Piece by piece, without an allocation: this runs under the stop. */
Result<bool> holds(pid_t pid, int memory, RemotePtr at, ByteView wanted) {
  std::array<uint8_t, pieceSize> piece;
  for (size_t done = 0; done < wanted.size(); done += pieceSize) {
    const std::span<uint8_t> into(piece.data(), std::min(pieceSize, wanted.size() - done));
    if (readRemote(pid, at.bits() + done, into) != into.size()) TRY(readMemory(memory, at + done, into));
    if (!std::ranges::equal(into, wanted.subspan(done, into.size()))) return false;
  }
  return true;
}

bool isWritable(const std::vector<Mapping>& mappings, const MemoryWrite& write) {
  const RemoteRange range = {write.at, write.at + write.expected.size()};
  return std::ranges::any_of(mappings, [&](const Mapping& mapping) { return mapping.writable && mapping.range.overlaps(range); });
}

void putBack(int memory, std::span<const MemoryWrite> writes) {
  for (const MemoryWrite& write : writes | std::views::reverse) (void)writeMemory(memory, write.at, write.expected);
}

}  // namespace

Result<MemoryWrite> parseWrite(const Json& object, BodyReader& body) {
  const RemotePtr at = TRY(addressField(object, "at"));
  const uint64_t expected = TRY(integerField(object, "expected"));
  const uint64_t replacement = TRY(integerField(object, "replacement"));
  if (expected != replacement || expected == 0) {
    return Error{ErrorKind::usage, "Cannot write memory at " + formatHex(at) + ": expected and replacement must be of one length, at least 1",
                 {{"at", formatHex(at)}}};
  }
  const bool isEntry = TRY(flagField(object, "entry"));
  if (isEntry && expected < shortestEntry) {
    return Error{ErrorKind::usage, "Cannot write the entry at " + formatHex(at) + ": it must be at least " + std::to_string(shortestEntry) + " bytes long", {{"at", formatHex(at)}}};
  }
  const ByteView expectedBytes = TRY(body.take(expected));
  return MemoryWrite{at, expectedBytes, TRY(body.take(replacement)), isEntry};
}

Result<std::vector<MemoryWrite>> parseWrites(const Json& parameters, BodyReader& body) {
  std::vector<MemoryWrite> writes;
  for (const Json& object : *TRY(objectsField(parameters, "writes"))) writes.push_back(TRY(parseWrite(object, body)));
  return writes;
}

Result<std::optional<Mismatch>> findMismatch(pid_t pid, int memory, std::span<const MemoryWrite> writes) {
  for (const MemoryWrite& write : writes) {
    const bool isEqual = TRY(holds(pid, memory, write.at, write.expected));
    if (isEqual) continue;
    Mismatch mismatch = {write.at, Bytes(write.expected.size())};
    TRY(readMemory(memory, write.at, mismatch.found));
    return std::optional(std::move(mismatch));
  }
  return std::optional<Mismatch>();
}

Result<void> touchPages(int memory, const std::vector<Mapping>& mappings, std::span<const MemoryWrite> writes) {
  for (const MemoryWrite& write : writes) {
    // Memory that the program writes itself could change between our reading and our writing.
    if (!isWritable(mappings, write)) TRY(writeMemory(memory, write.at, write.expected));
  }
  return {};
}

Result<bool> areWritten(pid_t pid, int memory, std::span<const MemoryWrite> writes) {
  for (const MemoryWrite& write : writes) {
    if (!TRY(holds(pid, memory, write.at, write.replacement))) return false;
  }
  return true;
}

Result<void> writeAll(pid_t pid, int memory, std::span<const MemoryWrite> writes) {
  for (size_t i = 0; i < writes.size(); ++i) {
    Result<void> written = writeMemory(memory, writes[i].at, writes[i].replacement);
    if (!written) {
      putBack(memory, writes.first(i + 1));
      return written;
    }
  }
  const Result<bool> isThere = areWritten(pid, memory, writes);
  if (isThere && isThere.value()) return {};
  putBack(memory, writes);
  return Error{ErrorKind::internal, "Cannot write memory of pid " + std::to_string(pid) + ": other bytes were read back; everything has been put back", {{"pid", pid}}};
}

}  // namespace suture
