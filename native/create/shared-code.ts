// Functions that share their code with others: the compiler and some linkers keep one copy of equal functions, and an
// alias is a second name of one. A redirect takes all who come to that place along, whichever of the names they mean.
//
// Refuses a changed function whose place serves another one too, where the change is not meant for both.

import { fileAddress } from "../address.ts";
import type { Definition } from "./object-code.ts";
import { isColdPart } from "./object-code.ts";
import type { ComparedUnit } from "./include.ts";
import type { LinkedProgram } from "./program.ts";
import type { ProvedFunction, ProvedUnit } from "./proof.ts";
import { notPatchable } from "./refusal.ts";
import type { ProgramFunction } from "../patchability/mod.ts";

export function refuseSharedCode(program: LinkedProgram, units: readonly ComparedUnit[]): void {
  for (const unit of units) {
    refuseParted(unit);
    for (const name of unit.comparison.changed.keys()) if (!isColdPart(name)) refuseFolded(program, unit, name);
  }
}

/** Two names of one piece of code in the original object, of which the patch makes two pieces. */
function refuseParted({ proved, comparison }: ComparedUnit): void {
  for (const group of comparison.correlation.parted) {
    const changed = group.find((name) => comparison.changed.has(name));
    if (changed === undefined) continue;
    const others = group.filter((name) => name !== changed).join(", ");
    throw notPatchable(proved.pair.unit, { function: changed }, `has one piece of code with ${others} in the program, and the patch parts them; patch the callers instead, or change both alike`);
  }
}

function refuseFolded(program: LinkedProgram, unit: ComparedUnit, name: string): void {
  const original = unit.comparison.correlation.originals.get(name);
  if (original === undefined) return;
  const place = unit.proved.functions.get(original.name);
  const other = place === undefined ? foldedAway(program, unit, original) : sharerOf(program, unit, original, place);
  if (other === undefined) return;
  throw notPatchable(unit.proved.pair.unit, { function: name }, `has one piece of code with ${other} in the program, whose linker folded equal functions, and a change of one would change both; patch its callers instead`);
}

/** Another function that the linker put into this one's place. */
function sharerOf({ program }: LinkedProgram, { proved }: ComparedUnit, original: Definition, { at }: ProvedFunction): string | undefined {
  const names = program.symbols.filter(({ symbol: { type, value } }) => type === "function" && value === at).map(({ symbol }) => symbol.name);
  return names.find((name) => !isSamePlace(proved.object.functions.get(name), original)) ?? foldedInDebugInformation(program.functionAt(at), proved, original);
}

/** A linker may drop the names of what it folded away. */
function foldedInDebugInformation(found: ProgramFunction | undefined, { object }: ProvedUnit, original: Definition): string | undefined {
  return found?.foldedWith.find((name) => name === found.sourceName || !isSamePlace(object.functions.get(name), original));
}

const isSamePlace = (one: Definition | undefined, other: Definition): boolean =>
  one !== undefined && one.section === other.section && one.start === other.start;

/** A function whose code the program has only as that of another unit's function. A weak one may simply have lost. */
function foldedAway({ program }: LinkedProgram, { proved }: ComparedUnit, original: Definition): string | undefined {
  if (original.symbol.binding === "weak") return undefined;
  const binding = proved.bindings.get(original.name);
  const named = original.symbol.binding === "local" ? undefined
    : program.symbolsNamed(original.name).find(({ symbol }) => symbol.type === "function" && symbol.binding !== "local");
  const at = binding?.kind === "address" ? binding.at : named === undefined ? undefined : fileAddress(named.symbol.value);
  const found = at === undefined ? undefined : program.functionAt(at);
  return found?.unit === undefined ? undefined : `${found.name} of another unit`;
}
