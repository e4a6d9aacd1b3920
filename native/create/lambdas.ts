// Lambdas have no names: the compiler numbers those of a function that take the same arguments. One that is added or removed
// before another gives that one another number, and what the program has stored of the old one would run the new one's code with
// captures that mean something else. Refuses that; a lambda whose body changes in its place is a function like any other.

import type { Comparison } from "./compare.ts";
import type { ObjectCode } from "./object-code.ts";
import { notPatchable } from "./refusal.ts";

/** `Ul`, the arguments, `E`, the number, `_`: in the names of a lambda's own functions and of all that is made for it. */
const number = /(Ul\w*?E)\d*(?=_)/g;

export function refuseRenumberedLambdas({ unit, original, patched, changed }: Comparison): void {
  const before = familiesOf(original);
  for (const [family, names] of familiesOf(patched)) {
    const old = before.get(family) ?? [];
    if (old.length === 0 || old.length === names.length) continue;
    const moved = names.find((name) => old.includes(name) && changed.has(name));
    if (moved === undefined) continue;
    throw notPatchable(unit, { function: moved }, `is made for a lambda, of which its function has ${names.length} where it had ${old.length}, so the compiler numbers them anew and it cannot be told which is which; put new lambdas behind the others, or into a function of their own`);
  }
}

function familiesOf({ functions }: ObjectCode): ReadonlyMap<string, readonly string[]> {
  const families = new Map<string, string[]>();
  for (const name of functions.keys()) {
    const family = name.replace(number, "$1#");
    if (family !== name) families.set(family, [...families.get(family) ?? [], name]);
  }
  return families;
}
