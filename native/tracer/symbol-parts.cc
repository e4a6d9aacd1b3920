#include "symbol-parts.h"

#include "file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace suture {

namespace {

/** What lies closer together is read in one go. */
constexpr uint64_t least = 4096;

bool isOfSymbols(uint32_t type) {
  switch (type) {
    case SHT_SYMTAB: case SHT_STRTAB: case SHT_RELA: case SHT_REL: case SHT_DYNAMIC: case SHT_NOTE: case SHT_DYNSYM: case SHT_SYMTAB_SHNDX:
    case SHT_GNU_verdef: case SHT_GNU_verneed: case SHT_GNU_versym: return true;
    default: return false;
  }
}

/** Cut to the file. */
void add(std::vector<FilePart>& parts, uint64_t offset, uint64_t length, uint64_t size) {
  if (offset < size && length > 0) parts.push_back({offset, std::min(length, size - offset)});
}

std::vector<FilePart> merged(std::vector<FilePart> parts) {
  std::ranges::sort(parts, {}, &FilePart::offset);
  std::vector<FilePart> result;
  for (const FilePart& part : parts) {
    if (result.empty() || part.offset > result.back().offset + result.back().length + least) result.push_back(part);
    else result.back().length = std::max(result.back().length, part.offset + part.length - result.back().offset);
  }
  return result;
}

}  // namespace

std::vector<FilePart> symbolParts(int file, uint64_t size) {
  const std::vector<FilePart> whole = {{0, size}};
  Elf64_Ehdr header;
  if (!readAt(file, 0, {reinterpret_cast<uint8_t*>(&header), sizeof header}) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0) return whole;
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  if (header.e_shoff >= size || !readAt(file, header.e_shoff, {reinterpret_cast<uint8_t*>(sections.data()), sections.size() * sizeof(Elf64_Shdr)})) return whole;

  std::vector<FilePart> parts;
  add(parts, 0, sizeof header, size);
  add(parts, header.e_phoff, uint64_t{header.e_phnum} * header.e_phentsize, size);
  add(parts, header.e_shoff, sections.size() * sizeof(Elf64_Shdr), size);
  for (const Elf64_Shdr& section : sections) {
    if (isOfSymbols(section.sh_type)) add(parts, section.sh_offset, section.sh_size, size);
  }
  return merged(std::move(parts));
}

}  // namespace suture
