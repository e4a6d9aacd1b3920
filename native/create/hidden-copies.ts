// Without the proof, the compiler may inline otherwise here than it did for the program. Refuses a changed function that the program holds
// inlined in others which the patch does not replace.

import type { ComparedUnit, Inclusion } from "./include.ts";
import { baseFunctionName } from "./object-code.ts";
import type { Definition } from "./object-code.ts";
import type { LinkedProgram } from "./program.ts";
import { notPatchable } from "./refusal.ts";

/** Debug information says which functions of the program hold copies of a changed one. */
export async function refuseHiddenCopies({ program }: LinkedProgram, { replacing }: Inclusion): Promise<void> {
  const waived = replacing.filter(({ unit }) => unit.proved.unproved.size > 0);
  if (waived.length === 0) return;
  const replaced = new Set(replacing.map(({ unit, definition }) => entryOf(unit, definition)));
  for (const copy of await program.inlinedCopies()) {
    const changed = waived.find(({ definition }) => baseFunctionName(definition.name) === copy.name);
    const holder = program.functionAt(copy.into);
    if (changed === undefined || holder === undefined || replaced.has(holder.entry)) continue;
    throw notPatchable(changed.unit.proved.pair.unit, { function: copy.name }, `is inlined into ${holder.name} of the program, which the patch does not replace: the proof was waived, and the compiler inlines otherwise here`);
  }
}

const entryOf = ({ proved, comparison }: ComparedUnit, { name }: Definition): bigint | undefined =>
  proved.functions.get(comparison.correlation.originals.get(name)?.name ?? name)?.at;
