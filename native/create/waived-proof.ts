// What the proof would have shown and nobody knows without it. Where source, flags or compiler are not those of the program, the
// compiler may have inlined, split and specialised functions otherwise than in the program.
//
// Refuses: clones, whose parameters are the compiler's secret; static variables of functions that only their number tells apart; functions
// that the program has not. See hidden-copies.ts for those that it holds inlined.

import type { ElfSymbol } from "../elf/mod.ts";
import { baseFunctionName, isColdPart } from "./object-code.ts";
import type { Definition } from "./object-code.ts";
import type { LinkedProgram } from "./program.ts";
import type { ProvedUnit } from "./proof.ts";
import { notPatchable } from "./refusal.ts";

/** `name` is of the original object. */
export function refuseUnknownClone({ pair, unproved }: ProvedUnit, name: string): void {
  if (!unproved.has(name) || isColdPart(name) || baseFunctionName(name) === name) return;
  throw notPatchable(pair.unit, { function: name }, "is a copy that the compiler specialised, and without the proof it is not known what the program's copy takes");
}

/** A changed function that the program has not may live on in those that hold it inlined. */
export function refuseAbsent({ pair, isWaived, functions }: ProvedUnit, name: string): void {
  if (!isWaived || isColdPart(name) || functions.has(name)) return;
  throw notPatchable(pair.unit, { function: name }, "is not in the program by itself, and without the proof it is not known who holds it inlined");
}

const numbered = /^(.+)\.\d+$/;

/** A static variable of a function, where its family has one member on both sides. */
export function onlyOfFamily({ program }: LinkedProgram, { object, unit }: ProvedUnit, { name, size }: Definition): ElfSymbol | undefined {
  const family = numbered.exec(name)?.[1];
  const isMember = (each: string): boolean => numbered.exec(each)?.[1] === family;
  const [found, second] = program.symbols.filter((each) => each.unit === unit && each.symbol.type === "object" && isMember(each.symbol.name));
  const own = [...object.variables.keys()].filter(isMember);
  return second === undefined && own.length === 1 && found?.symbol.size === size ? found.symbol : undefined;
}
