// Opens the debug information of an ELF file: its own, or that of its separate debug file. That one is given, or looked
// for by build-id, then by debug link, then by debuginfod where DEBUGINFOD_URLS is set, as gdb does. Refuses files that are
// no linked 64-bit ELF, ELF files that have no debug information anywhere or only the names of functions, debug files
// of another build, and those whose shared part (dwz) is missing.
#pragma once

#include "result.h"

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace suture {

/** Half open, addresses as linked. */
struct FileRange {
  uint64_t start;
  uint64_t end;
};

class DebugFile {
 public:
  /**
   * `debugFile`: the separate debug file, where it is known; empty where it is to be found.
   * Refuses: file-not-found, not-permitted, bad-elf, no-debug-information, build-id-mismatch.
   */
  static Result<DebugFile> open(const std::string& path, const std::string& debugFile = "");

  /** Lives as long as this object, and so do all texts that come from it. */
  Dwarf* dwarf() const { return dwarf_; }
  /** The file that the debug information was read from. */
  const std::string& from() const { return from_; }
  /** In an executable segment? What debug information says of other places was thrown away by the linker. */
  bool isCode(uint64_t at) const;

 private:
  struct EndSession {
    void operator()(Dwfl* session) const { dwfl_end(session); }
  };

  /** libdwfl may ask for files as long as its session lives. */
  std::unique_ptr<std::string> given_;
  std::unique_ptr<Dwfl, EndSession> session_;
  Dwarf* dwarf_ = nullptr;
  std::string from_;
  std::vector<FileRange> code_;
};

}  // namespace suture
