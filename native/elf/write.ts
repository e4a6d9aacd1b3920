// A relocatable ELF file from a description by objects: relocations refer to symbols, symbols to sections, and
// numbers are given out here. The same description gives the same bytes.
//
// Sections keep their order and come first; then one .rela table for each that needs it, .symtab, .strtab and
// .shstrtab. Symbols keep their order too, locals before all others as ELF demands. Membership in section groups
// is not carried: what is written is a whole, and no linker chooses among its parts.

import { SutureError } from "../errors.ts";
import { sectionFlag, sectionType } from "./constants.ts";
import { alignUp, writeI64, writeU16, writeU32, writeU64 } from "./numbers.ts";
import type { ElfSymbol } from "./types.ts";

/** A section to be written. Told apart from others by identity. */
export interface NewSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly alignment: number;
  /** Size of an entry of mergeable sections and tables; 0 for others. */
  readonly entrySize?: number;
  readonly bytes: Uint8Array;
  /** Of sections of type nobits, whose bytes are empty. */
  readonly size?: number;
  /** The section that a section flagged as in link order belongs to. */
  readonly linkedTo?: NewSection;
  /** May be filled after the section was made: its symbols often need the section first. */
  readonly relocations: NewRelocation[];
}

/** A symbol to be written. Told apart from others by identity; two may have one name. */
export interface NewSymbol {
  readonly name: string;
  readonly type: ElfSymbol["type"];
  readonly binding: ElfSymbol["binding"];
  /** Default: `default`. */
  readonly visibility?: ElfSymbol["visibility"];
  readonly section: NewSection | "undefined" | "absolute";
  readonly value: bigint;
  readonly size: number;
}

export interface NewRelocation {
  readonly offset: number;
  readonly type: number;
  readonly symbol: NewSymbol;
  readonly addend: bigint;
}

export interface ElfDescription {
  readonly sections: readonly NewSection[];
  /** Symbols that relocations use and that are missing here are added, in the order of their first use. */
  readonly symbols: readonly NewSymbol[];
}

/** Which index each section and symbol of a description has in the file. */
export interface ElfNumbering {
  readonly sections: ReadonlyMap<NewSection, number>;
  readonly symbols: ReadonlyMap<NewSymbol, number>;
}

const headerSize = 64;
const sectionHeaderSize = 64;
const symbolSize = 24;
const relaSize = 24;
const mostSections = 0xff00;

const typeNumbers: Readonly<Record<ElfSymbol["type"], number>> =
  { notype: 0, object: 1, function: 2, section: 3, file: 4, common: 5, tls: 6, ifunc: 10, other: 0 };
const bindingNumbers: Readonly<Record<ElfSymbol["binding"], number>> = { local: 0, global: 1, weak: 2, unique: 10, other: 0 };
const visibilityNumbers: Readonly<Record<ElfSymbol["visibility"], number>> = { default: 0, internal: 1, hidden: 2, protected: 3 };

/** The indexes that {@link writeElf} gives out; they do not depend on the sections' bytes. */
export function numberElf(description: ElfDescription): ElfNumbering {
  const sections = new Map(description.sections.map((section, at) => [section, at + 1]));
  const used = description.sections.flatMap((section) => section.relocations.map((relocation) => relocation.symbol));
  const all = [...new Set([...description.symbols, ...used])];
  const ordered = [...all.filter(isLocal), ...all.filter((symbol) => !isLocal(symbol))];
  return { sections, symbols: new Map(ordered.map((symbol, at) => [symbol, at + 1])) };
}

const isLocal = (symbol: NewSymbol): boolean => symbol.binding === "local";

/** The bytes of an x86-64 relocatable file. */
export function writeElf(description: ElfDescription): Uint8Array {
  const numbering = numberElf(description);
  const rows = [...description.sections.map((section) => plainRow(section, numbering)), ...relocationRows(description, numbering)];
  const symbolTableIndex = rows.length + 1;
  const strings = new StringTable();
  rows.push(symbolTableRow(numbering, strings, symbolTableIndex + 1));
  rows.push(tableRow(".strtab", sectionType.strtab, strings.bytes()));
  const names = new StringTable();
  const nameOffsets = [...rows.map((row) => row.name), ".shstrtab"].map((name) => names.add(name));
  rows.push(tableRow(".shstrtab", sectionType.strtab, names.bytes()));
  if (rows.length + 1 >= mostSections) {
    throw new SutureError("bad-elf", `Cannot write ELF file: ${rows.length} sections are more than it can number`);
  }
  for (const row of rows) if (row.type === sectionType.rela) row.link = symbolTableIndex;
  return assemble(rows, nameOffsets, needsGnuAbi(numbering));
}

/** Indirect functions and unique symbols are GNU's own, and the header has to say so. */
const needsGnuAbi = (numbering: ElfNumbering): boolean =>
  [...numbering.symbols.keys()].some((symbol) => symbol.type === "ifunc" || symbol.binding === "unique");

interface Row {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly alignment: number;
  readonly entrySize: number;
  readonly bytes: Uint8Array;
  readonly size: number;
  link: number;
  readonly info: number;
}

function plainRow(section: NewSection, numbering: ElfNumbering): Row {
  return {
    name: section.name, type: section.type, flags: section.flags & ~sectionFlag.group, alignment: section.alignment,
    entrySize: section.entrySize ?? 0, bytes: section.bytes,
    size: section.type === sectionType.nobits ? section.size ?? 0 : section.bytes.length,
    link: section.linkedTo === undefined ? 0 : indexOf(numbering.sections, section.linkedTo, section.linkedTo.name), info: 0,
  };
}

