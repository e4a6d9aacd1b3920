// What all steps have in common: the process is locked, what an earlier tool left half done is settled, and all of them say what
// they did in the same words.

import type { TracerClient } from "../tracer.ts";
import { Attempts } from "./attempts.ts";
import { unlessEnded } from "./forked.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerFunction, LedgerPatch } from "./ledger-records.ts";
import { lockProcess } from "./lock.ts";
import { openProcess } from "./open-process.ts";
import type { OpenProcess } from "./open-process.ts";
import { describeOnceUntraced, onceUntraced } from "./our-tracers.ts";
import type { ChosenProcess } from "./processes.ts";
import { refuse } from "./refusal.ts";
import { settle } from "./settle.ts";
import type { SettledPatch } from "./settle.ts";
import type { FunctionReport, ProcessReport, StopReport, TransactionResult, ValueReport } from "./types.ts";

/** The process is ours to change until `work` is done. Refuses: locked, bad-ledger, unfinished-transaction, and what describing a process refuses. */
export async function withLockedProcess<Result>(
  tracer: TracerClient,
  { pid, startTime }: ProcessIdentity,
  work: (open: OpenProcess, settled: readonly SettledPatch[]) => Promise<Result>,
): Promise<Result> {
  const process = await identify(tracer, pid, startTime);
  await using _lock = await lockProcess(process);
  const { open, settled } = await openSettled(tracer, process);
  return await work(open, settled);
}

/** All of them, or none; in the order of their pids, so that two tools never wait for each other. Who ended meanwhile is left out. */
export async function withLockedProcesses<Result>(tracer: TracerClient, chosen: readonly ChosenProcess[], work: (opens: readonly OpenProcess[]) => Promise<Result>): Promise<Result> {
  const locks: AsyncDisposable[] = [];
  try {
    const locked: { readonly each: ChosenProcess; readonly process: ProcessIdentity }[] = [];
    for (const each of chosen) {
      const process = await unlessEnded(each, () => identify(tracer, each.pid, each.startTime));
      if (process === undefined) continue;
      const lock = await unlessEnded(each, () => lockProcess(process));
      if (lock === undefined) continue;
      locks.push(lock);
      locked.push({ each, process });
    }
    const opens: OpenProcess[] = [];
    for (const { each, process } of locked) {
      const opened = await unlessEnded(each, () => openSettled(tracer, process, each));
      if (opened !== undefined) opens.push(opened.open);
    }
    if (opens.length === 0) throw refuse("process-gone", "work on the processes that were chosen", "all of them have ended");
    return await work(opens);
  } finally {
    for (const lock of locks.reverse()) await lock[Symbol.asyncDispose]();
  }
}

/** Once for each transaction: whoever has the number later is somebody else. `chosen`: when the one that was chosen started; 0 if it could not be looked at. */
async function identify(tracer: TracerClient, pid: number, chosen: bigint): Promise<ProcessIdentity> {
  const { startTime } = await describeOnceUntraced(tracer, pid);
  if (chosen !== 0n && startTime !== chosen) throw refuse("process-gone", `work on pid ${pid}`, "it has ended and another process has its number", { pid });
  return { pid, startTime };
}

async function openSettled(tracer: TracerClient, process: ProcessIdentity, chosen?: ChosenProcess): Promise<{ readonly open: OpenProcess; readonly settled: readonly SettledPatch[] }> {
  const reopen = (): Promise<OpenProcess> => onceUntraced(process.pid, () => openProcess(tracer, process, chosen));
  const open = await reopen();
  const { patches, hasChanged } = await settle(open);
  return { open: hasChanged ? await reopen() : open, settled: patches };
}

/** `work` in each process; in those that nobody named and that end meanwhile it does not count. */
export async function inEach<Each extends { readonly open: OpenProcess }, Result>(all: readonly Each[], work: (each: Each) => Promise<Result>): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const each of all) {
    const { chosen } = each.open;
    const result = chosen === undefined ? await work(each) : await unlessEnded(chosen, () => work(each));
    if (result !== undefined) results.push(result);
  }
  return results;
}

const reportFunction = ({ name, unit, module, old, new: replacement }: LedgerFunction): FunctionReport => ({ name, unit, module, old, new: replacement });

export const reportFunctions = ({ functions }: LedgerPatch): readonly FunctionReport[] => functions.map(reportFunction);

interface Patched {
  readonly open: OpenProcess;
  readonly patch: LedgerPatch;
}

/** What one process has to say about a transaction. */
export const reportOf = ({ open: { process: { pid } }, patch }: Patched): ProcessReport => ({ pid, functions: reportFunctions(patch) });

export function failuresOf(failedCallbacks: ReadonlyMap<number, NonNullable<ProcessReport["failedCallbacks"]>>, { open: { process: { pid } } }: Patched): Pick<ProcessReport, "failedCallbacks"> {
  const failed = failedCallbacks.get(pid);
  return failed === undefined ? {} : { failedCallbacks: failed };
}

/** What of it there is to say about the variables that patches set. */
export function valuesOf(values: ReadonlyMap<number, readonly ValueReport[]>, { open: { process: { pid } } }: Pick<Patched, "open">): Pick<ProcessReport, "values"> {
  const own = values.get(pid) ?? [];
  return own.length === 0 ? {} : { values: own };
}

const noStop: StopReport = new Attempts().report();

/** `patched` is where the patch was when it began. */
export function resultOf(result: TransactionResult["result"], [first]: readonly Patched[], processes: readonly ProcessReport[], stop: StopReport = noStop): TransactionResult {
  if (first === undefined) throw refuse("process-gone", "work on the processes that were chosen", "all of them have ended");
  return { result, patch: { name: first.patch.name, digest: first.patch.digest }, processes, stop };
}

/** `pid 4242`, `pids 4242, 4243 and 5 more`. */
export function namePids(opens: readonly OpenProcess[]): string {
  const pids = opens.map(({ process: { pid } }) => `${pid}`);
  if (pids.length <= 1) return `pid ${pids.join("")}`;
  return `pids ${pids.slice(0, 3).join(", ")}${pids.length > 3 ? ` and ${pids.length - 3} more` : ""}`;
}
