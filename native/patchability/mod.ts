// Can a function be patched, and why not; and the program as its file and debug information state it. Reads files,
// never a process.

export { beginOpening, openProgram } from "./program.ts";
export type { OpeningProgram, Program, SourceRecord } from "./program.ts";
export type { ProgramFunction } from "./functions.ts";
export type { ProgramSymbol } from "./symbols.ts";
export { unitPath, unitsNamed } from "./units.ts";
export { paddingLength } from "./padding.ts";
export { readAhead, redirectLength, redirectSite } from "./redirect.ts";
export type { RedirectAnswer, RedirectRefusal, RedirectSite } from "./redirect.ts";
export { explainFunction, explainPatchability, requirePatchable, warningsFor } from "./explain.ts";
export type { CautionKind, ObstacleKind, Patchability, PatchabilityReason, Verdict } from "./explain.ts";
