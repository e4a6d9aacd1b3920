// The layouts of the structures of a compiled unit as its debug information states them: where each member lies,
// how long it is, and a spelling of its type. For comparing two compilations of one source; reads relocatable
// objects as well as linked files. Refuses files that are no ELF or have no debug information.
#pragma once

#include "debug-file.h"
#include "result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace suture {

struct MemberLayout {
  std::string name;
  uint64_t bitOffset = 0;
  uint64_t bitSize = 0;
  std::string type;
};

struct StructureLayout {
  /**
   * "struct", "union", "class"; "enum", whose members have their values as types; "variable" for a static variable,
   * whose one member says how its bits are read.
   */
  const char* kind = "struct";
  /** With its namespaces; the typedef's name where the type itself has none; empty for an enumeration without any. */
  std::string name;
  uint64_t size = 0;
  std::vector<MemberLayout> members;
};

/** Complete, named structures and static variables, in the order of the debug information; the same one once for each unit. */
Result<std::vector<StructureLayout>> readLayouts(const std::string& path);

/** Those of the units of a linked file that have this name and directory. */
std::vector<StructureLayout> readUnitLayouts(const DebugFile& file, const std::string& name, const std::string& directory);

}  // namespace suture
