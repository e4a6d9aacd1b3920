// Where everything of one patch object goes in its memory file, before it is known where the file will be mapped. The
// file is mapped whole and one to one: a place's offset in the file is its distance from the base of the mapping.
//
// Three parts, each beginning on a page: what is only read (headers, constants, unwind tables, the table of addresses, symbols),
// code, and data. The table of addresses holds what code reaches through memory: far functions, and variables of other modules.

import { alignUp, sectionFlag, sectionType, x86Relocation } from "../elf/mod.ts";
import type { ElfFile, ElfRelocation, ElfSection, ElfSymbol } from "../elf/mod.ts";
import type { PatchObject } from "../image/mod.ts";
import { callCode } from "./call-code.ts";
import { frameObjectsSize } from "./frame-objects.ts";

export const pageSize = 4096;
export const stubSize = 16;
const slotSize = 8;
const roomAlignment = 16;

/** What the output's sections are made of. */
export type Part = "constants" | "language" | "unwind" | "addresses" | "code" | "stubs" | "calls" | "data" | "zeroes" | "frames";

export interface PlacedSection {
  readonly section: ElfSection;
  readonly part: Part;
  readonly offset: number;
}

export interface PartRange {
  readonly offset: number;
  readonly length: number;
  readonly alignment: number;
}

/** Layout without the tables that describe the file: those follow the constants. */
export interface Layout {
  /** By section index of the image. */
  readonly sections: ReadonlyMap<number, PlacedSection>;
  readonly parts: ReadonlyMap<Part, PartRange>;
  /** The table's entries by symbol index of the image. */
  readonly slots: ReadonlyMap<number, number>;
  /** Jumps through the table, for functions that may be out of reach, by symbol index. */
  readonly stubs: ReadonlyMap<number, number>;
  /** Where the read-only part ends, the code begins, … */
  readonly readOnly: PartRange;
  readonly code: PartRange;
  readonly data: PartRange;
}

/** `headLength`: what precedes the constants; `tablesLength`: what follows them in the read-only part. */
export function layOut(object: PatchObject, elf: ElfFile, headLength: number, tablesLength: number): Layout {
  const sections = object.sections.flatMap((index) => elf.sections[index] ?? []);
  const stubbed = importedFunctions(object, sections);
  const slotted = new Set([...stubbed, ...symbolsInTable(sections)]);
  const placer = new Placer(sections);

  placer.move(headLength);
  placer.place("constants");
  placer.place("language");
  placer.place("unwind", unwindTerminator);
  const slots = placer.reserve("addresses", slotted, slotSize, slotSize);
  placer.move(placer.end + alignUp(tablesLength, 8) + 8);
  const readOnly = placer.closePage(0);
  placer.place("code");
  const stubs = placer.reserve("stubs", stubbed, stubSize, stubSize);
  if (object.unwinding !== undefined || (object.callbacks ?? []).length > 0) placer.keep("calls", callCode.length);
  const code = placer.closePage(readOnly.length);
  placer.place("data");
  placer.place("zeroes");
  if (object.unwinding !== undefined) placer.keep("frames", frameObjectsSize);
  const data = placer.closePage(code.offset + code.length);
  return { sections: placer.sections, parts: placer.parts, slots, stubs, readOnly, code, data };
}

/** Unwinders that read the table from beginning to end stop at an empty record. */
const unwindTerminator = 4;

class Placer {
  readonly sections = new Map<number, PlacedSection>();
  readonly parts = new Map<Part, PartRange>();
  readonly #waiting: readonly ElfSection[];
  end = 0;

  constructor(sections: readonly ElfSection[]) {
    this.#waiting = sections;
  }

  move(end: number): void {
    this.end = end;
  }

