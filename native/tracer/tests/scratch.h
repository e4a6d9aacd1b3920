// What tests share: files that vanish with their scope, and small programs built on the spot.
#pragma once

#include "file.h"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace suture::test {

/** A folder of its own, removed at the end of the scope. */
class ScratchFolder {
 public:
  ScratchFolder() {
    char name[] = "/tmp/suture-tracer-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { (void)!std::system(("rm -rf '" + path_ + "'").c_str()); }

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  void write(const std::string& name, std::string_view text) const { std::ofstream(*this / name, std::ios::binary) << text; }

  void run(const std::string& command) const { REQUIRE(std::system(("cd '" + path_ + "' && " + command).c_str()) == 0); }

 private:
  std::string path_;
};

/** A descriptor from which `bytes` can be read. */
inline File inputOf(std::string_view bytes) {
  File input(::memfd_create("input", MFD_CLOEXEC));
  REQUIRE(::write(input.fd(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ::lseek(input.fd(), 0, SEEK_SET);
  return input;
}

}  // namespace suture::test
