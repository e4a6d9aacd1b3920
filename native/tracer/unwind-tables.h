// Where a process's call frame information is: the .eh_frame (or .debug_frame) of every file that it maps with execute
// permission, patch images in memory files and the vDSO included. Opened and read into memory before a stop, kept warm
// from one request to the next. Refuses nothing: code without such information is found to have none.
#pragma once

#include "process.h"

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace suture {

class UnwindFile;

/** How to get from the frame at one instruction to its caller. Lives as long as the tables. */
struct FrameRules {
  Dwarf_Frame* frame;
  /** A signal handler returns here: the caller was interrupted, it made no call. */
  bool isSignalFrame;
};

class UnwindTables {
 public:
  /** Those of the process with these mappings; the same object again while its code mappings stay as they are. */
  static std::shared_ptr<UnwindTables> of(pid_t pid, uint64_t startTime, const std::vector<Mapping>& mappings);

  /** Nothing for an instruction that no call frame information covers. */
  std::optional<FrameRules> find(uint64_t instruction);

 private:
  struct Module {
    RemoteRange range;
    /** From the addresses of the file to those of the process. */
    uint64_t bias;
    std::shared_ptr<UnwindFile> file;
  };
  std::vector<Module> modules_;
};

}  // namespace suture
