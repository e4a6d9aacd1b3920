// The memory file of a linked patch as an ELF shared object: program headers, section headers, names of its functions and a
// build-id of its own, so that profilers, debuggers and unwinders can read it through /proc/PID/map_files like any
// library. Nothing of this is needed to run it.
//
// Offsets and addresses are the same number, since the file is mapped whole.

import { createHash } from "node:crypto";
import { alignUp, sectionFlag, sectionType, segmentFlag, segmentType, writeU16, writeU32, writeU64 } from "../elf/mod.ts";
import type { ElfFile, ElfSection, ElfSymbol } from "../elf/mod.ts";
import type { PatchObject } from "../image/mod.ts";
import { offsetOf, stubSize } from "./layout.ts";
import type { Layout, Part, PartRange } from "./layout.ts";
import { refuse } from "./refusal.ts";

const headerSize = 64;
const programHeaderSize = 56;
const sectionHeaderSize = 64;
const symbolSize = 24;
const buildIdSize = 20;
const noteSize = 12 + 4 + buildIdSize;
const gnuStack = 0x6474e551; // PT_GNU_STACK
const programHeaders = 5;    // three parts, the note, the stack

const noteOffset = headerSize + programHeaders * programHeaderSize;
/** What precedes the constants. */
export const headLength = noteOffset + noteSize;

/** In the order in which they lie in the file. */
const partSections: readonly (readonly [part: Part, name: string, type: number, flags: number])[] = [
  ["constants", ".rodata", sectionType.progbits, sectionFlag.alloc],
  ["language", ".gcc_except_table", sectionType.progbits, sectionFlag.alloc],
  ["unwind", ".eh_frame", sectionType.progbits, sectionFlag.alloc],
  ["addresses", ".got", sectionType.progbits, sectionFlag.alloc],
  ["code", ".text", sectionType.progbits, sectionFlag.alloc | sectionFlag.execute],
  ["stubs", ".plt", sectionType.progbits, sectionFlag.alloc | sectionFlag.execute],
  ["calls", ".text.calls", sectionType.progbits, sectionFlag.alloc | sectionFlag.execute],
  ["data", ".data", sectionType.progbits, sectionFlag.alloc | sectionFlag.write],
  // Zeroes stand in the file too: one mapping is simpler than two.
  ["zeroes", ".bss", sectionType.progbits, sectionFlag.alloc | sectionFlag.write],
  ["frames", ".bss.frames", sectionType.progbits, sectionFlag.alloc | sectionFlag.write],
];

/** Enough for the symbol and section tables of any layout of this object. */
export function tablesLength(object: PatchObject, elf: ElfFile): number {
  const named = [...definedSymbols(object, elf), ...stubSymbols(object, elf)];
  const names = named.reduce((sum, { name }) => sum + Buffer.byteLength(name) + stubSuffix.length + 1, 1);
  const debug = debugSectionsOf(object, elf);
  const sections = (partSections.length + 5 + debug.length) * sectionHeaderSize + roomForSectionNames;
  return (1 + named.length) * symbolSize + names + sections + debug.reduce((sum, { name, size }) => sum + size + name.length + 1, 0);
}

const stubSuffix = "@plt";
const roomForSectionNames = 256;

function definedSymbols(object: PatchObject, elf: ElfFile): readonly ElfSymbol[] {
  const loaded = new Set(object.sections);
  return elf.symbols.filter((symbol) =>
    typeof symbol.section === "number" && loaded.has(symbol.section) && symbol.name !== "" && (symbol.type === "function" || symbol.type === "object"));
}

/** The rest of what is only read, behind what the process has use for. */
export function tablesOf(layout: Layout): PartRange {
  const offset = endOfConstants(layout);
  return { offset, length: layout.readOnly.length - offset, alignment: 1 };
}

const debugSectionsOf = ({ debug = [] }: PatchObject, elf: ElfFile): readonly ElfSection[] => debug.flatMap((index) => elf.sections[index] ?? []);

const stubSymbols = ({ imports }: PatchObject, elf: ElfFile): readonly ElfSymbol[] =>
  imports.flatMap(({ symbol, from }) => (from === "process" ? elf.symbols[symbol] ?? [] : []));

