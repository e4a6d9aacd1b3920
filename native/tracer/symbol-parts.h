// Which parts of an ELF file tell of its symbols: headers, string and symbol tables, their versions, relocations, notes. What remains,
// code, data and debug information, is most of a file.
#pragma once

#include <cstdint>
#include <vector>

namespace suture {

struct FilePart {
  uint64_t offset;
  uint64_t length;
};

/** By offset, inside of the file, apart from each other. All of it where it is no ELF file of 64 bits, or has no table of sections: whoever reads it will say so. */
std::vector<FilePart> symbolParts(int file, uint64_t size);

}  // namespace suture
