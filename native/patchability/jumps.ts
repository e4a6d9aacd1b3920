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

/** DW_LANG_Mips_Assembler: what assemblers of all machines state. */
export const assemblyLanguage = 0x8001;

interface Jump {
  readonly from: bigint;
  readonly to: bigint;
}

const found = new WeakMap<Program, readonly Jump[]>();

/** Where a jump or call with a 32-bit distance, in code that may be assembly, leads to `start < target < end` of `target`. */
export function jumpsInto(program: Program, target: ProgramFunction, start: bigint, end: bigint): readonly bigint[] {
  const jumps = jumpsOf(program);
  const from: bigint[] = [];
  for (let at = firstBehind(jumps, start); at < jumps.length; at++) {
    const jump = jumps[at];
    if (jump === undefined || jump.to >= end) break;
    if (isSuspect(program.functionAt(fileAddress(jump.from)), target)) from.push(jump.from);
  }
  return from;
}

function firstBehind(jumps: readonly Jump[], place: bigint): number {
  let low = 0;
  let high = jumps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((jumps[middle]?.to ?? 0n) <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Those that lead into code, by where they lead. Looked for once. */
export function jumpsOf(program: Program): readonly Jump[] {
  const jumps = found.get(program) ?? scanProgram(program);
  found.set(program, jumps);
  return jumps;
}

const isSuspect = (holder: ProgramFunction | undefined, target: ProgramFunction): boolean =>
  holder !== target && (holder?.unit === undefined || holder.unit.language === assemblyLanguage);

const isCompiled = ({ unit }: ProgramFunction): boolean => unit !== undefined && unit.language !== assemblyLanguage;

/** Every byte outside of compiled code may begin an instruction: too many hits, never too few. */
function scanProgram({ elf, functions }: Program): readonly Jump[] {
  const sections = elf.sections.filter(({ flags, bytes }) => (flags & sectionFlag.execute) !== 0 && bytes.length > 0);
  const isCode = (to: bigint): boolean => sections.some(({ address, bytes }) => address <= to && to < address + BigInt(bytes.length));
  const jumps: Jump[] = [];
  for (const section of sections) {
    const report = (from: number, to: number): void => {
      const place = section.address + BigInt(to);
      if (isCode(place)) jumps.push({ from: section.address + BigInt(from), to: place });
    };
    for (const stretch of suspectStretches(functions, section)) scanStretch(section, stretch, report);
  }
  return jumps.sort((one, other) => (one.to < other.to ? -1 : one.to > other.to ? 1 : 0));
}

/** Offsets into a section, from and to. */
type Stretch = readonly [number, number];

/** The stretches of a section that are no code of a compiler, and those of functions that are not. */
function suspectStretches(functions: readonly ProgramFunction[], { address, bytes }: ElfSection): readonly Stretch[] {
  const compiled: Stretch[] = [];
  const others: Stretch[] = [];
  const limit = address + BigInt(bytes.length);
  for (const each of functions) {
    const list = isCompiled(each) ? compiled : others;
    for (const { start, end } of each.ranges) {
      if (address < end && start < limit) list.push([Math.max(0, Number(start - address)), Math.min(bytes.length, Number(end - address))]);
    }
  }
  return [...gapsBetween(compiled, bytes.length), ...others];
}

function gapsBetween(stretches: Stretch[], length: number): readonly Stretch[] {
  const gaps: Stretch[] = [];
  let at = 0;
  for (const [from, to] of stretches.sort(([one], [other]) => one - other)) {
    if (from > at) gaps.push([at, from]);
    at = Math.max(at, to);
  }
  return at < length ? [...gaps, [at, length]] : gaps;
}

function scanStretch({ bytes }: ElfSection, [first, end]: Stretch, report: (from: number, to: number) => void): void {
  for (let at = first; at < end && at + 5 <= bytes.length; at++) {
    const opcode = bytes[at] ?? 0;
    if (opcode === 0xe8 || opcode === 0xe9) {                                        // call rel32, jmp rel32
      report(at, at + 5 + readI32(bytes, at + 1));
    } else if (opcode === 0x0f && ((bytes[at + 1] ?? 0) & 0xf0) === 0x80 && at + 6 <= bytes.length) { // jcc rel32
      report(at, at + 6 + readI32(bytes, at + 2));
    }
  }
}
