// What every subcommand gives back: one union, so that turning results into text and into JSON are two exhaustive
// switches and a new command cannot be forgotten in either.

import type {
  Address, ExitCode, FileAddress, FunctionDisassembly, PatchManifest, PatchedProcess, RecoveryReport, StopFigures, ThreadDescription, TransactionResult, Verdict, VerifyReport,
} from "../native/mod.ts";
import type { ParameterDescription, RecipeResult } from "../recipes/mod.ts";

export type CommandResult =
  | { readonly type: "built"; readonly built: BuildResult }
  | { readonly type: "captured"; readonly captured: CaptureResult }
  | { readonly type: "inspected"; readonly inspected: InspectResult }
  | { readonly type: "transaction"; readonly transaction: TransactionResult }
  | { readonly type: "watched"; readonly watched: WatchResult }
  | { readonly type: "list"; readonly processes: readonly PatchedProcess[] }
  | { readonly type: "verified"; readonly verified: VerifyReport }
  | { readonly type: "verified-several"; readonly reports: readonly VerifyReport[] }
  | { readonly type: "recovered"; readonly recovered: RecoveryReport }
  | { readonly type: "recovered-several"; readonly reports: readonly RecoveryReport[] }
  | { readonly type: "threads"; readonly threads: ThreadsResult }
  | { readonly type: "stacks"; readonly stacks: StacksResult }
  | { readonly type: "symbols"; readonly symbols: SymbolsResult }
  | { readonly type: "debug"; readonly debug: DebugResult }
  | { readonly type: "patchability"; readonly functions: readonly PatchabilityResult[] }
  | { readonly type: "recipe"; readonly recipe: RecipeResult }
  | { readonly type: "completion"; readonly completion: { readonly shell: string; readonly script: string } }
  | { readonly type: "recipe-help"; readonly help: RecipeDescription };

/** `suture build`. */
export interface BuildResult {
  readonly result: "built";
  readonly patch: { readonly name: string; readonly digest: string };
  readonly output: string;
  readonly functions: readonly RedirectedFunction[];
  readonly added: readonly { readonly name: string; readonly unit: string }[];
  /** Names of the variables that it sets. */
  readonly values: readonly string[];
  readonly units: readonly string[];
  /** Parts of the diffs that are no part of the patch, fuzz that a diff needed. */
  readonly notes: readonly string[];
  readonly milliseconds: number;
}

export interface RedirectedFunction {
  readonly name: string;
  readonly unit: string;
  readonly module: string;
  readonly old: FileAddress;
  readonly reason: string;
  readonly warnings: readonly string[];
}

/** `suture capture`. */
export interface CaptureResult {
  readonly result: "captured";
  readonly output: string;
  readonly units: number;
}

/** `suture inspect`: the manifest of an image and what identifies its file. */
export interface InspectResult {
  readonly file: string;
  readonly bytes: number;
  readonly digest: string;
  readonly manifest: PatchManifest;
  /** Of these, debug information and what it refers to. */
  readonly debugBytes: number;
  /** The diffs are to be shown. */
  readonly withDiffs?: boolean;
  /** Old code against new, where it was asked for. */
  readonly disassembly?: readonly FunctionDisassembly[];
}

/** `suture watch`, when it was told to stop: how often each came about. */
export interface WatchResult {
  readonly result: "watched";
  readonly patch: { readonly name: string; readonly digest: string };
  readonly applied: number;
  readonly carried: number;
  readonly failed: number;
}

/** `suture threads`. */
export interface ThreadsResult {
  readonly pid: number;
  readonly threads: readonly ThreadDescription[];
}

/** `suture stack`: copies taken in one short stop, innermost frame first. */
export interface StacksResult {
  readonly pid: number;
  readonly stop: StopFigures;
  readonly threads: readonly StackResult[];
}

export interface StackResult extends ThreadDescription {
  /** The outermost frame was reached. */
  readonly complete: boolean;
  readonly frames: readonly { readonly at: Address; readonly function: string }[];
}

/** `suture symbols`: functions and variables where they are in the process now. */
export interface SymbolsResult {
  readonly pid: number;
  readonly symbols: readonly SymbolResult[];
}

export interface SymbolResult {
  readonly name: string;
  readonly at: Address;
  readonly size: number;
  readonly type: "function" | "variable";
  readonly module: string;
}

/** `suture debug`: what gdb and perf are told, so that they name patched code and show its lines. */
export interface DebugResult {
  /** Of a process, or of a core dump. */
  readonly pid?: number;
  readonly core?: string;
  readonly patches: readonly DebuggedPatch[];
  /** Where `--output` has put files. */
  readonly written?: { readonly directory: string; readonly gdb: string; readonly perf: string };
}

export interface DebuggedPatch {
  readonly patch: string;
  /** Where the ELF file of the patch lies in memory. */
  readonly base: Address;
  readonly functions: readonly string[];
  readonly hasLines: boolean;
  /** A copy of it. */
  readonly file?: string;
}

/** `suture patchability`, for one function. */
export interface PatchabilityResult {
  readonly name: string;
  readonly verdict: Verdict;
  /** Path of the unit that defines it, as its debug information has it. */
  readonly unit?: string;
  readonly entry?: FileAddress;
  readonly size?: number;
  readonly reasons: readonly { readonly kind: string; readonly text: string }[];
}

/** `suture run RECIPE.ts --help`. */
export interface RecipeDescription {
  readonly name: string;
  readonly description: string;
  readonly file: string;
  readonly parameters: readonly (ParameterDescription & { readonly name: string; readonly option: string })[];
}

/** What a command hands to the program that prints it and ends with `exitCode`. */
export interface CommandOutcome {
  /** Absent when the command has already said all there is, as the interactive shell has. */
  readonly result?: CommandResult;
  /** Default 0. Only for results that are an answer and a failure at once, as `verify`'s can be. */
  readonly exitCode?: ExitCode;
}
