// Reverts a patch: the transition of applying with the target state swapped, and then its memory is given back. In one
// process or in several: all of them, or none.

import { SutureError } from "../errors.ts";
import type { TracerClient } from "../tracer.ts";
import { bytesMismatch } from "./check.ts";
import { readEntries } from "./entries.ts";
import { codeOf } from "./forbidden.ts";
import { followForks } from "./forked.ts";
import { dropEmptyLedger, ensureLedger } from "./ledger.ts";
import type { Ledger, PreparedRecord } from "./ledger.ts";
import type { LedgerFunction, LedgerPatch } from "./ledger-records.ts";
import { listPatches } from "./list.ts";
import type { OpenProcess } from "./open-process.ts";
import { chooseProcesses, selectionOf } from "./processes.ts";
import type { ChosenProcess, Processes } from "./processes.ts";
import { refuse } from "./refusal.ts";
import { releasePatch } from "./release.ts";
import { planEntries } from "./stacking.ts";
import { identityOf, inEach, namePids, reportOf, undoInEach, undoingOnFailure, withLockedProcesses } from "./transaction.ts";
import { switchCode } from "./transition.ts";
import type { Switch, SwitchReport } from "./transition.ts";
import type { ProcessReport, TransactionOptions, TransactionResult } from "./types.ts";

/**
 * Puts the old functions back in one stop in which no thread is in the patch's code, and unmaps it, unless the process
 * still refers to something in it; with the last patch the ledger goes too. With `dryRun` only that stop is made, and nothing is changed.
 */
export async function revertPatch(tracer: TracerClient, name: string, processes: Processes, options: TransactionOptions = {}): Promise<TransactionResult> {
  const selection = selectionOf(processes);
  const result = await revertFrom(tracer, name, await chooseProcesses(selection), options);
  if (result.result !== "reverted") return result;
  options.onProgress?.({ step: "reverted", attempt: result.stop.attempts });
  return followForks(selection, `revert patch "${name}"`, result, {
    isDone: async (pid) => !await carries(tracer, pid, name),
    change: (chosen) => revertFrom(tracer, name, [chosen], options).catch(unlessSettled),
  });
}

/** A worker that was forked between the switch and the end carries an inactive patch, which settling takes away. */
function unlessSettled(error: unknown): undefined {
  if (!(error instanceof SutureError) || error.kind !== "no-such-patch") throw error;
}

async function carries(tracer: TracerClient, pid: number, name: string): Promise<boolean> {
  const [listed] = await listPatches(tracer, pid);
  return listed?.patches.some((patch) => patch.name === name && patch.state !== "retired") ?? false;
}

interface Carrying {
  readonly open: OpenProcess;
  readonly patch: LedgerPatch;
}

/** Of processes that nobody named, those that carry it. Refuses: no-such-patch, and what reverting refuses. */
export function revertFrom(tracer: TracerClient, name: string, chosen: readonly ChosenProcess[], options: TransactionOptions): Promise<TransactionResult> {
  return withLockedProcesses(tracer, chosen, async (opens) => {
    const carrying = findCarriers(opens, name);
    await inEach(carrying, checkEntries);
    if (options.dryRun) return rehearse(carrying, options);
    const begun: Begun[] = [];
    const { stop, switched } = await undoingOnFailure(async () => {
      await inEach(carrying, async (each) => { begun.push(await begin(each)); });
      return deactivate(begun, options);
    }, () => undoInEach(begun, ({ ledger }) => ledger.append({ record: "active", name })));
    return resultOf("reverted", await inEach(begun.filter((each) => isIn(switched, each)), release), carrying, stop);
  });
}

function findCarriers(opens: readonly OpenProcess[], name: string): readonly Carrying[] {
  const isAnyone = opens.some(({ ledger }) => ledger?.find(name) !== undefined);
  const meant = opens.filter(({ chosen, ledger }) => chosen?.isNamed !== false || !isAnyone || ledger?.find(name) !== undefined);
  return meant.map((open) => ({ open, patch: findPatch(open, name) }));
}

