// From diffs and a source tree to object pairs: every unit that the diffs reach, compiled as it was and as patched.

import { SutureError } from "../errors.ts";
import type { CreateOptions, ObjectPair, SourceDiff } from "./types.ts";
import type { UnitFilter } from "./units.ts";

/** The units of a patch as objects. Disposing it removes the temporary files; `plain()` works until then. */
export interface ObjectPairs extends AsyncDisposable {
  readonly pairs: readonly ObjectPair[];
}

/** Compiles the units that the diffs reach, both ways. `keep` leaves out units before they are compiled. */
export async function compileObjectPairs(
  options: CreateOptions,
  diffs: readonly SourceDiff[],
  keep: UnitFilter = (units) => units,
): Promise<ObjectPairs> {
  void options, diffs, keep;
  throw new SutureError("internal", "Cannot compile: not there yet");
}
