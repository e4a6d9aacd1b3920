// Patch images made by hand: a replacement is compiled, and each of its functions is bound to the one of the same name in
// a program that was linked before. What the Creator proves is simply believed here.

import { fileAddress } from "../../native/address.ts";
import { bytesAt, readElf, sectionFlag, sectionType } from "../../native/elf/mod.ts";
import type { ElfFile, ElfSymbol } from "../../native/elf/mod.ts";
import { encodeImage } from "../../native/image/mod.ts";
import type { ImageFunction, ImageImport, ImageObject, ImageSection, ImageSymbol } from "../../native/image/mod.ts";
import { readBytes } from "../elf/toolchain.ts";

export interface Replacement {
  /** Path of the object file, compiled with -ffunction-sections. */
  readonly object: string;
  /** Path of the program or library that has the old functions, with symbols. */
  readonly module: string;
  readonly kind?: "program" | "library";
  /** Names of the functions that are redirected. */
  readonly functions: readonly string[];
  readonly values?: ImageObject["values"];
  /** What is changed about the module's identity or its functions, for refusals. */
  readonly buildId?: string;
  readonly called?: string;
  readonly change?: (each: ImageFunction) => ImageFunction;
}

export const imageOf = (name: string, ...replacements: readonly Replacement[]): Uint8Array =>
  encodeImage({ name, description: "", diffs: [], compilers: [], objects: replacements.map(objectOf) });

function objectOf({ object, module, kind = "program", functions, values = [], buildId, called, change = (each) => each }: Replacement): ImageObject {
  const old = readElf(readBytes(module));
  const fresh = readElf(readBytes(object));
  const { sections, symbols } = carry(fresh);
  const newFunctions = fresh.symbols.filter(({ type, section }) => type === "function" && typeof section === "number");
  return {
    module: { name: called ?? module.replace(/.*\//, ""), buildId: buildId ?? old.buildId ?? "", kind },
    functions: functions.map((name) => change(bind(name, old, required(symbols, newFunctions.find((symbol) => symbol.name === name))))),
    values,
    added: newFunctions.filter(({ name }) => !functions.includes(name)).map((symbol) => ({ name: symbol.name, unit: "fix.c", newSymbol: required(symbols, symbol) })),
    imports: fresh.symbols.filter(({ index, section }) => index > 0 && section === "undefined").map((symbol) => importOf(required(symbols, symbol), old)),
    sections: [...sections.values()],
    symbols: [...symbols.values()].filter(({ type }) => type === "function" || type === "object"),
    proof: { units: 1, functions: 1, bytes: 1 },
  };
}

function required<Value>(values: ReadonlyMap<ElfSymbol, Value>, symbol: ElfSymbol | undefined): Value {
  const found = symbol && values.get(symbol);
  if (found === undefined) throw new Error(`The replacement has no symbol ${symbol?.name ?? "of that name"}`);
  return found;
}

function carry(elf: ElfFile): { readonly sections: ReadonlyMap<number, ImageSection>; readonly symbols: ReadonlyMap<ElfSymbol, ImageSymbol> } {
  const sections = new Map<number, ImageSection>();
  for (const { index, name, type, flags, alignment, entrySize, bytes, size } of elf.sections) {
    if ((flags & sectionFlag.alloc) === 0 || name.startsWith(".note") || size === 0) continue;
    sections.set(index, { name, type, flags: flags & ~sectionFlag.group, alignment, entrySize, bytes, ...(type === sectionType.nobits ? { size } : {}), relocations: [] });
  }
  const symbols = new Map<ElfSymbol, ImageSymbol>();
  for (const symbol of elf.symbols.slice(1)) {
    const section = typeof symbol.section === "number" ? sections.get(symbol.section) : symbol.section;
    if (section === undefined || section === "common") continue;
    const { name, type, binding, visibility, value, size } = symbol;
    symbols.set(symbol, { name, type, binding, visibility, section, value, size });
  }
  for (const [index, section] of sections) {
    for (const { offset, type, symbol, addend } of elf.sections[index]?.relocations ?? []) {
      section.relocations.push({ offset, type, symbol: required(symbols, symbol), addend });
    }
  }
  return { sections, symbols };
}

export function functionNamed(elf: ElfFile, name: string): ElfSymbol {
  const found = elf.symbols.find((symbol) => symbol.name === name && symbol.type === "function");
  if (found === undefined) throw new Error(`No function is named ${name}`);
  return found;
}

function bind(name: string, old: ElfFile, newSymbol: ImageSymbol): ImageFunction {
  const { value, size } = functionNamed(old, name);
  const head = bytesAt(old, value, 9) ?? new Uint8Array(9);
  const redirectOffset = Buffer.from(head.subarray(0, 4)).toString("hex") === "f30f1efa" ? 4 : 0;
  return {
    name, unit: "answers.c", oldEntry: fileAddress(value), oldSize: size,
    oldRanges: [{ start: fileAddress(value), end: fileAddress(value + BigInt(size)) }],
    redirectOffset, expected: head.slice(redirectOffset, redirectOffset + 5), newSymbol, reason: "its code differs", warnings: [],
  };
}

function importOf(symbol: ImageSymbol, old: ElfFile): ImageImport {
  const own = old.symbols.find(({ name, section }) => name === symbol.name && typeof section === "number");
  if (own === undefined) return { symbol, from: "process" };
  if (own.type === "tls") return { symbol, from: "thread", offset: own.value - threadBlockSize(old) };
  return { symbol, from: "module", at: fileAddress(own.value) };
}

function threadBlockSize(elf: ElfFile): bigint {
  const block = elf.segments.find(({ type }) => type === 7);
  const alignment = BigInt(block?.alignment ?? 1);
  return (BigInt(block?.memorySize ?? 0) + alignment - 1n) / alignment * alignment;
}
