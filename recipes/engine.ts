// The engine as recipes see it: the same calls that the subcommands make, on the helper of the session that runs the
// recipe. Results are the documented ones.

import { readFile } from "node:fs/promises";
import {
  activatePatch, applyPatch, createPatchImage, deactivatePatch, explainUnreadable, listPatches, loadPatch, readDiff, recoverProcess, revertPatch, SutureError, unloadPatch, verifyPatches,
  type CreatedPatch, type CreateOptions, type PatchedProcess, type Processes, type ProcessSelection, type RecoveryReport, type ThreadDescription, type ThreadStack, type TracerClient,
  type TransactionOptions, type TransactionResult, type VerifyReport,
} from "../native/mod.ts";

/** A patch, by the path of its image file, its bytes, or as `build` returned it. */
export type PatchSource = string | Uint8Array | CreatedPatch;

/** One process by its pid; or several, in one stop, as `--pid`, `--tree` and `--exe` choose them. */
export type ProcessOptions = TransactionOptions & ({ readonly pid: number } | ProcessSelection);

export interface RecipeEngine {
  /** Makes one patch of the diff files. */
  readonly build: (diffs: readonly string[], options: CreateOptions) => Promise<CreatedPatch>;
  readonly apply: (patch: PatchSource, options: ProcessOptions) => Promise<TransactionResult>;
  /** Takes the patch of this name back. */
  readonly revert: (name: string, options: ProcessOptions) => Promise<TransactionResult>;
  /** The steps that `apply` and `revert` are made of. */
  readonly load: (patch: PatchSource, options: ProcessOptions) => Promise<TransactionResult>;
  readonly activate: (name: string, options: ProcessOptions) => Promise<TransactionResult>;
  readonly deactivate: (name: string, options: ProcessOptions) => Promise<TransactionResult>;
  readonly unload: (name: string, options: ProcessOptions) => Promise<TransactionResult>;
  /** Of one process, or of every process that carries patches. */
  readonly list: (pid?: number) => Promise<readonly PatchedProcess[]>;
  readonly verify: (pid: number) => Promise<VerifyReport>;
  /** Finishes or undoes what an interrupted run began. */
  readonly recover: (pid: number) => Promise<RecoveryReport>;
  readonly threads: (pid: number) => Promise<readonly ThreadDescription[]>;
  /** One short stop; unwound from the copy. */
  readonly stacks: (pid: number) => Promise<readonly ThreadStack[]>;
}

/** `tracer` is asked for only by calls that need it. */
export function createRecipeEngine(tracer: () => Promise<TracerClient>): RecipeEngine {
  return {
    build: (diffs, options) => fromHere(async () => createPatchImage(await tracer(), await Promise.all(diffs.map(readDiff)), options)),
    apply: (patch, options) => fromHere(async () => applyPatch(await tracer(), await imageBytes(patch), processesOf(options), options)),
    revert: (name, options) => fromHere(async () => revertPatch(await tracer(), name, processesOf(options), options)),
    load: (patch, options) => fromHere(async () => loadPatch(await tracer(), await imageBytes(patch), processesOf(options), options)),
    activate: (name, options) => fromHere(async () => activatePatch(await tracer(), name, processesOf(options), options)),
    deactivate: (name, options) => fromHere(async () => deactivatePatch(await tracer(), name, processesOf(options), options)),
    unload: (name, options) => fromHere(async () => unloadPatch(await tracer(), name, processesOf(options), options)),
    list: (pid) => fromHere(async () => listPatches(await tracer(), pid)),
    verify: (pid) => fromHere(async () => verifyPatches(await tracer(), pid)),
    recover: (pid) => fromHere(async () => recoverProcess(await tracer(), pid)),
    threads: (pid) => fromHere(async () => (await tracer()).listThreads(pid)),
    stacks: (pid) => fromHere(async () => (await (await tracer()).stacks(pid)).threads),
  };
}

const processesOf = (options: ProcessOptions): Processes => ("pid" in options ? options.pid : options);

/** An error that comes back from the helper knows nothing of the recipe: the place of the call is added to its stack. */
async function fromHere<Result>(work: () => Promise<Result>): Promise<Result> {
  const here = new Error("called");
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error) error.stack = `${error.stack ?? error.message}\n${here.stack ?? ""}`;
    throw error;
  }
}

async function imageBytes(patch: PatchSource): Promise<Uint8Array> {
  if (patch instanceof Uint8Array) return patch;
  if (typeof patch !== "string") return patch.image;
  return readFile(patch).catch((cause: NodeJS.ErrnoException) => {
    throw new SutureError("file-not-found", `Cannot read patch image ${patch}: ${explainUnreadable(cause)}`, { path: patch }, { cause });
  });
}
