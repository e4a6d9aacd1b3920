// With -fipa-ra (part of -O2), gcc lets a caller keep values in registers that any function may overwrite, if it knows
// that the function it calls, and all that this one calls, leave them alone. With -fipa-pure-const, -fipa-reference and -fipa-modref (of -O1) it
// keeps what it has read from memory, or calls once where the source calls often, if it knows that they touch no such memory. A diff's callers
// are compiled again and differ then; a function written by hand meets callers that stay as they are, so none of them may count on anything.
//
// Only callers of the same unit can know. Whether one does is told by compiling the unit without that freedom: a caller
// that stays the same byte for byte never used it. Refused where that cannot be found out.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { readI32, readI8 } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { ProgramFunction } from "../patchability/mod.ts";
import type { DebugUnit } from "../tracer.ts";
import { compileError } from "./compile-error.ts";
import { compilerEnvironment, formatInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { bytesOf, readObjectCode, referentOf, relocationsOf } from "./object-code.ts";
import type { Definition, ObjectCode } from "./object-code.ts";
import type { LinkedProgram } from "./program.ts";
import { mapParallel } from "./parallel.ts";
import { runProgram } from "./run-program.ts";

export const ownSections = ["-ffunction-sections", "-fdata-sections"];

/** Refuses functions that a caller of their own unit may count on. `original`: how the unit was compiled, if that is known. */
export async function refuseCountingCallers(
  program: LinkedProgram, olds: readonly ProgramFunction[], unit: DebugUnit, original: Invocation | undefined, scratch: string,
): Promise<void> {
  if (!mayCount(unit.producer)) return;
  if (original === undefined) {
    for (const old of olds) refuseAnyCaller(program, old, unit);
    return;
  }
  const [free, strict] = await mapParallel([[], knowingNothing], 2, async (more, index): Promise<ObjectCode> =>
    readObjectCode(unit.name, await compileAsItWas(original, unit, [...ownSections, ...more], join(scratch, `counting-${index}.o`)))) as [ObjectCode, ObjectCode];
  for (const old of olds) {
    // A call that the compiler knows to be of no use is only in the strict one.
    const counting = callersOf(strict, old.name, new Set(olds.map(({ name }) => name))).find((caller) => !isSame(strict, free, caller));
    if (counting !== undefined) throw counts(old, counting.name);
  }
}

const knowingNothing = ["-fno-ipa-ra", "-fno-ipa-pure-const", "-fno-ipa-reference", "-fno-ipa-modref"];
const knownOfIt = "the registers or the memory that it leaves alone (-fipa-ra, -fipa-pure-const, -fipa-modref)";

const counts = (old: ProgramFunction, caller: string): SutureError => new SutureError("not-patchable",
  `Cannot replace ${old.name}: its caller ${caller} counts on ${knownOfIt}; make the patch from a diff, which replaces the caller too`,
  { function: old.name, caller });

/** gcc, where it optimises. clang does nothing of the kind with registers, and cannot be told not to do so with memory. */
const mayCount = (producer: string): boolean => producer.startsWith("GNU ") && /\s-O(?:[1-9sgz]|fast)?(?:\s|$)/.test(producer);

/** Without the source there is only the program's code, of which bytes that look like a branch are taken for one. */
function refuseAnyCaller({ program }: LinkedProgram, old: ProgramFunction, unit: DebugUnit): void {
  const caller = program.functions.find((each) => each.unit === unit && each !== old && each.ranges.some(({ start, end }) =>
    leadsTo(program.codeAt(start, Number(end - start)) ?? new Uint8Array(), Number(old.entry - start))));
  if (caller === undefined) return;
  throw new SutureError("not-patchable",
    `Cannot replace ${old.name}: ${caller.name}, of the same unit, calls it and may count on ${knownOfIt}; name the source tree with --source, so that this can be found out`,
    { function: old.name, caller: caller.name });
}

function leadsTo(code: Uint8Array, target: number): boolean {
  return code.some((byte, at) => {
    const isLong = byte === 0xe8 || byte === 0xe9 || ((byte & 0xf0) === 0x80 && code[at - 1] === 0x0f); // call, jmp, jcc rel32
    if (isLong && at + 5 <= code.length) return at + 5 + readI32(code, at + 1) === target;
    const isShort = byte === 0xeb || (byte & 0xf0) === 0x70;                                           // jmp, jcc rel8
    return isShort && at + 2 <= code.length && at + 2 + readI8(code, at + 1) === target;
  });
}

/** Functions of the object that reach `name` by calls, directly or through others; not those that are replaced too. */
function callersOf(object: ObjectCode, name: string, replaced: ReadonlySet<string>): readonly Definition[] {
  const found = new Set<Definition>();
  const waiting = [name];
  for (let callee = waiting.pop(); callee !== undefined; callee = waiting.pop()) {
    for (const caller of object.functions.values()) {
      if (found.has(caller) || replaced.has(caller.name) || !refersTo(object, caller, callee)) continue;
      found.add(caller);
      waiting.push(caller.name);
    }
  }
  return [...found];
}

function refersTo(object: ObjectCode, { section, ...place }: Definition, name: string): boolean {
  return section !== undefined && relocationsOf({ section, ...place }).some((relocation) => {
    const referent = referentOf(object, section, relocation);
    return referent.kind === "definition" && referent.definition.name === name;
  });
}

/** The unit's object, from the source as it is. */
export async function compileAsItWas(invocation: Invocation, unit: DebugUnit, more: readonly string[], output: string): Promise<Uint8Array> {
  const run = await runProgram(invocation.compiler, formatInvocation(invocation, [...more, "-c", "-o", output]),
    { directory: invocation.directory, environment: compilerEnvironment });
  if (run.status !== 0) throw compileError(unit.name, "original", run);
  return readFile(output);
}

function isSame(free: ObjectCode, strict: ObjectCode, function_: Definition): boolean {
  const other = strict.functions.get(function_.name);
  if (other === undefined || Buffer.compare(bytesOf(function_), bytesOf(other)) !== 0) return false;
  const [cold, otherCold] = [free, strict].map(({ functions }) => functions.get(`${function_.name}.cold`));
  return cold === undefined || otherCold === undefined ? cold === otherCold : Buffer.compare(bytesOf(cold), bytesOf(otherCold)) === 0;
}
