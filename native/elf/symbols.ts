// Symbol tables and the versions of dynamic symbols. Section symbols have no name of their own in ELF; here they
// carry the name of their section, so that messages and comparisons need no second lookup.

import { sectionType } from "./constants.ts";
import { readU16, readU32 } from "./numbers.ts";
import { badElf } from "./refusal.ts";
import type { NameReader } from "./strings.ts";
import type { ElfSection, ElfSymbol } from "./types.ts";

const symbolSize = 24;
const firstReservedIndex = 0xff00;
const extendedIndex = 0xffff;

const types: Readonly<Record<number, ElfSymbol["type"]>> =
  { 0: "notype", 1: "object", 2: "function", 3: "section", 4: "file", 5: "common", 6: "tls", 10: "ifunc" };
const bindings: Readonly<Record<number, ElfSymbol["binding"]>> = { 0: "local", 1: "global", 2: "weak", 10: "unique" };
const visibilities = ["default", "internal", "hidden", "protected"] as const;

/** The symbols of the file's one table of this type; empty where there is none. */
export function readSymbolTable(sections: readonly ElfSection[], type: number, names: NameReader): readonly ElfSymbol[] {
  const [table, second] = sections.filter((section) => section.type === type);
  if (table === undefined) return [];
  if (second !== undefined) throw badElf(`sections ${table.index} and ${second.index} are both symbol tables of one sort`);
  if (table.size % symbolSize !== 0) throw badElf(`the symbol table "${table.name}" is no whole number of symbols`);
  const strings = sections[table.link];
  if (strings?.type !== sectionType.strtab) throw badElf(`the symbol table "${table.name}" has no string table`);
  return readSymbols({
    sections, table, names, strings: strings.bytes,
    indexes: linkedTable(sections, table, sectionType.symtabShndx),
    versions: readVersions(sections, table, names),
  });
}

type SymbolVersion = Pick<ElfSymbol, "version" | "hiddenVersion">;

interface Context {
  readonly sections: readonly ElfSection[];
  readonly table: ElfSection;
  readonly names: NameReader;
  readonly strings: Uint8Array;
  /** Section numbers that do not fit into a symbol. */
  readonly indexes: Uint8Array | undefined;
  readonly versions: ((index: number) => SymbolVersion) | undefined;
}

/** The section of this type whose entries stand beside those of `table`. */
function linkedTable(sections: readonly ElfSection[], table: ElfSection, type: number): Uint8Array | undefined {
  return sections.find((section) => section.type === type && section.link === table.index)?.bytes;
}

/** Thousands of them, mostly by code that was never run before: so each costs few calls. */
function readSymbols(context: Context): readonly ElfSymbol[] {
  const { sections, table: { bytes }, names, strings, versions } = context;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const symbols: ElfSymbol[] = [];
  for (let at = 0; at < bytes.length; at += symbolSize) {
    const index = symbols.length;
    const info = view.getUint8(at + 4);
    const type = types[info & 0xf] ?? "other";
    const stated = view.getUint16(at + 6, true);
    const section = stated > 0 && stated < firstReservedIndex && stated < sections.length ? stated : unusualSection(index, stated, context);
    let name = names.read(strings, view.getUint32(at, true));
    if (type === "section" && name === "" && typeof section === "number") name = sections[section]?.name ?? "";
    const symbol: ElfSymbol = {
      index, name, type, section, binding: bindings[info >> 4] ?? "other",
      visibility: visibilities[view.getUint8(at + 5) & 3] ?? "default",
      value: view.getBigUint64(at + 8, true), size: view.getUint32(at + 16, true) + sizeAbove(view.getUint32(at + 20, true), index),
    };
    symbols.push(versions === undefined ? symbol : { ...symbol, ...versions(index) });
  }
  return symbols;
}

/** What the upper half of a size stands for. */
function sizeAbove(half: number, index: number): number {
  if (half >= 2 ** 21) throw badElf(`symbol ${index} has a size beyond any file`);
  return half * 2 ** 32;
}

