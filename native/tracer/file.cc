#include "file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>

namespace suture {

namespace {

size_t expectedSize(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) return 0;
  return static_cast<size_t>(status.st_size);
}

}  // namespace

bool readAll(int fd, std::string& into) {
  // /proc says 0; a regular file gets one byte more, so that its end is seen without another allocation.
  const size_t expected = expectedSize(fd);
  size_t chunk = expected > 0 ? expected + 1 : 16384;
  size_t used = into.size();
  for (;;) {
    if (into.size() - used < chunk) into.resize(used + chunk);
    const ssize_t got = ::read(fd, into.data() + used, into.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      into.resize(used);
      return false;
    }
    if (got == 0) break;
    used += static_cast<size_t>(got);
    chunk = 16384;
  }
  into.resize(used);
  return true;
}

File openFile(const std::string& path, int flags) {
  return File(::open(path.c_str(), flags | O_CLOEXEC));
}

bool readAt(int fd, uint64_t offset, std::span<uint8_t> into) {
  for (size_t used = 0; used < into.size();) {
    const ssize_t got = ::pread(fd, into.data() + used, into.size() - used, static_cast<off_t>(offset + used));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = 0;
    if (got <= 0) return false;
    used += static_cast<size_t>(got);
  }
  return true;
}

bool readTextFile(const std::string& path, std::string& into) {
  const File file = openFile(path, O_RDONLY);
  return file.isOpen() && readAll(file.fd(), into);
}

std::string readLink(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length < 0 ? std::string() : std::string(target, static_cast<size_t>(length));
}

}  // namespace suture
