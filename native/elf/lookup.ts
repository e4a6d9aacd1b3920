// Finding things in an ElfFile. Each function looks through the tables as they are; who asks often builds an index.

import type { ElfFile, ElfSection, ElfSymbol } from "./types.ts";

/** The first section of this name. */
export const sectionNamed = (file: ElfFile, name: string): ElfSection | undefined =>
  file.sections.find((section) => section.name === name);

/** Where a symbol is defined, if it is defined in a section. */
export const sectionOf = (file: ElfFile, symbol: ElfSymbol): ElfSection | undefined =>
  typeof symbol.section === "number" ? file.sections[symbol.section] : undefined;

/** Functions, variables and labels defined in a section, by value; not its section symbol. */
export function definedSymbolsOf(file: ElfFile, section: ElfSection): readonly ElfSymbol[] {
  return file.symbols
    .filter((symbol) => symbol.section === section.index && symbol.type !== "section")
    .sort((one, other) => Number(one.value - other.value) || one.index - other.index);
}

/** The sized function or variable of a linked file that holds `at`; among several the innermost, globals first. */
export function symbolAt(file: ElfFile, at: bigint): ElfSymbol | undefined {
  const table = file.symbols.length > 0 ? file.symbols : file.dynamicSymbols;
  let best: ElfSymbol | undefined;
  for (const symbol of table) {
    if (isPlace(symbol) && symbol.value <= at && at < symbol.value + BigInt(symbol.size) && isBetter(symbol, best)) best = symbol;
  }
  return best;
}

const isPlace = (symbol: ElfSymbol): boolean =>
  typeof symbol.section === "number" && (symbol.type === "function" || symbol.type === "object" || symbol.type === "ifunc");

function isBetter(symbol: ElfSymbol, best: ElfSymbol | undefined): boolean {
  if (best === undefined || symbol.size < best.size) return true;
  return symbol.size === best.size && best.binding === "local" && symbol.binding !== "local";
}

/** The bytes of a linked file at an address of it; undefined where no section of the file holds all of them. */
export function bytesAt(file: ElfFile, at: bigint, length: number): Uint8Array | undefined {
  for (const section of file.sections) {
    const offset = at - section.address;
    if (section.address === 0n || offset < 0n || offset + BigInt(length) > BigInt(section.bytes.length)) continue;
    return section.bytes.subarray(Number(offset), Number(offset) + length);
  }
  return undefined;
}