/** None, one that is no section, or one whose number does not fit. */
function unusualSection(index: number, stated: number, context: Context): ElfSymbol["section"] {
  if (stated === 0) return "undefined";
  if (stated === 0xfff1) return "absolute";
  if (stated === 0xfff2) return "common";
  const section = stated === extendedIndex ? extendedSectionIndex(index, context) : stated;
  if (stated !== extendedIndex && stated >= firstReservedIndex) throw badElf(`symbol ${index} is in the reserved section 0x${stated.toString(16)}`);
  if (section >= context.sections.length) throw badElf(`symbol ${index} is in section ${section} of ${context.sections.length}`);
  return section;
}

function extendedSectionIndex(index: number, { indexes, table }: Context): number {
  if (indexes === undefined || (index + 1) * 4 > indexes.length) {
    throw badElf(`symbol ${index} of "${table.name}" has its section number in a table that is missing or too short`);
  }
  return readU32(indexes, index * 4);
}

/** What .gnu.version, .gnu.version_r and .gnu.version_d say about the symbols of `table`. */
function readVersions(sections: readonly ElfSection[], table: ElfSection, names: NameReader): ((index: number) => SymbolVersion) | undefined {
  const numbers = linkedTable(sections, table, sectionType.gnuVersionSymbols);
  if (numbers === undefined) return undefined;
  const versions = new Map<number, string>();
  const needs = sections.find((section) => section.type === sectionType.gnuVersionNeeds);
  const definitions = sections.find((section) => section.type === sectionType.gnuVersionDefinitions);
  if (needs !== undefined) readVersionNeeds(needs.bytes, stringsOf(needs, sections), names, versions);
  if (definitions !== undefined) readVersionDefinitions(definitions.bytes, stringsOf(definitions, sections), names, versions);
  return (index) => ((index + 1) * 2 <= numbers.length ? symbolVersion(readU16(numbers, index * 2), versions) : {});
}

/** 0 and 1 are local and global without a version; the top bit says that another version is the default. */
function symbolVersion(number: number, versions: ReadonlyMap<number, string>): SymbolVersion {
  const version = versions.get(number & 0x7fff);
  if (version === undefined) return {};
  return (number & 0x8000) === 0 ? { version } : { version, hiddenVersion: true };
}

const stringsOf = (section: ElfSection, sections: readonly ElfSection[]): Uint8Array =>
  sections[section.link]?.bytes ?? new Uint8Array(0);

/** Offsets of a chain of records whose distance to the next is a field; it only goes forwards, so it ends. */
function* chain(bytes: Uint8Array, start: number, recordSize: number, nextField: number): Generator<number> {
  for (let at = start; at + recordSize <= bytes.length;) {
    yield at;
    const step = readU32(bytes, at + nextField);
    if (step === 0) return;
    if (step < recordSize) throw badElf("its symbol versions overlap");
    at += step;
  }
}

function readVersionNeeds(bytes: Uint8Array, strings: Uint8Array, names: NameReader, versions: Map<number, string>): void {
  // Entries of honest files do not share bytes; this ends the walk through those that do.
  let budget = bytes.length / 16;
  for (const need of chain(bytes, 0, 16, 12)) {
    let left = readU16(bytes, need + 2);
    for (const entry of chain(bytes, need + readU32(bytes, need + 8), 16, 12)) {
      if (left-- === 0) break;
      if (budget-- < 0) throw badElf("its symbol versions overlap");
      versions.set(readU16(bytes, entry + 6) & 0x7fff, names.read(strings, readU32(bytes, entry + 8)));
    }
  }
}

function readVersionDefinitions(bytes: Uint8Array, strings: Uint8Array, names: NameReader, versions: Map<number, string>): void {
  for (const definition of chain(bytes, 0, 20, 16)) {
    const number = readU16(bytes, definition + 4) & 0x7fff;
    const isNameOfTheFile = (readU16(bytes, definition + 2) & 1) !== 0;
    const auxiliary = definition + readU32(bytes, definition + 12);
    if (isNameOfTheFile || auxiliary + 8 > bytes.length) continue;
    versions.set(number, names.read(strings, readU32(bytes, auxiliary)));
  }
}
