// Refuses a changed initialiser of static objects: it ran when the program started and will not run again, so an object that
// the patch adds would never be constructed, and one that exists would keep the value that it has.

import type { Comparison } from "./compare.ts";
import { notPatchable } from "./refusal.ts";

/** gcc's and clang's names of what start-up code calls for a unit. */
const initialisers = /^(?:_GLOBAL__(?:sub_)?I_|_Z\d+__static_initialization_and_destruction_0|__cxx_global_var_init)/;

export function refuseStaticInitialisers({ unit, changed }: Comparison): void {
  const name = [...changed.keys()].find((each) => initialisers.test(each));
  if (name === undefined) return;
  throw notPatchable(unit, { function: name }, "constructs the unit's static objects, and in the running program it has run; give a new object a constant initialiser or construct it on first use, and set what exists in a callback");
}
