// The one way in which the Creator refuses: what cannot be patched, by name, and why.

import { SutureError } from "../errors.ts";
import type { JsonValue } from "../errors.ts";

/** `subject` is what stands in the way: a function, a variable, a section. */
export function notPatchable(unit: string, subject: { readonly function: string } | { readonly variable: string } | { readonly section: string }, reason: string): SutureError {
  const [kind, name] = Object.entries(subject)[0] ?? ["unit", unit];
  const data: Record<string, JsonValue> = { unit, ...subject, reason };
  return new SutureError("not-patchable", `Cannot build a patch from ${unit}: ${kind} ${name} ${reason}`, data);
}