/** Writes headers and tables into the finished file, all but the build-id, which depends on everything else. */
export function writeTables(file: Uint8Array, object: PatchObject, elf: ElfFile, layout: Layout): void {
  const sections = presentSections(layout);
  const strings = new Strings();
  const symbols = symbolTable(symbolRows(object, elf, layout, sections), strings);
  const sectionNames = new Strings();
  const start = alignUp(endOfConstants(layout), 8);
  const rows: SectionRow[] = [
    ...sections,
    { name: ".note.gnu.build-id", type: sectionType.note, flags: sectionFlag.alloc, offset: noteOffset, length: noteSize, alignment: 4 },
    { name: ".symtab", type: sectionType.symtab, flags: 0, offset: start, length: symbols.length, alignment: 8, link: sections.length + 3, info: 1, entrySize: symbolSize },
    { name: ".strtab", type: sectionType.strtab, flags: 0, offset: start + symbols.length, length: strings.length, alignment: 1 },
  ];
  const debugAt = start + symbols.length + strings.length;
  const debug = debugRows(debugSectionsOf(object, elf), debugAt);
  rows.push(...debug.rows);
  const nameOffsets = [...rows.map(({ name }) => sectionNames.add(name)), sectionNames.add(".shstrtab")];
  const namesAt = debug.end;
  rows.push({ name: ".shstrtab", type: sectionType.strtab, flags: 0, offset: namesAt, length: sectionNames.length, alignment: 1 });
  const headersAt = alignUp(namesAt + sectionNames.length, 8);
  if (headersAt + (rows.length + 1) * sectionHeaderSize > layout.readOnly.length) throw refuse("internal", "link patch", "its tables are larger than the room kept for them");

  file.set(symbols, start);
  file.set(strings.bytes(), start + symbols.length);
  for (const { section, offset } of debug.rows) writeDebugSection(file, section, offset, layout);
  file.set(sectionNames.bytes(), namesAt);
  rows.forEach((row, at) => writeSectionHeader(file, headersAt + (at + 1) * sectionHeaderSize, row, nameOffsets[at] ?? 0));
  writeHeader(file, headersAt, rows.length + 1);
  writeProgramHeaders(file, layout);
}

/** Behind the other tables, in memory with them: whatever holds the process's memory, a core dump too, has its source lines. */
function debugRows(sections: readonly ElfSection[], start: number): { readonly rows: readonly (SectionRow & { readonly section: ElfSection })[]; readonly end: number } {
  let end = start;
  const rows = sections.map((section) => {
    const offset = end;
    end += section.size;
    return { section, name: section.name, type: section.type, flags: 0, offset, length: section.size, alignment: 1 };
  });
  return { rows, end };
}

/** Addresses in it are the file's own: whoever reads it knows where the file is mapped. */
function writeDebugSection(file: Uint8Array, section: ElfSection, at: number, layout: Layout): void {
  file.set(section.bytes, at);
  for (const { offset, symbol, addend } of section.relocations) {
    writeU64(file, at + offset, BigInt(offsetOf(layout, symbol) ?? 0) + addend);
  }
}

interface SymbolRow {
  readonly name: string;
  readonly type: number;
  readonly section: number;
  readonly offset: number;
  readonly size: number;
}

function symbolRows(object: PatchObject, elf: ElfFile, layout: Layout, sections: readonly { readonly part: Part }[]): readonly SymbolRow[] {
  const numberOf = (part: Part | undefined): number => sections.findIndex((section) => section.part === part) + 1;
  const defined = definedSymbols(object, elf).map((symbol) => {
    const part = typeof symbol.section === "number" ? layout.sections.get(symbol.section)?.part : undefined;
    return { name: symbol.name, type: symbol.type === "function" ? 2 : 1, section: numberOf(part), offset: offsetOf(layout, symbol) ?? 0, size: symbol.size };
  });
  const stubs = stubSymbols(object, elf).flatMap(({ index, name }) => {
    const offset = layout.stubs.get(index);
    return offset === undefined ? [] : { name: name + stubSuffix, type: 2, section: numberOf("stubs"), offset, size: stubSize };
  });
  return [...defined, ...stubs];
}

function symbolTable(rows: readonly SymbolRow[], strings: Strings): Uint8Array {
  const bytes = new Uint8Array((rows.length + 1) * symbolSize);
  rows.forEach((row, index) => {
    const at = (index + 1) * symbolSize;
    writeU32(bytes, at, strings.add(row.name));
    bytes[at + 4] = 0x10 | row.type; // global
    writeU16(bytes, at + 6, row.section);
    writeU64(bytes, at + 8, BigInt(row.offset));
    writeU64(bytes, at + 16, BigInt(row.size));
  });
  return bytes;
}

