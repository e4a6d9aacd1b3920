// The Creator's door: from source diffs to a patch image.

export { captureCompileCommands } from "./capture.ts";
export type { CaptureOptions } from "./capture.ts";
export { createPatchImage } from "./create.ts";
export { readDiff } from "./diff.ts";
export type { CreatedPatch, CreateOptions, CreateProgress, SourceDiff } from "./types.ts";
