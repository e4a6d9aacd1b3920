// What applying and reverting have in common: the process is locked, what an earlier tool left half done is settled, and
// whatever fails is undone without hiding why it failed.

import { SutureError } from "../errors.ts";
import type { TracerClient } from "../tracer.ts";
import type { LedgerFunction, LedgerPatch } from "./ledger-records.ts";
import { lockProcess } from "./lock.ts";
import { openProcess } from "./open-process.ts";
import type { OpenProcess } from "./open-process.ts";
import { settle } from "./settle.ts";
import type { SettledPatch } from "./settle.ts";
import type { FunctionReport, StopReport, TransactionResult } from "./types.ts";

/** The process is ours to change until `work` is done. Refuses: locked, bad-ledger, unfinished-transaction, and what describing a process refuses. */
export async function withLockedProcess<Result>(
  tracer: TracerClient,
  pid: number,
  work: (open: OpenProcess, settled: readonly SettledPatch[]) => Promise<Result>,
): Promise<Result> {
  const { startTime } = await tracer.describeProcess(pid);
  const process = { pid, startTime };
  await using _lock = await lockProcess(process);
  const open = await openProcess(tracer, process);
  const settled = await settle(open);
  return await work(settled.length === 0 ? open : await openProcess(tracer, process), settled);
}

/** Runs `undo` when `work` fails. A process that has ended needs no undoing. */
export async function undoingOnFailure<Result>(work: () => Promise<Result>, undo: () => Promise<void>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isGone(error)) await undo().catch((second: unknown) => { throw explainBoth(error, second); });
    throw error;
  }
}

const isGone = (error: unknown): boolean => error instanceof SutureError && (error.kind === "process-gone" || error.kind === "no-such-process");

function explainBoth(first: unknown, second: unknown): unknown {
  if (!(first instanceof Error) || !(second instanceof Error) || isGone(second)) return first;
  if (second.message === first.message) return first;
  return new SutureError("unfinished-transaction", `${first.message}; and it could not be undone: ${second.message}`, {}, { cause: first });
}

const reportFunction = ({ name, unit, module, old, new: replacement }: LedgerFunction): FunctionReport => ({ name, unit, module, old, new: replacement });

export const reportFunctions = ({ functions }: LedgerPatch): readonly FunctionReport[] => functions.map(reportFunction);

export const resultOf = (result: TransactionResult["result"], pid: number, patch: LedgerPatch, stop: StopReport, { isMemoryKept = false } = {}): TransactionResult => ({
  result, patch: { name: patch.name, digest: patch.digest }, stop,
  processes: [{ pid, functions: reportFunctions(patch), ...(isMemoryKept ? { memoryKept: true } : {}) }],
});
