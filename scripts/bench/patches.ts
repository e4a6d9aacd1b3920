// Patches for the targets of the benchmarks, made by the Creator as anybody's would be.

import { join } from "node:path";
import { createPatchImage, readDiff, type Tracer } from "../../native/mod.ts";
import type { CompiledTarget } from "../../test/support/mod.ts";

export interface BuiltPatch {
  readonly name: string;
  readonly image: Uint8Array;
}

/** `diff`: a file beside the source of the target. */
export async function buildPatch(tracer: Tracer, { program, sourceDirectory, compileCommands }: CompiledTarget, diff: string): Promise<BuiltPatch> {
  const created = await createPatchImage(tracer, [await readDiff(join(sourceDirectory, diff))], { source: sourceDirectory, target: program, compileCommands });
  return { name: created.manifest.name, image: created.image };
}
