// Does code from elsewhere jump into the first bytes of a function? Compilers do not make such jumps; hand-written
// assembly may, with entries that have no symbol. So what debug information calls compiled is not suspected: without
// knowing where instructions begin, one function in two thousand would be refused for bytes that only look like a jump.
//
// Jumps of the function itself do not count, loops back to its beginning among them: a redirect is written only when
// no thread is in the function, and from then on nobody is inside who could take them.

import { fileAddress } from "../address.ts";
import { readI32, sectionFlag } from "../elf/mod.ts";
import type { ElfSection } from "../elf/mod.ts";
import type { ProgramFunction } from "./functions.ts";
import type { Program } from "./program.ts";

/** A redirect covers bytes of this many at most: endbr64, then a jump. */
const reach = 9;

/** DW_LANG_Mips_Assembler: what assemblers of all machines state. */
export const assemblyLanguage = 0x8001;

interface JumpIn {
  readonly from: bigint;
  readonly to: bigint;
}

const found = new WeakMap<Program, ReadonlyMap<bigint, readonly JumpIn[]>>();

/** Where a jump or call with a 32-bit distance, in code that may be assembly, leads to `start < target < end` of it. */
export function jumpsInto(program: Program, target: ProgramFunction, start: bigint, end: bigint): readonly bigint[] {
  return (jumpsOf(program).get(target.entry) ?? [])
    .filter(({ from, to }) => start < to && to < end && isSuspect(program.functionAt(fileAddress(from)), target))
    .map(({ from }) => from);
}

/** Looked for once. */
export function jumpsOf(program: Program): ReadonlyMap<bigint, readonly JumpIn[]> {
  const jumps = found.get(program) ?? scanProgram(program);
  found.set(program, jumps);
  return jumps;
}

const isSuspect = (holder: ProgramFunction | undefined, target: ProgramFunction): boolean =>
  holder !== target && (holder?.unit === undefined || holder.unit.language === assemblyLanguage);

/** By entry of the function that is jumped into. Every byte outside of compiled code may begin an instruction: too many hits, never too few. */
function scanProgram(program: Program): ReadonlyMap<bigint, readonly JumpIn[]> {
  const jumps = new Map<bigint, JumpIn[]>();
  for (const section of program.elf.sections) {
    if ((section.flags & sectionFlag.execute) === 0 || section.bytes.length === 0) continue;
    const entries = entriesByReach(program.functions, section);
    const report = (from: number, to: number): void => {
      const entry = entries(to);
      if (entry === undefined) return;
      const place = section.address + BigInt(entry);
      const list = jumps.get(place) ?? [];
      jumps.set(place, list);
      list.push({ from: section.address + BigInt(from), to: section.address + BigInt(to) });
    };
    for (const stretch of suspectStretches(program, section)) scanStretch(section, stretch, report);
  }
  return jumps;
}

/** For an offset into the section: the entry of the function within whose first bytes, but not at whose entry, it lies. */
function entriesByReach(functions: readonly ProgramFunction[], section: ElfSection): (offset: number) => number | undefined {
  const distance = new Uint8Array(section.bytes.length + reach);
  for (const { entry, size } of functions) {
    const offset = Number(entry - section.address);
    if (offset < 0 || offset >= section.bytes.length || size === 0) continue;
    for (let step = 1; step < reach; step++) distance[offset + step] ||= step;
  }
  for (const { entry } of functions) {
    const offset = Number(entry - section.address);
    if (offset >= 0 && offset < section.bytes.length) distance[offset] = 0;
  }
  return (offset) => {
    const step = distance[offset];
    return step === undefined || step === 0 ? undefined : offset - step;
  };
}

/** The stretches of a section that are no code of a compiler: offsets, from and to. */
function* suspectStretches(program: Program, { address, bytes }: ElfSection): Generator<readonly [number, number]> {
  for (let at = 0; at < bytes.length;) {
    const place = fileAddress(address + BigInt(at));
    const holder = program.functionAt(place);
    const end = holder?.ranges.find(({ start, end }) => start <= place && place < end)?.end ?? address + BigInt(bytes.length);
    const next = program.functionStartAfter(place) ?? end;
    const until = Math.min(bytes.length, Number((next < end ? next : end) - address));
    if (holder?.unit === undefined || holder.unit.language === assemblyLanguage) yield [at, until];
    at = until;
  }
}

function scanStretch({ bytes }: ElfSection, [first, end]: readonly [number, number], report: (from: number, to: number) => void): void {
  for (let at = first; at < end && at + 5 <= bytes.length; at++) {
    const opcode = bytes[at] ?? 0;
    if (opcode === 0xe8 || opcode === 0xe9) {                                        // call rel32, jmp rel32
      report(at, at + 5 + readI32(bytes, at + 1));
    } else if (opcode === 0x0f && ((bytes[at + 1] ?? 0) & 0xf0) === 0x80 && at + 6 <= bytes.length) { // jcc rel32
      report(at, at + 6 + readI32(bytes, at + 2));
    }
  }
}
