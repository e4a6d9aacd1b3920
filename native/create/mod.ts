// The Creator's door: from source diffs to a patch image.

export { createPatchImage } from "./create.ts";
export { readDiff } from "./diff.ts";
export type { CreatedPatch, CreateOptions, CreateProgress, SourceDiff } from "./types.ts";
