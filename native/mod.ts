// The door of the engine: everything that programs, recipes and the shell may use of it.

export * from "./address.ts";
export * from "./errors.ts";
export { Tracer } from "./tracer.ts";
export type * from "./tracer.ts";
export * from "./image/mod.ts";
export { captureCompileCommands, createPatchImage, createReplacementImage, diffSourceTrees, disassemblePatch, readDiff, splitShellWords } from "./create/mod.ts";
export type { CreatedPatch, CreateOptions, CreateProgress, FunctionDisassembly, OldCode, Replacement, SourceDiff } from "./create/mod.ts";
export { activatePatch, applyPatch, chooseProcesses, deactivatePatch, debugFilesOf, debugFilesOfCore, listAllPatches, listPatches, loadPatch, recoverProcess, revertPatch, unloadPatch, verifyPatches, watchPrograms } from "./patch/mod.ts";
export type {
  Blocker, BlockingStack, BlockingThread, ChosenProcess, DebugFile, FunctionOnStack, FunctionReport, ListedPatch, PatchedMachine, PatchedProcess, PatchState, Processes, ProcessReport, ProcessSelection, RecoveryReport, SettledPatch, StopReport, TransactionOptions,
  TransactionProgress, TransactionResult, ValueReport, VerifiedFunction, VerifiedValue, VerifyReport, WatchEvent, WatchOptions,
} from "./patch/mod.ts";
export { findDynamicSymbol, moduleAt, nameAt, openTarget } from "./target/mod.ts";
export type { FoundSymbol, Mapping, Module, Target } from "./target/mod.ts";
export { explainPatchability, openProgram } from "./patchability/mod.ts";
export type { Patchability, PatchabilityReason, Program, ProgramFunction, Verdict } from "./patchability/mod.ts";
export type { ElfFile, ElfSymbol } from "./elf/mod.ts";
