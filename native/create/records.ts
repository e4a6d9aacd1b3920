// Refuses new records that nobody would register. A new variable that other units can see, that can be written, and that
// leads to functions of the patch is how programs describe a module, a driver, a command: start-up code walks a list of
// such records, numbers them and calls what they hold. The running program has done that; code of the patch that relied on
// it would work with numbers never given and memory never prepared.

import { isCode, isWritable } from "./object-code.ts";
import type { Definition } from "./object-code.ts";
import type { Inclusion, Piece } from "./include.ts";
import { notPatchable } from "./refusal.ts";

export function refuseRecords(inclusion: Inclusion): void {
  for (const piece of inclusion.pieces) {
    for (const variable of newRecords(piece)) {
      const reached = functionReachedFrom(inclusion, piece);
      if (reached === undefined) continue;
      throw notPatchable(piece.unit.proved.pair.unit, { variable: variable.name },
        `is a new record that leads to functions (${reached}): start-up code registers such records, and in the running program it has run; do without it, or restart`);
    }
  }
}

function newRecords({ unit, section }: Piece): readonly Definition[] {
  if (!isWritable(section) || section.relocations.length === 0) return [];
  return (unit.comparison.patched.definitionsBySection.get(section.index) ?? [])
    .filter(({ name, symbol }) => symbol.binding !== "local" && unit.comparison.addedVariables.has(name));
}

/** The first function of the patch that data of the patch leads to. */
function functionReachedFrom(inclusion: Inclusion, start: Piece): string | undefined {
  const seen = new Set([start.section]);
  const waiting = [start];
  for (let piece = waiting.shift(); piece !== undefined; piece = waiting.shift()) {
    for (const relocation of piece.section.relocations) {
      const target = inclusion.targetOf(piece, relocation);
      if (target.kind !== "piece") continue;
      if (isCode(target.piece.section)) return target.definition?.name;
      if (seen.has(target.piece.section)) continue;
      seen.add(target.piece.section);
      waiting.push(target.piece);
    }
  }
  return undefined;
}
