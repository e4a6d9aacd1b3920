// The Loader: puts patches into a running process, takes them back, and tells what is there. The only room that changes
// a process.

export { applyPatch } from "./apply.ts";
export { revertPatch } from "./revert.ts";
export { loadPatch } from "./load.ts";
export { activatePatch } from "./activate.ts";
export { deactivatePatch } from "./deactivate.ts";
export { unloadPatch } from "./unload.ts";
export { listAllPatches, listPatches } from "./list.ts";
export { verifyPatches } from "./verify.ts";
export { debugFilesOf, debugFilesOfCore } from "./debug-files.ts";
export type { DebugFile } from "./debug-files.ts";
export { watchPrograms } from "./watch.ts";
export type { WatchEvent, WatchOptions } from "./watch.ts";
export { recoverProcess } from "./recover.ts";
export type { RecoveryReport } from "./recover.ts";
export type { SettledPatch } from "./settle.ts";
export { chooseProcesses } from "./processes.ts";
export type { ChosenProcess, Processes, ProcessSelection } from "./processes.ts";
export type * from "./types.ts";
