// What the Loader returns, as programs see it. These shapes are the documented JSON of `apply`, `revert`, of the steps that
// they are made of, of `list` and `verify`: changing one is a change of the interface.

import type { Address } from "../address.ts";
import type { CallbackMoment } from "../image/mod.ts";

export interface TransactionOptions {
  /** How long to go on trying while threads stand in the functions. Milliseconds. Default 5000. */
  readonly timeout?: number;
  /** Longest stop before everyone is let go and nothing was written. Microseconds. Default: by number of threads. */
  readonly maxStop?: number;
  /**
   * Where frames of the functions are looked for. `heap`: beside the threads' stacks in all memory that can be written, where
   * coroutines wait that no thread is on. Default: stacks.
   */
  readonly scan?: "stacks" | "heap";
  /** Stage and check, redirect nothing, give everything back. */
  readonly dryRun?: boolean;
  /** Applying and activating: all patches that are active go in the same stop. */
  readonly replace?: boolean;
  /**
   * Applying and activating: calls of these functions that are under way do not count; they go on in the old code. Only the bytes
   * that are overwritten are still seen to. Kept in the ledger.
   */
  readonly forceActive?: readonly string[];
  readonly onProgress?: (progress: TransactionProgress) => void;
  /** Aborted: no further attempt is made, and what was staged is given back. */
  readonly signal?: AbortSignal;
}

export type TransactionProgress =
  | { readonly step: "staged"; readonly pid: number; readonly bytes: number }
  | { readonly step: "blocked"; readonly attempt: number; readonly blockers: readonly Blocker[] }
  | { readonly step: "over-budget"; readonly attempt: number }
  | { readonly step: "committed" | "reverted" | "activated" | "deactivated" | "unloaded"; readonly attempt: number };

/** Who stands in the way: a thread, or a stack that no thread is on. */
export type Blocker = BlockingThread | BlockingStack;

export type BlockingThread = {
  readonly pid: number;
  readonly tid: number;
  readonly thread: string;
  /** It runs or has run a moment ago; else it is asleep. */
  readonly working: boolean;
  /** In how many tries of this transaction it was looked at. */
  readonly tries: number;
  /** Function names, innermost first; hex where nobody knows a name. */
  readonly stack: readonly string[];
} & (
  /** `function`: the innermost of `functions`. */
  | { readonly reason: "in-use"; readonly function: string; readonly functions: readonly [FunctionOnStack, ...FunctionOnStack[]] }
  | { readonly reason: "unreliable-stack" }
  | { readonly reason: "not-stopped" }
);

/** One that is about to be replaced, and in how many of the tries it stood on the thread's stack. */
export interface FunctionOnStack {
  readonly function: string;
  readonly tries: number;
  /** In so many of these the thread was at work, not asleep. */
  readonly working: number;
}

/** A word in memory that returns into a function and lies on no thread's stack: a coroutine's that is suspended. */
export interface BlockingStack {
  readonly pid: number;
  readonly reason: "in-memory";
  readonly function: string;
  readonly at: Address;
  /** What it lies in, as the process's list of mappings has it. */
  readonly mapping: string;
}

/** How long threads were held, the worst thread of each sort, in microseconds. No attempts: loading makes no stop. */
export interface StopReport {
  /** By the last attempt, which is the one that committed if any did. */
  readonly workingMicroseconds: number;
  readonly sleepingMicroseconds: number;
  readonly attempts: number;
  /** By any attempt, those that ended with nothing written too. */
  readonly worstWorkingMicroseconds: number;
  readonly worstSleepingMicroseconds: number;
}

