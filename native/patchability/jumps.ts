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
  const base = sections.reduce((least, { address }) => (address < least ? address : least), sections[0]?.address ?? 0n);
  const places = sections.map((section) => ({ section, start: Number(section.address - base), end: Number(section.address - base) + section.bytes.length }));
  const gaps = gapsBetween(rangesOf(functions.filter(isCompiled), base));
  const others = rangesOf(functions.filter((each) => !isCompiled(each)), base);
  const found: Stretch[] = [];
  for (const { section, start, end } of places) {
    const report = (from: number, to: number): void => {
      const place = start + to;
      if (places.some((each) => each.start <= place && place < each.end)) found.push([start + from, place]);
    };
    for (const [from, to] of [...gaps, ...others]) {
      if (from < end && start < to) scanStretch(section, [Math.max(from, start) - start, Math.min(to, end) - start], report);
    }
  }
  return found.sort(([, one], [, other]) => one - other).map(([from, to]) => ({ from: base + BigInt(from), to: base + BigInt(to) }));
}

/** From and to, as distances from the lowest section or from the beginning of one: plain numbers, as programs have thousands of functions. */
type Stretch = readonly [number, number];

const rangesOf = (functions: readonly ProgramFunction[], base: bigint): readonly Stretch[] =>
  functions.flatMap(({ ranges }) => ranges.map(({ start, end }): Stretch => [Number(start - base), Number(end - base)]));

/** All that no stretch covers, between no beginning and no end: where as many have ended as have begun. */
function gapsBetween(stretches: readonly Stretch[]): readonly Stretch[] {
  const starts = Float64Array.from(stretches, ([from]) => from).sort();
  const ends = Float64Array.from(stretches, ([, to]) => to).sort();
  const gaps: Stretch[] = [];
  let last = -Infinity;
  starts.forEach((start, index) => {
    if (start > last) gaps.push([last, start]);
    last = ends[index] ?? last;
  });
  return [...gaps, [last, Infinity]];
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
