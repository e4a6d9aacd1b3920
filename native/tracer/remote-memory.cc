#include "remote-memory.h"

#include <sys/uio.h>

#include <cstring>

namespace suture {

size_t readRemote(pid_t pid, uint64_t at, std::span<uint8_t> into) {
  const struct iovec local = {into.data(), into.size()};
  const struct iovec remote = {reinterpret_cast<void*>(at), into.size()};
  const ssize_t got = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

LiveMemory::LiveMemory(pid_t pid) : pid_(pid), contents_(pages * pageSize) { forget(); }

bool LiveMemory::readWord(uint64_t at, uint64_t& into) {
  const uint64_t page = at & ~uint64_t{pageSize - 1};
  const uint64_t offset = at - page;
  if (offset + sizeof into > pageSize) {
    uint8_t bytes[sizeof into];
    if (readRemote(pid_, at, bytes) != sizeof bytes) return false;
    std::memcpy(&into, bytes, sizeof into);
    return true;
  }
  const size_t slot = (page / pageSize) % pages;
  uint8_t* const held = contents_.data() + slot * pageSize;
  if (pageAt_[slot] != page) {
    pageAt_[slot] = nowhere;
    if (readRemote(pid_, page, {held, pageSize}) != pageSize) return false;
    pageAt_[slot] = page;
  }
  std::memcpy(&into, held + offset, sizeof into);
  return true;
}

bool CopiedMemory::readWord(uint64_t at, uint64_t& into) {
  for (const Piece& piece : pieces_) {
    if (at < piece.at || at - piece.at + sizeof into > piece.bytes.size()) continue;
    std::memcpy(&into, piece.bytes.data() + (at - piece.at), sizeof into);
    return true;
  }
  return live_.readWord(at, into);
}

}  // namespace suture