function findPatch({ ledger, process: { pid } }: OpenProcess, name: string): LedgerPatch {
  const found = ledger?.find(name)?.patch;
  if (found !== undefined) return found;
  const applied = (ledger?.patches ?? []).map(({ patch }) => patch.name);
  const others = applied.length === 0 ? "no patch is applied" : `applied are ${applied.map((each) => `"${each}"`).join(", ")}`;
  throw refuse("no-such-patch", `revert patch "${name}" of pid ${pid}`, others, { pid, patch: name, applied });
}

/** Bytes that are not ours are not ours to overwrite. */
async function checkEntries({ open: { tracer, process, ledger }, patch }: Carrying): Promise<void> {
  for (const { function: each, found, holds } of await readEntries(tracer, process, { functions: entriesOf(patch, ledger) })) {
    if (holds !== "old") throw bytesMismatch(`revert patch "${patch.name}" of pid ${process.pid}`, `function ${each.name}`, each.at, each.saved, found);
  }
}

/** Those that a newer patch has taken over stay as they are; what that one would restore changes with the ledger's record. */
const entriesOf = (patch: LedgerPatch, ledger: Ledger | undefined): readonly LedgerFunction[] =>
  planEntries(ledger?.patches ?? [], { incoming: [], outgoing: [patch] });

interface Begun extends Carrying {
  readonly ledger: Ledger;
}

async function begin({ open, patch }: Carrying): Promise<Begun> {
  const ledger = await ensureLedger(open.tracer, open.target, open.process, open.ledger, 0);
  await ledger.append({ record: "deactivating", name: patch.name });
  return { open, patch, ledger };
}

async function deactivate(begun: readonly Begun[], options: TransactionOptions): Promise<SwitchReport> {
  const prepared = await inEach(begun, prepare);
  const report = await switchFrom(prepared.map(({ change }) => change), begun, options);
  for (const { record } of prepared.filter((each) => isIn(report.switched, each))) record.sealed();
  return report;
}

interface Prepared extends Begun {
  readonly record: PreparedRecord;
  readonly change: Switch;
}

async function prepare(begun: Begun): Promise<Prepared> {
  const { ledger, patch } = begun;
  const record = await ledger.prepare({ record: "inactive", name: patch.name });
  const entries = entriesOf(patch, ledger).map((each) => ({ at: each.at, expected: each.saved, replacement: each.jump, entry: true, of: `function ${each.name}` }));
  return { ...begun, record, change: changeOf(begun, [...entries, { ...record.seal, of: "the ledger" }]) };
}

async function release({ open, patch, ledger }: Begun): Promise<ProcessReport> {
  const isMemoryKept = await releasePatch(open, ledger, patch) === "retired";
  await dropEmptyLedger(open.tracer, open.process, ledger);
  return { ...reportOf(open, patch), ...(isMemoryKept ? { memoryKept: true as const } : {}) };
}

async function rehearse(carrying: readonly Carrying[], options: TransactionOptions): Promise<TransactionResult> {
  const { stop, switched } = await switchFrom(carrying.map((each) => changeOf(each, [])), carrying, options);
  return resultOf("checked", carrying.filter((each) => isIn(switched, each)).map(({ open, patch }) => reportOf(open, patch)), carrying, stop);
}

const isIn = (pids: ReadonlySet<number>, { open }: Carrying): boolean => pids.has(open.process.pid);

const changeOf = ({ open: { target, chosen }, patch }: Carrying, writes: Switch["writes"]): Switch =>
  ({ target, forbidden: codeOf(patch), writes, ...(chosen === undefined ? {} : { chosen }) });

function firstOf(carrying: readonly Carrying[]): Carrying {
  const [first] = carrying;
  if (first === undefined) throw refuse("process-gone", "revert the patch", "every process that was chosen has ended");
  return first;
}

function switchFrom(changes: readonly Switch[], carrying: readonly Carrying[], options: TransactionOptions): Promise<SwitchReport> {
  const { open, patch } = firstOf(carrying);
  return switchCode(open.tracer, `revert patch "${patch.name}" of ${namePids(carrying.map((each) => each.open))}`, changes, options);
}

const resultOf = (result: TransactionResult["result"], processes: readonly ProcessReport[], carrying: readonly Carrying[], stop: SwitchReport["stop"]): TransactionResult =>
  ({ result, patch: identityOf(firstOf(carrying).patch), processes, stop });
