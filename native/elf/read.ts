// Bytes to an ElfFile. The bytes may be anybody's: every offset, size and index is held against the file before
// it is used, work and memory stay in proportion to the file, and what is wrong is refused as "bad-elf".
//
// Segments may point outside of the file: those of separate debug files do, since they describe the program that
// was stripped. Compressed sections are left as they are.

import { sectionFlag, sectionType, segmentType } from "./constants.ts";
import { alignUp, readI64, readU16, readU32, readU64 } from "./numbers.ts";
import { badElf } from "./refusal.ts";
import { NameReader } from "./strings.ts";
import { readSymbolTable } from "./symbols.ts";
import type { ElfFile, ElfRelocation, ElfSection, ElfSegment, ElfSymbol } from "./types.ts";

const headerSize = 64;
const programHeaderSize = 56;
const sectionHeaderSize = 64;
const relaSize = 24;
const longestBuildId = 64;

/** Reads a 64-bit little-endian ELF file. Section symbols carry the name of their section. */
export function readElf(file: Uint8Array): ElfFile {
  // A plain view: the slice() of a Node Buffer would hand out the file's own bytes as a copy.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.length);
  checkIdentification(bytes);
  const names = new NameReader(bytes.length);
  const type = fileType(readU16(bytes, 16));
  const bare = readSections(bytes, names);
  const segments = readSegments(bytes, bare);
  const symbols = readSymbolTable(bare, sectionType.symtab, names);
  const dynamicSymbols = readSymbolTable(bare, sectionType.dynsym, names);
  const sections = type === "relocatable" ? withRelocations(bare, symbols, bytes.length) : bare;
  const buildId = readBuildId(bytes, sections, segments);
  return {
    type, machine: machineName(readU16(bytes, 18)), entry: readU64(bytes, 24),
    segments, sections, symbols, dynamicSymbols, ...(buildId === undefined ? {} : { buildId }),
  };
}

function checkIdentification(bytes: Uint8Array): void {
  if (bytes.length < 4 || readU32(bytes, 0) !== 0x464c457f) throw badElf("it does not begin with the ELF signature");
  if (bytes.length < headerSize) throw badElf(`it ends after ${bytes.length} bytes, within its header`);
  if (bytes[4] !== 2) throw badElf("it is not 64-bit; only 64-bit little-endian files are supported");
  if (bytes[5] !== 1) throw badElf("it is not little-endian; only 64-bit little-endian files are supported");
  if (bytes[6] !== 1) throw badElf(`it has ELF version ${bytes[6]}, not 1`);
}

function fileType(value: number): ElfFile["type"] {
  return (["other", "relocatable", "executable", "shared", "core"] as const)[value] ?? "other";
}

function machineName(value: number): ElfFile["machine"] {
  return value === 62 ? "x86-64" : value === 183 ? "aarch64" : "other";
}

