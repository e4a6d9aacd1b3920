// The Creator's door: from source diffs to a patch image.

export { createReplacementImage } from "./by-hand.ts";
export type { Replacement, ReplacementOptions } from "./by-hand.ts";
export { captureCompileCommands } from "./capture.ts";
export type { CaptureOptions } from "./capture.ts";
export { createPatchImage } from "./create.ts";
export { readDiff } from "./diff.ts";
export { disassemblePatch } from "./disassembly.ts";
export type { FunctionDisassembly, OldCode } from "./disassembly.ts";
export { splitShellWords } from "./shell-words.ts";
export { diffSourceTrees } from "./tree-diff.ts";
export type { CreatedPatch, CreateOptions, CreateProgress, SourceDiff } from "./types.ts";
