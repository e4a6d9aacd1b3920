// What the dynamic section and the start-up tables of a linked file say: is it a program or a library, and which
// functions does the loader call when the module comes and goes.

import { readU32, readU64, sectionNamed, sectionType, segmentType } from "../elf/mod.ts";
import type { ElfFile, ElfSection } from "../elf/mod.ts";

const tagSoname = 14n;
const tagFlags1 = 0x6ffffffbn;
const flagPie = 0x08000000n;
const relativeRelocation = 8;
const relaSize = 24;

/** A position-independent program and a library are of one ELF type; newer linkers mark the program. */
export function moduleKind(file: ElfFile): "program" | "library" {
  if (file.type === "executable") return "program";
  const tags = dynamicTags(file);
  if (((tags.get(tagFlags1) ?? 0n) & flagPie) !== 0n) return "program";
  const isNamed = tags.has(tagSoname);
  const hasInterpreter = file.segments.some((segment) => segment.type === segmentType.interpreter);
  return hasInterpreter && !isNamed ? "program" : "library";
}

function dynamicTags(file: ElfFile): ReadonlyMap<bigint, bigint> {
  const tags = new Map<bigint, bigint>();
  const bytes = file.sections.find((section) => section.type === sectionType.dynamic)?.bytes ?? new Uint8Array();
  for (let at = 0; at + 16 <= bytes.length; at += 16) tags.set(readU64(bytes, at), readU64(bytes, at + 8));
  return tags;
}

/** Entries of the functions that run once, when the module is loaded or unloaded. */
export function startupFunctions(file: ElfFile): ReadonlySet<bigint> {
  const tables = file.sections.filter(isStartupTable);
  const stated = tables.flatMap((table) => words(table.bytes));
  const relocated = tables.length === 0 ? [] : relativeAddends(file, tables);
  return new Set([...stated, ...relocated].filter((at) => at !== 0n && at !== 0xffffffffffffffffn));
}

const isStartupTable = (section: ElfSection): boolean =>
  section.type === sectionType.initArray || section.type === sectionType.finiArray || section.type === sectionType.preinitArray ||
  section.name === ".ctors" || section.name === ".dtors";

function words(bytes: Uint8Array): readonly bigint[] {
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, at) => readU64(bytes, at * 8));
}

/** Position-independent files may hold the addresses in their relocations only. */
function relativeAddends(file: ElfFile, tables: readonly ElfSection[]): readonly bigint[] {
  const bytes = sectionNamed(file, ".rela.dyn")?.bytes ?? new Uint8Array();
  const addends: bigint[] = [];
  for (let at = 0; at + relaSize <= bytes.length; at += relaSize) {
    if (readU32(bytes, at + 8) !== relativeRelocation) continue;
    const place = readU64(bytes, at);
    if (tables.some((table) => table.address <= place && place < table.address + BigInt(table.size))) addends.push(readU64(bytes, at + 16));
  }
  return addends;
}