export interface ProcessReport {
  readonly pid: number;
  readonly functions: readonly FunctionReport[];
  /** What became of the variables that the patch, or one that went with it, sets. */
  readonly values?: readonly ValueReport[];
  /** Reverted, but the process still refers to something in the patch: its memory stays until that has changed. */
  readonly memoryKept?: true;
  /** Functions that an older patch has redirected: this one wins wholly, nothing of the older one's fix to them runs. */
  readonly covers?: readonly { readonly function: string; readonly patch: string }[];
  /** The program switches coroutines, and only the stacks of threads were looked at: a suspended one may be in the old code. */
  readonly unseenCoroutines?: true;
  /** Functions whose calls that were under way went on in the old code, if there were any, by the caller's choice. */
  readonly forced?: readonly string[];
  /** The patches that went in the same stop. */
  readonly replaced?: readonly string[];
  /** Callbacks of the patch, other than pre-patch, that did not do their work. */
  readonly failedCallbacks?: readonly FailedCallback[];
  /** It was forked from one of the others in the middle, and brought to the same state afterwards. */
  readonly forkedMeanwhile?: true;
}

export interface FailedCallback {
  readonly when: CallbackMoment;
  readonly function: string;
  /** In words: "crashed with signal 11". */
  readonly outcome: string;
}

export interface FunctionReport {
  readonly name: string;
  readonly unit: string;
  readonly module: string;
  readonly old: Address;
  readonly new: Address;
}

/** `left`: a patch that goes found another value than the one it had set, and did not touch it. */
export interface ValueReport {
  readonly name: string;
  readonly module: string;
  readonly patch: string;
  readonly at: Address;
  readonly outcome: "set" | "restored" | "left";
  /** What the variable holds now. */
  readonly value: Uint8Array;
}

export interface TransactionResult {
  readonly result: "committed" | "reverted" | "loaded" | "activated" | "deactivated" | "unloaded" | "checked";
  readonly patch: { readonly name: string; readonly digest: string };
  readonly processes: readonly ProcessReport[];
  readonly stop: StopReport;
}

/**
 * `loaded`: inactive, and to stay until it is unloaded. `staged`: inactive, left by a run that died. `retired`: reverted, its
 * memory is kept because the process still refers to it.
 */
export type PatchState = "staged" | "loaded" | "active" | "activating" | "deactivating" | "retired";

export interface ListedPatch {
  readonly name: string;
  readonly state: PatchState;
  readonly digest: string;
  readonly functions: readonly FunctionReport[];
  /** Names of the variables that it sets. */
  readonly values?: readonly string[];
  /** The ELF file of each of its mappings, for debuggers and profilers (as root), and where it is mapped. */
  readonly symbols?: readonly { readonly file: string; readonly base: Address }[];
  /** It was activated although calls of these may have been under way. */
  readonly forced?: readonly string[];
  /** It was built without the proof (--no-proof): so many functions of its units have other code in the program. */
  readonly unproved?: number;
}

export interface PatchedProcess {
  readonly pid: number;
  readonly program: string;
  readonly patches: readonly ListedPatch[];
  /** Why nothing is known about this process; only in a list of all processes. */
  readonly problem?: string;
}

export interface PatchedMachine {
  readonly processes: readonly PatchedProcess[];
  /** How many processes may not be looked into. */
  readonly hidden: number;
}

export interface VerifiedFunction {
  readonly name: string;
  readonly patch: string;
  readonly at: Address;
  readonly matches: boolean;
  readonly expected: Uint8Array;
  readonly found: Uint8Array;
}

/** The program may change a variable at any time: what it holds is told, and is no mismatch. */
export interface VerifiedValue {
  readonly name: string;
  readonly at: Address;
  readonly holds: "new" | "old" | "other";
  readonly found: Uint8Array;
}

export interface VerifyReport {
  readonly pid: number;
  readonly program: string;
  /** Every byte is what the ledger says. */
  readonly verified: boolean;
  /** Why nothing could be verified; only among all processes. */
  readonly problem?: string;
  readonly patches: readonly { readonly name: string; readonly state: PatchState; readonly functions: readonly VerifiedFunction[]; readonly values: readonly VerifiedValue[]; readonly codeMatches: boolean; readonly unproved?: number }[];
}
