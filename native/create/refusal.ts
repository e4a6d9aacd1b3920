// The one way in which the Creator refuses: what cannot be patched, by name, and why.

import { printable } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { JsonValue } from "../errors.ts";

/** `subject` is what stands in the way: a function, a variable, a section. */
export function notPatchable(unit: string, subject: Subject, reason: string): SutureError {
  return new SutureError("not-patchable", messageOf(unit, subject, reason), dataOf(unit, subject, reason));
}

export type Subject = { readonly function: string } | { readonly variable: string } | { readonly section: string };

/** A variable of another module is used as if it were near; the unit may be compiled to reach it wherever it is. */
export class OutOfReach extends SutureError {
  readonly unit: string;

  constructor(unit: string, variable: string, reason: string) {
    super("not-patchable", messageOf(unit, { variable }, reason), dataOf(unit, { variable }, reason));
    this.unit = unit;
  }
}

/** Of a unit that is compiled for link-time optimisation. */
export const madeByLinker = (unit: string, more = ""): SutureError => new SutureError("not-patchable",
  `Cannot build a patch from ${unit}: link-time optimisation (-flto) made the code that runs from all units at once, and compiling this one alone does not give it again${more}; build the program with -fno-lto`,
  { unit });

function messageOf(unit: string, subject: Subject, reason: string): string {
  const [kind, name] = Object.entries(subject)[0] ?? ["unit", unit];
  return printable(`Cannot build a patch from ${unit}: ${kind} ${name} ${reason}`);
}

const dataOf = (unit: string, subject: Subject, reason: string): Record<string, JsonValue> => ({ unit, ...subject, reason });
