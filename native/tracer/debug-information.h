// The functions of a program as its debug information states them: where each one begins, all its ranges, who it
// is, and on request where it was inlined and which files its units are made of. DWARF 2 … 5, split and shared (dwz) debug files included; libdw reads
// it. Addresses are those of the file, as linked.
#pragma once

#include "debug-file.h"

#include <optional>

namespace suture {

struct DebugUnit {
  std::string name;
  std::string directory;
  std::string producer;
  unsigned language = 0;
  /** What its line table names, where that was asked for: indexes into DebugInformation::files. */
  std::vector<unsigned> files;
};

/** What is read besides the functions. */
struct DebugOptions {
  bool withInlined = false;
  /** The files of every unit: those that it has code or declarations of. */
  bool withUnitFiles = false;
};

/** A concrete (out-of-line) function. */
struct DebugFunction {
  /** Texts lie in the DebugFile. */
  const char* name = nullptr;
  /** Null where it does not differ. */
  const char* linkageName = nullptr;
  uint64_t entry = 0;
  /** The one with the entry comes first. */
  std::vector<FileRange> ranges;
  unsigned unit = 0;
  /** Index into DebugInformation::files. */
  std::optional<unsigned> file;
  unsigned line = 0;
  bool isExternal = false;
  bool isNoReturn = false;
};

struct InlinedCopy {
  const char* name = nullptr;
  unsigned unit = 0;
  /** Entry of the concrete function that holds the copy. */
  uint64_t into = 0;
  std::vector<FileRange> ranges;
};

struct DebugInformation {
  std::vector<std::string> files;
  std::vector<DebugUnit> units;
  std::vector<DebugFunction> functions;
  std::vector<InlinedCopy> inlined;
};

/** The result must not outlive `file`. */
DebugInformation readDebugInformation(const DebugFile& file, DebugOptions options);

}  // namespace suture