const tableRow = (name: string, type: number, bytes: Uint8Array): Row =>
  ({ name, type, flags: 0, alignment: 1, entrySize: 0, bytes, size: bytes.length, link: 0, info: 0 });

function relocationRows(description: ElfDescription, numbering: ElfNumbering): readonly Row[] {
  return description.sections.filter((section) => section.relocations.length > 0).map((section) => ({
    ...tableRow(`.rela${section.name}`, sectionType.rela, relocationBytes(section, numbering)),
    flags: sectionFlag.infoLink, alignment: 8, entrySize: relaSize,
    info: indexOf(numbering.sections, section, section.name),
  }));
}

function relocationBytes(section: NewSection, numbering: ElfNumbering): Uint8Array {
  const bytes = new Uint8Array(section.relocations.length * relaSize);
  section.relocations.forEach((relocation, at) => {
    writeU64(bytes, at * relaSize, BigInt(relocation.offset));
    writeU32(bytes, at * relaSize + 8, relocation.type);
    writeU32(bytes, at * relaSize + 12, indexOf(numbering.symbols, relocation.symbol, relocation.symbol.name));
    writeI64(bytes, at * relaSize + 16, relocation.addend);
  });
  return bytes;
}

function symbolTableRow(numbering: ElfNumbering, strings: StringTable, stringsIndex: number): Row {
  const bytes = new Uint8Array((numbering.symbols.size + 1) * symbolSize);
  for (const [symbol, index] of numbering.symbols) writeSymbol(bytes, index * symbolSize, symbol, numbering, strings);
  const locals = [...numbering.symbols.keys()].filter(isLocal).length;
  return {
    ...tableRow(".symtab", sectionType.symtab, bytes), alignment: 8, entrySize: symbolSize,
    link: stringsIndex, info: locals + 1, // the index of the first symbol that is not local
  };
}

function writeSymbol(bytes: Uint8Array, at: number, symbol: NewSymbol, numbering: ElfNumbering, strings: StringTable): void {
  writeU32(bytes, at, symbol.type === "section" ? 0 : strings.add(symbol.name));
  bytes[at + 4] = (bindingNumbers[symbol.binding] << 4) | typeNumbers[symbol.type];
  bytes[at + 5] = visibilityNumbers[symbol.visibility ?? "default"];
  writeU16(bytes, at + 6, sectionNumber(symbol, numbering));
  writeU64(bytes, at + 8, symbol.value);
  writeU64(bytes, at + 16, BigInt(symbol.size));
}

function sectionNumber(symbol: NewSymbol, numbering: ElfNumbering): number {
  if (symbol.section === "undefined") return 0;
  if (symbol.section === "absolute") return 0xfff1;
  return indexOf(numbering.sections, symbol.section, symbol.section.name);
}

function indexOf<Key>(indexes: ReadonlyMap<Key, number>, key: Key, name: string): number {
  const index = indexes.get(key);
  if (index === undefined) throw new SutureError("internal", `Cannot write ELF file: "${name}" is referred to but not part of it`);
  return index;
}

/** Names in the order in which they are first added, each one once. */
class StringTable {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #parts: Uint8Array[] = [new Uint8Array(1)];
  #length = 1;

  add(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.#length;
    const encoded = Buffer.from(`${name}\0`, "utf8");
    this.#offsets.set(name, offset);
    this.#parts.push(encoded);
    this.#length += encoded.length;
    return offset;
  }

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }
}

function assemble(rows: readonly Row[], nameOffsets: readonly number[], isGnu: boolean): Uint8Array {
  let end = headerSize;
  const offsets = rows.map((row) => {
    const offset = alignUp(end, row.alignment);
    end = row.type === sectionType.nobits ? end : offset + row.bytes.length;
    return offset;
  });
  const tableOffset = alignUp(end, 8);
  const bytes = new Uint8Array(tableOffset + (rows.length + 1) * sectionHeaderSize);
  writeHeader(bytes, tableOffset, rows.length + 1, isGnu);
  rows.forEach((row, at) => {
    const offset = offsets[at] ?? 0;
    bytes.set(row.bytes, offset);
    writeSectionHeader(bytes, tableOffset + (at + 1) * sectionHeaderSize, row, nameOffsets[at] ?? 0, offset);
  });
  return bytes;
}

function writeHeader(bytes: Uint8Array, tableOffset: number, sections: number, isGnu: boolean): void {
  bytes.set([
    0x7f, 0x45, 0x4c, 0x46, // \x7fELF
    2, 1, 1, isGnu ? 3 : 0, // 64-bit, little-endian, version 1, System V or GNU
  ]);
  writeU16(bytes, 16, 1);                  // ET_REL
  writeU16(bytes, 18, 62);                 // EM_X86_64
  writeU32(bytes, 20, 1);                  // version
  writeU64(bytes, 40, BigInt(tableOffset));
  writeU16(bytes, 52, headerSize);
  writeU16(bytes, 58, sectionHeaderSize);
  writeU16(bytes, 60, sections);
  writeU16(bytes, 62, sections - 1);       // .shstrtab is the last
}

function writeSectionHeader(bytes: Uint8Array, at: number, row: Row, name: number, offset: number): void {
  writeU32(bytes, at, name);
  writeU32(bytes, at + 4, row.type);
  writeU64(bytes, at + 8, BigInt(row.flags));
  writeU64(bytes, at + 24, BigInt(offset));
  writeU64(bytes, at + 32, BigInt(row.size));
  writeU32(bytes, at + 40, row.link);
  writeU32(bytes, at + 44, row.info);
  writeU64(bytes, at + 48, BigInt(row.alignment));
  writeU64(bytes, at + 56, BigInt(row.entrySize));
}