interface SectionRow extends PartRange {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly link?: number;
  readonly info?: number;
  readonly entrySize?: number;
}

function presentSections(layout: Layout): readonly (SectionRow & { readonly part: Part })[] {
  return partSections.flatMap(([part, name, type, flags]) => {
    const range = layout.parts.get(part);
    return range === undefined ? [] : { part, name, type, flags, ...range };
  });
}

function endOfConstants({ parts }: Layout): number {
  const ends = (["constants", "language", "unwind", "addresses"] as const).map((part) => parts.get(part)).map((range) => (range === undefined ? 0 : range.offset + range.length));
  return Math.max(headLength, ...ends);
}

function writeHeader(file: Uint8Array, sectionHeadersAt: number, sections: number): void {
  file.set([
    0x7f, 0x45, 0x4c, 0x46, // \x7fELF
    2, 1, 1, 0,             // 64-bit, little-endian, version 1, System V
  ]);
  writeU16(file, 16, 3);                   // ET_DYN
  writeU16(file, 18, 62);                  // EM_X86_64
  writeU32(file, 20, 1);                   // version
  writeU64(file, 32, BigInt(headerSize));  // program headers
  writeU64(file, 40, BigInt(sectionHeadersAt));
  writeU16(file, 52, headerSize);
  writeU16(file, 54, programHeaderSize);
  writeU16(file, 56, programHeaders);
  writeU16(file, 58, sectionHeaderSize);
  writeU16(file, 60, sections);
  writeU16(file, 62, sections - 1);        // .shstrtab is the last
}

function writeProgramHeaders(file: Uint8Array, { readOnly, code, data }: Layout): void {
  const { read, write, execute } = segmentFlag;
  const rows: readonly (readonly [type: number, flags: number, range: PartRange])[] = [
    [segmentType.load, read, readOnly],
    [segmentType.load, read | execute, code],
    [segmentType.load, read | write, data],
    [segmentType.note, read, { offset: noteOffset, length: noteSize, alignment: 4 }],
    [gnuStack, read | write, { offset: 0, length: 0, alignment: 16 }],
  ];
  rows.forEach(([type, flags, { offset, length, alignment }], index) => {
    const at = headerSize + index * programHeaderSize;
    writeU32(file, at, type);
    writeU32(file, at + 4, flags);
    for (const [field, value] of [[8, offset], [16, offset], [24, offset], [32, length], [40, length], [48, alignment]] as const) {
      writeU64(file, at + field, BigInt(value));
    }
  });
}

function writeSectionHeader(file: Uint8Array, at: number, row: SectionRow, name: number): void {
  writeU32(file, at, name);
  writeU32(file, at + 4, row.type);
  writeU64(file, at + 8, BigInt(row.flags));
  writeU64(file, at + 16, (row.flags & sectionFlag.alloc) === 0 ? 0n : BigInt(row.offset));
  writeU64(file, at + 24, BigInt(row.offset));
  writeU64(file, at + 32, BigInt(row.length));
  writeU32(file, at + 40, row.link ?? 0);
  writeU32(file, at + 44, row.info ?? 0);
  writeU64(file, at + 48, BigInt(row.alignment));
  writeU64(file, at + 56, BigInt(row.entrySize ?? 0));
}

/** The note's build-id is a hash of the whole file as mapped: two links of one patch are two files. */
export function writeBuildId(file: Uint8Array): void {
  writeU32(file, noteOffset, 4);               // length of the name
  writeU32(file, noteOffset + 4, buildIdSize);
  writeU32(file, noteOffset + 8, 3);           // NT_GNU_BUILD_ID
  file.set([0x47, 0x4e, 0x55, 0], noteOffset + 12); // "GNU\0"
  file.set(createHash("sha256").update(file).digest().subarray(0, buildIdSize), noteOffset + 16);
}

class Strings {
  readonly #parts: Uint8Array[] = [new Uint8Array(1)];
  length = 1;

  add(text: string): number {
    const offset = this.length;
    const encoded = Buffer.from(`${text}\0`, "utf8");
    this.#parts.push(encoded);
    this.length += encoded.length;
    return offset;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}