/** A 64-bit field that must be a plain number, such as an offset or a size. */
function readNumber(bytes: Uint8Array, at: number, what: string): number {
  const value = readU64(bytes, at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw badElf(`${what} is 0x${value.toString(16)}, beyond any file`);
  return Number(value);
}

function checkInside(bytes: Uint8Array, offset: number, size: number, what: string): void {
  if (offset + size > bytes.length) {
    throw badElf(`${what} ends at ${offset + size}, after the end of the file at ${bytes.length}; it may be truncated`, { offset, size });
  }
}

function readSections(bytes: Uint8Array, names: NameReader): readonly ElfSection[] {
  const offset = readNumber(bytes, 40, "the offset of the section headers");
  if (offset === 0) return [];
  const entrySize = readU16(bytes, 58);
  if (entrySize !== sectionHeaderSize) throw badElf(`its section headers have ${entrySize} bytes, not ${sectionHeaderSize}`);
  checkInside(bytes, offset, sectionHeaderSize, "the first section header");
  const count = readU16(bytes, 60) || readNumber(bytes, offset + 32, "the number of sections");
  checkInside(bytes, offset, count * sectionHeaderSize, "the table of sections");
  const headers = Array.from({ length: count }, (_, index) => readSection(bytes, offset + index * sectionHeaderSize, index));
  return nameSections(headers, sectionNameTable(bytes, headers), names);
}

interface NamelessSection extends ElfSection {
  readonly nameOffset: number;
}

function readSection(bytes: Uint8Array, at: number, index: number): NamelessSection {
  const what = `section ${index}`;
  const type = readU32(bytes, at + 4);
  const offset = readNumber(bytes, at + 24, `the offset of ${what}`);
  const size = index === 0 ? 0 : readNumber(bytes, at + 32, `the size of ${what}`);
  const inFile = type !== sectionType.nobits && type !== sectionType.null;
  if (inFile) checkInside(bytes, offset, size, what);
  return {
    nameOffset: readU32(bytes, at), index, name: "", type,
    flags: readNumber(bytes, at + 8, `the flags of ${what}`),
    address: readU64(bytes, at + 16), offset, size,
    link: readU32(bytes, at + 40), info: readU32(bytes, at + 44),
    alignment: readNumber(bytes, at + 48, `the alignment of ${what}`),
    entrySize: readNumber(bytes, at + 56, `the entry size of ${what}`),
    bytes: inFile ? bytes.subarray(offset, offset + size) : bytes.subarray(0, 0),
    relocations: [],
  };
}

function sectionNameTable(bytes: Uint8Array, headers: readonly ElfSection[]): Uint8Array {
  const stated = readU16(bytes, 62);
  // 0xffff: the index did not fit and is in the link field of section 0.
  const index = stated === 0xffff ? headers[0]?.link ?? 0 : stated;
  if (index === 0) return new Uint8Array(0);
  const table = headers[index];
  if (table === undefined) throw badElf(`its section names are in section ${index} of ${headers.length}`);
  if (table.type !== sectionType.strtab) throw badElf(`its section names are in section ${index}, which is no string table`);
  return table.bytes;
}

function nameSections(headers: readonly NamelessSection[], table: Uint8Array, names: NameReader): readonly ElfSection[] {
  return headers.map(({ nameOffset, ...section }) => ({ ...section, name: table.length === 0 ? "" : names.read(table, nameOffset) }));
}

function readSegments(bytes: Uint8Array, sections: readonly ElfSection[]): readonly ElfSegment[] {
  const offset = readNumber(bytes, 32, "the offset of the program headers");
  const stated = readU16(bytes, 56);
  // 0xffff: the number did not fit and is in the info field of section 0.
  const count = stated === 0xffff ? sections[0]?.info ?? stated : stated;
  if (count === 0) return [];
  const entrySize = readU16(bytes, 54);
  if (entrySize !== programHeaderSize) throw badElf(`its program headers have ${entrySize} bytes, not ${programHeaderSize}`);
  checkInside(bytes, offset, count * programHeaderSize, "the table of segments");
  return Array.from({ length: count }, (_, index) => readSegment(bytes, offset + index * programHeaderSize, index));
}

function readSegment(bytes: Uint8Array, at: number, index: number): ElfSegment {
  const what = `segment ${index}`;
  return {
    type: readU32(bytes, at), flags: readU32(bytes, at + 4),
    offset: readNumber(bytes, at + 8, `the offset of ${what}`), address: readU64(bytes, at + 16),
    fileSize: readNumber(bytes, at + 32, `the file size of ${what}`),
    memorySize: readNumber(bytes, at + 40, `the memory size of ${what}`),
    alignment: readNumber(bytes, at + 48, `the alignment of ${what}`),
  };
}

function withRelocations(sections: readonly ElfSection[], symbols: readonly ElfSymbol[], fileSize: number): readonly ElfSection[] {
  const bySection = new Map<number, ElfRelocation[]>();
  // No two tables share bytes in an honest file; without this, one table could be stated a thousand times.
  let budget = fileSize;
  for (const table of sections) {
    refuseRel(table, sections);
    if (table.type !== sectionType.rela) continue;
    if ((budget -= table.size) < 0) throw badElf(`its relocation tables overlap, section ${table.index} for one`);
    const target = targetOf(table, sections);
    const list = bySection.get(target.index) ?? [];
    bySection.set(target.index, list);
    readRelocations(table, target, symbols, list);
  }
  for (const list of bySection.values()) list.sort((one, other) => one.offset - other.offset);
  return sections.map((section) => ({ ...section, relocations: bySection.get(section.index) ?? [] }));
}

/** Loaded code and data of 64-bit machines use .rela only; clang's own notes to the linker may use .rel. */
function refuseRel(table: ElfSection, sections: readonly ElfSection[]): void {
  if (table.type !== sectionType.rel) return;
  if ((targetOf(table, sections).flags & sectionFlag.alloc) !== 0) {
    throw badElf(`section ${table.index} ("${table.name}") holds relocations without addends, which 64-bit objects do not use`);
  }
}

function targetOf(table: ElfSection, sections: readonly ElfSection[]): ElfSection {
  const target = sections[table.info];
  if (table.info === 0 || target === undefined) {
    throw badElf(`section ${table.index} ("${table.name}") relocates section ${table.info} of ${sections.length}`);
  }
  if (sections[table.link]?.type !== sectionType.symtab) {
    throw badElf(`section ${table.index} ("${table.name}") names section ${table.link} as its symbols, which is no symbol table`);
  }
  return target;
}

function readRelocations(table: ElfSection, target: ElfSection, symbols: readonly ElfSymbol[], list: ElfRelocation[]): void {
  if (table.size % relaSize !== 0) throw badElf(`section ${table.index} ("${table.name}") is no whole number of relocations`);
  // Offsets into a compressed section are those of its contents, whose size is not known here.
  const isCompressed = (target.flags & sectionFlag.compressed) !== 0 || target.name.startsWith(".zdebug_");
  const limit = isCompressed ? Number.MAX_SAFE_INTEGER : target.size;
  for (let at = 0; at < table.size; at += relaSize) {
    const offset = readNumber(table.bytes, at, "the offset of a relocation");
    const type = readU32(table.bytes, at + 8);
    const index = readU32(table.bytes, at + 12);
    const symbol = symbols[index];
    if (symbol === undefined) throw badElf(`a relocation of "${target.name}" uses symbol ${index} of ${symbols.length}`);
    if (offset > limit) throw badElf(`a relocation of "${target.name}" is at ${offset}, outside of its ${limit} bytes`);
    list.push({ offset, type, symbol, addend: readI64(table.bytes, at + 16) });
  }
}

function readBuildId(bytes: Uint8Array, sections: readonly ElfSection[], segments: readonly ElfSegment[]): string | undefined {
  const noteSections = sections.filter((section) => section.type === sectionType.note);
  const noteSegments = segments.filter((segment) => segment.type === segmentType.note && segment.offset + segment.fileSize <= bytes.length);
  const places = [
    ...noteSections.map((section) => ({ notes: section.bytes, alignment: section.alignment })),
    ...noteSegments.map(({ offset, fileSize, alignment }) => ({ notes: bytes.subarray(offset, offset + fileSize), alignment })),
  ];
  // Honest sections and segments of notes describe the same bytes at most twice.
  let budget = 2 * bytes.length;
  for (const { notes, alignment } of places) {
    if ((budget -= notes.length) < 0) throw badElf("its notes overlap");
    const found = buildIdAmongNotes(notes, alignment);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The GNU build-id among the notes of a section, a segment, or a piece of memory. */
export function buildIdAmongNotes(notes: Uint8Array, alignment: number): string | undefined {
  const padding = alignment === 8 ? 8 : 4;
  let at = 0;
  while (at + 12 <= notes.length) {
    const nameSize = readU32(notes, at);
    const size = readU32(notes, at + 4);
    const start = at + alignUp(12 + nameSize, padding);
    if (start + size > notes.length) return undefined;
    const isBuildId = readU32(notes, at + 8) === 3 && nameSize === 4 && readU32(notes, at + 12) === 0x00554e47; // "GNU\0"
    if (isBuildId && size > 0 && size <= longestBuildId) return Buffer.from(notes.subarray(start, start + size)).toString("hex");
    at = start + alignUp(size, padding);
  }
  return undefined;
}
