// Links one object of a patch image against a process: everything is given an offset, then, once the place of the
// mapping is known, an address. Pure: what imports mean is told by the caller.

import { createHash } from "node:crypto";
import { address } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import { writeI32, writeU64 } from "../elf/mod.ts";
import type { ElfFile } from "../elf/mod.ts";
import type { PatchObject } from "../image/mod.ts";
import type { StagedSegment } from "../tracer.ts";
import { callCode } from "./call-code.ts";
import { layOut, offsetOf } from "./layout.ts";
import type { Layout, PartRange } from "./layout.ts";
import type { LedgerMapping } from "./ledger-records.ts";
import { headLength, tablesLength, tablesOf, writeBuildId, writeTables } from "./memory-file.ts";
import { refuse } from "./refusal.ts";
import { isThreadLocalUse, relocate, slotValue } from "./relocate.ts";
import type { RelocationContext, Resolved } from "./relocate.ts";

export type { Resolved } from "./relocate.ts";

/** An object laid out: its size is known, its addresses are not. */
export interface LaidOutObject {
  readonly patch: string;
  readonly object: PatchObject;
  readonly elf: ElfFile;
  readonly layout: Layout;
  /** Of the mapping, in whole pages. */
  readonly size: number;
}

/** The memory file of an object, and what it means at its place. */
export interface LinkedObject {
  readonly base: Address;
  readonly contents: Uint8Array;
  readonly segments: readonly StagedSegment[];
  readonly range: AddressRange;
  /** Its code, stubs included. */
  readonly code: AddressRange;
  /** What never changes once it is mapped, with the hash of what is there. */
  readonly constant: AddressRange & { readonly sha256: string };
  /** Symbols and debug information. */
  readonly tables: AddressRange;
  /** Where the process can be made to call something. */
  readonly through?: Address;
  /** The unwind table, and the room for the records of those who are told of it. */
  readonly frames?: LedgerMapping["frames"];
  /** Entry of each new function, by symbol index of the image. */
  readonly entries: ReadonlyMap<number, Address>;
}

export function layOutObject(patch: string, object: PatchObject, elf: ElfFile): LaidOutObject {
  const layout = layOut(object, elf, headLength, tablesLength(object, elf));
  return { patch, object, elf, layout, size: layout.data.offset + layout.data.length };
}

/** Refuses: unresolved-symbol, unreachable-memory (out of reach), bad-image (relocation not supported). */
export function linkObject(laidOut: LaidOutObject, base: Address, resolved: ReadonlyMap<number, Resolved>): LinkedObject {
  const { patch, object, elf, layout, size } = laidOut;
  const context: RelocationContext = { patch, layout, base, resolved };
  const contents = new Uint8Array(size);
  copySections(contents, layout);
  relocateSections(contents, context);
  fillTable(contents, laidOut, context);
  writeStubs(contents, layout);
  contents.set(layout.parts.has("calls") ? callCode : [], layout.parts.get("calls")?.offset ?? 0);
  writeTables(contents, object, elf, layout);
  writeBuildId(contents);

  const { readOnly, code, data } = layout;
  const constant = { offset: 0, length: readOnly.length + code.length, alignment: 1 };
  return {
    base, contents, segments: segmentsOf(layout),
    range: rangeAt(base, { offset: 0, length: data.offset + data.length, alignment: 1 }),
    code: rangeAt(base, code),
    constant: { ...rangeAt(base, constant), sha256: sha256(contents.subarray(0, constant.length)) },
    tables: rangeAt(base, tablesOf(layout)), entries: entriesOf(laidOut, base), ...callsOf(layout, base),
  };
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function copySections(contents: Uint8Array, { sections, code }: Layout): void {
  // Padding traps: int3 is what a jump gone astray should run into.
  contents.fill(0xcc, code.offset, code.offset + code.length);
  for (const { section, offset } of sections.values()) contents.set(section.bytes, offset);
}

function relocateSections(contents: Uint8Array, context: RelocationContext): void {
  for (const { section, offset } of context.layout.sections.values()) {
    for (const relocation of section.relocations) relocate(relocation, section, offset + relocation.offset, contents, context);
  }
}

function fillTable(contents: Uint8Array, { elf, layout, patch }: LaidOutObject, context: RelocationContext): void {
  const threadLocal = new Set([...layout.sections.values()].flatMap(({ section }) =>
    section.relocations.filter(isThreadLocalUse).map(({ symbol }) => symbol.index)));
  for (const [index, slot] of layout.slots) {
    const symbol = elf.symbols[index];
    if (symbol === undefined) throw refuse("internal", `link patch "${patch}"`, `symbol ${index} is not part of its image`);
    writeU64(contents, slot, slotValue(symbol, threadLocal.has(index), context));
  }
}

function writeStubs(contents: Uint8Array, { stubs, slots }: Layout): void {
  for (const [index, stub] of stubs) {
    contents.set([
      0xf3, 0x0f, 0x1e, 0xfa,             // endbr64
      0xff, 0x25, 0, 0, 0, 0,             // jmp *slot(%rip)
      0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00, // nopw 0(%rax,%rax)
    ], stub);
    writeI32(contents, stub + 6, (slots.get(index) ?? 0) - (stub + 10));
  }
}

function segmentsOf({ readOnly, code, data }: Layout): readonly StagedSegment[] {
  const all: readonly StagedSegment[] = [
    { offset: readOnly.offset, length: readOnly.length, protection: "r" },
    { offset: code.offset, length: code.length, protection: "rx" },
    { offset: data.offset, length: data.length, protection: "rw" },
  ];
  return all.filter(({ length }) => length > 0);
}

const rangeAt = (base: Address, { offset, length }: PartRange): AddressRange =>
  ({ start: address(base + BigInt(offset)), end: address(base + BigInt(offset + length)) });

function callsOf({ parts }: Layout, base: Address): Pick<LinkedObject, "through" | "frames"> {
  const [calls, table, objects, language] = [parts.get("calls"), parts.get("unwind"), parts.get("frames"), parts.get("language")];
  return {
    ...(calls === undefined ? {} : { through: rangeAt(base, calls).start }),
    ...(table === undefined || objects === undefined ? {} : { frames: { table: rangeAt(base, table), objects: rangeAt(base, objects), ...(language === undefined ? {} : { language: rangeAt(base, language) }) } }),
  };
}

function entriesOf({ object, elf, layout, patch }: LaidOutObject, base: Address): ReadonlyMap<number, Address> {
  return new Map([...object.functions, ...object.added].map(({ newSymbol, name }) => {
    const symbol = elf.symbols[newSymbol];
    const offset = symbol && offsetOf(layout, symbol);
    if (offset === undefined) throw refuse("bad-image", `link patch "${patch}"`, `function "${name}" is not in a section that is loaded`);
    return [newSymbol, address(base + BigInt(offset))];
  }));
}
