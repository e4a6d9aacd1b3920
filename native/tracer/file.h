// A file descriptor that is closed by its scope, and whole files read into memory.
#pragma once

#include "result.h"

#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace suture {

class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }

  int fd() const { return fd_; }
  bool isOpen() const { return fd_ >= 0; }
  /** Hands the descriptor to somebody who will close it. */
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/** open(2) with O_CLOEXEC; not open when it fails, errno says why. */
File openFile(const std::string& path, int flags);

/** Appends everything that the file gives; false with errno when a read fails. Works for /proc, where sizes are not known. */
[[nodiscard]] bool readAll(int fd, std::string& into);

/** All of `into`, from `offset` on; false with errno when a read fails, 0 where the file ends before. */
[[nodiscard]] bool readAt(int fd, uint64_t offset, std::span<uint8_t> into);

/** The whole of a small text file; nothing read and errno set when it fails. */
[[nodiscard]] bool readTextFile(const std::string& path, std::string& into);

/** The target of a symbolic link; empty with errno when it fails. */
std::string readLink(const std::string& path);

}  // namespace suture
