// Words and bytes of a target's memory for the checks under a stop: process_vm_readv, a page at a time and kept, so that
// neighbouring words cost one system call. Opens nothing.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace suture {

/** How many bytes from the front of `into` could be read; 0 when nothing is there. */
size_t readRemote(pid_t pid, uint64_t at, std::span<uint8_t> into);

/** Memory that an unwinder reads. */
class WordReader {
 public:
  virtual ~WordReader() = default;
  virtual bool readWord(uint64_t at, uint64_t& into) = 0;
};

/** The target's memory as it is now. What has been read is kept until forget(). */
class LiveMemory final : public WordReader {
 public:
  explicit LiveMemory(pid_t pid);

  bool readWord(uint64_t at, uint64_t& into) override;
  /** The target has run since. */
  void forget() { pageAt_.fill(nowhere); }

 private:
  static constexpr size_t pageSize = 4096;
  static constexpr size_t pages = 32;
  static constexpr uint64_t nowhere = ~uint64_t{0};

  pid_t pid_;
  std::array<uint64_t, pages> pageAt_;
  std::vector<uint8_t> contents_;
};

/** Pieces of memory copied under a stop; what they do not hold is read live. */
class CopiedMemory final : public WordReader {
 public:
  explicit CopiedMemory(pid_t pid) : live_(pid) {}

  void add(uint64_t at, std::vector<uint8_t> bytes) { pieces_.push_back({at, std::move(bytes)}); }
  bool readWord(uint64_t at, uint64_t& into) override;

 private:
  struct Piece {
    uint64_t at;
    std::vector<uint8_t> bytes;
  };
  std::vector<Piece> pieces_;
  LiveMemory live_;
};

}  // namespace suture