  place(part: Part, extra = 0): void {
    const members = this.#waiting.filter((section) => partOf(section) === part);
    if (members.length === 0) return;
    const alignment = members.reduce((most, section) => Math.max(most, section.alignment), part === "unwind" ? 8 : 1);
    const offset = this.end = alignUp(this.end, alignment);
    for (const section of members) {
      // Padding between unwind tables would read as their end.
      this.end = part === "unwind" ? this.end : alignUp(this.end, section.alignment);
      this.sections.set(section.index, { section, part, offset: this.end });
      this.end += section.size;
    }
    this.end += extra;
    this.parts.set(part, { offset, length: this.end - offset, alignment });
  }

  reserve(part: Part, symbols: ReadonlySet<number>, size: number, alignment: number): ReadonlyMap<number, number> {
    const offset = alignUp(this.end, alignment);
    const places = new Map([...symbols].map((symbol, at) => [symbol, offset + at * size]));
    if (places.size === 0) return places;
    this.end = offset + places.size * size;
    this.parts.set(part, { offset, length: this.end - offset, alignment });
    return places;
  }

  keep(part: Part, length: number): void {
    const offset = alignUp(this.end, roomAlignment);
    this.end = offset + length;
    this.parts.set(part, { offset, length, alignment: roomAlignment });
  }

  closePage(offset: number): PartRange {
    this.end = alignUp(this.end, pageSize);
    return { offset, length: this.end - offset, alignment: pageSize };
  }
}

function partOf({ flags, name, type }: ElfSection): Part {
  if ((flags & sectionFlag.execute) !== 0) return "code";
  if (type === sectionType.x86Unwind || name === ".eh_frame") return "unwind";
  if (name.startsWith(".gcc_except_table")) return "language";
  // Data that is constant once relocated is relocated before it is mapped.
  const isWritten = (flags & sectionFlag.write) !== 0 && !name.startsWith(".data.rel.ro");
  if (!isWritten) return "constants";
  return type === sectionType.nobits ? "zeroes" : "data";
}

const tableTypes: ReadonlySet<number> = new Set([
  x86Relocation.R_X86_64_GOTPCREL, x86Relocation.R_X86_64_GOTPCRELX, x86Relocation.R_X86_64_REX_GOTPCRELX, x86Relocation.R_X86_64_GOTTPOFF,
]);

/** Relocations whose field holds the distance to an entry of the table. */
export const usesTable = (type: number): boolean => tableTypes.has(type);

function* symbolsInTable(sections: readonly ElfSection[]): Generator<number> {
  for (const { relocations } of sections) {
    for (const { type, symbol } of relocations) if (usesTable(type)) yield symbol.index;
  }
}

/** Functions of any loaded module may be further away than a call reaches; so is address 0, to which calls of a weak one lead that nobody has. */
function importedFunctions(object: PatchObject, sections: readonly ElfSection[]): ReadonlySet<number> {
  const anywhere = new Set(object.imports.filter(({ from }) => from === "process" || from === "slot").map(({ symbol }) => symbol));
  const called = new Set<number>();
  for (const section of sections) {
    for (const relocation of section.relocations) {
      if ((anywhere.has(relocation.symbol.index) || relocation.symbol.section === "absolute") && isCall(relocation, section)) called.add(relocation.symbol.index);
    }
  }
  return called;
}

/** A call or jump: it may take a detour. A reference to an address may not. */
export function isCall({ type, offset, addend }: ElfRelocation, { bytes, flags }: ElfSection): boolean {
  if (type === x86Relocation.R_X86_64_PLT32) return true;
  const opcode = bytes[offset - 1];
  // An operand relative to %rip has a ModRM byte before it, which is never one of these.
  const followsOpcode = opcode === 0xe8 || opcode === 0xe9; // call rel32, jmp rel32
  return type === x86Relocation.R_X86_64_PC32 && addend === -4n && (flags & sectionFlag.execute) !== 0 && followsOpcode;
}

/** The place of a symbol that the object defines; undefined for one that it imports. */
export function offsetOf(layout: Layout, symbol: ElfSymbol): number | undefined {
  const placed = typeof symbol.section === "number" ? layout.sections.get(symbol.section) : undefined;
  return placed === undefined ? undefined : placed.offset + Number(symbol.value);
}
