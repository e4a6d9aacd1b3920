// Applies a patch: check, stage, commit, in one process or in several; or gives everything back everywhere.

import { decodeImage } from "../image/mod.ts";
import type { PatchImage } from "../image/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { checkPatch } from "./check.ts";
import type { BoundFunction, BoundPatch } from "./check.ts";
import { readEntries, summarize } from "./entries.ts";
import { codeOf, coveredBy, oldFunctionsOf } from "./forbidden.ts";
import { followForks } from "./forked.ts";
import { dropEmptyLedger, ensureLedger } from "./ledger.ts";
import type { Ledger, PreparedRecord } from "./ledger.ts";
import type { LedgerPatch } from "./ledger-records.ts";
import { listPatches } from "./list.ts";
import type { OpenProcess } from "./open-process.ts";
import { chooseProcesses, selectionOf } from "./processes.ts";
import type { ChosenProcess, Processes } from "./processes.ts";
import { refuse } from "./refusal.ts";
import { releasePatch } from "./release.ts";
import { revertFrom } from "./revert.ts";
import { planEntries } from "./stacking.ts";
import { recordLength, stagePatch, unstagePatch } from "./stage.ts";
import { identityOf, inEach, namePids, reportOf, undoInEach, undoingOnFailure, withLockedProcesses } from "./transaction.ts";
import { switchCode } from "./transition.ts";
import type { Switch, SwitchReport } from "./transition.ts";
import type { ProcessReport, TransactionOptions, TransactionResult } from "./types.ts";

/**
 * Redirects the old functions of running processes to those of a patch image: all of them, in all processes, in one stop, or
 * none. On any failure every process is as it was. With `dryRun` everything is done up to and including one stop in which
 * every stack is checked, and then given back.
 */
export async function applyPatch(tracer: TracerClient, image: Uint8Array, processes: Processes, options: TransactionOptions = {}): Promise<TransactionResult> {
  const decoded = decodeImage(image);
  const selection = selectionOf(processes);
  const result = await applyTo(tracer, decoded, await chooseProcesses(selection), options);
  if (result.result !== "committed") return result;
  options.onProgress?.({ step: "committed", attempt: result.stop.attempts });
  const { name } = result.patch;
  const follower = {
    isDone: (pid: number) => carries(tracer, pid, result.patch),
    change: (chosen: ChosenProcess) => applyTo(tracer, decoded, [chosen], options),
  };
  return undoingOnFailure(
    () => followForks(selection, `apply patch "${name}"`, result, follower),
    async () => {
      if (options.replace) throw refuse("unfinished-transaction", `take patch "${name}" back`, "the patches that it replaced are gone; apply it to the processes that lack it");
      await revertFrom(tracer, name, await chooseProcesses(selection), options);
    },
  );
}

async function carries(tracer: TracerClient, pid: number, { name, digest }: TransactionResult["patch"]): Promise<boolean> {
  const [listed] = await listPatches(tracer, pid);
  return listed?.patches.some((patch) => patch.name === name && patch.digest === digest && patch.state === "active") ?? false;
}

interface Bound {
  readonly open: OpenProcess;
  readonly bound: BoundPatch;
}

interface Staged {
  readonly open: OpenProcess;
  readonly ledger: Ledger;
  readonly patch: LedgerPatch;
  /** Those that go in the same stop. */
  readonly outgoing: readonly LedgerPatch[];
  readonly covers: readonly Covered[];
}

type Covered = NonNullable<ProcessReport["covers"]>[number];

function applyTo(tracer: TracerClient, image: PatchImage, chosen: readonly ChosenProcess[], options: TransactionOptions): Promise<TransactionResult> {
  return withLockedProcesses(tracer, chosen, async (opens) => {
    const bound = await inEach(opens.map((open) => ({ open })), ({ open }) => bind(image, open));
    // Everything so far has only read.
    const staged: Staged[] = [];
    return undoingOnFailure(async () => {
      await inEach(bound, async (each) => { staged.push(await stage(each, options)); });
      return options.dryRun ? await rehearse(staged, options) : await commit(staged, options);
    }, () => undoInEach(staged, giveBack));
  });
}

const bind = async (image: PatchImage, open: OpenProcess): Promise<Bound> =>
  ({ open, bound: await checkPatch(image, open.target, open.ledger?.patches ?? []) });

async function stage({ open, bound }: Bound, { onProgress, replace = false }: TransactionOptions): Promise<Staged> {
  const { tracer, target, process } = open;
  const outgoing = replace ? (open.ledger?.patches ?? []).map((each) => each.patch) : [];
  const ledger = await ensureLedger(tracer, target, process, open.ledger, recordLength(bound) + roomForName * outgoing.length);
  const { patch, bytes } = await undoingOnFailure(
    () => stagePatch(tracer, target, process, bound, ledger),
    () => undoInEach([{ open }], () => dropEmptyLedger(tracer, process, ledger)),
  );
  onProgress?.({ step: "staged", pid: process.pid, bytes });
  const covers = replace ? [] : bound.objects.flatMap(({ functions }) => functions).flatMap(coveredOf);
  return { open, ledger, patch, outgoing, covers };
}

/** Twice, with what surrounds it: in the intent and in the outcome. */
const roomForName = 2048;

const coveredOf = ({ name, covers }: BoundFunction): readonly Covered[] => (covers === undefined ? [] : [{ function: name, patch: covers }]);

async function commit(staged: readonly Staged[], options: TransactionOptions): Promise<TransactionResult> {
  const prepared = await inEach(staged, prepare);
  const { stop, switched } = await switchTo(prepared.map(({ change }) => change), staged, options);
  const done = prepared.filter(({ staged: { open } }) => switched.has(open.process.pid));
  for (const { record } of done) record.sealed();
  const result = resultOf("committed", done.map((each) => each.staged), stop);
  const freed = new Map(await inEach(done.map((each) => each.staged), releaseOutgoing));
  return { ...result, processes: result.processes.map((report) => (freed.get(report.pid) === false ? { ...report, memoryKept: true as const } : report)) };
}

/** Right after the stop, in which nobody was in their code. */
async function releaseOutgoing({ open, ledger, outgoing }: Staged): Promise<readonly [pid: number, isFreed: boolean]> {
  let isFreed = true;
  for (const patch of outgoing) isFreed = await releasePatch(open, ledger, patch) === "freed" && isFreed;
  return [open.process.pid, isFreed];
}

interface Prepared {
  readonly staged: Staged;
  readonly record: PreparedRecord;
  readonly change: Switch;
}

async function prepare(staged: Staged): Promise<Prepared> {
  const { ledger, patch: { name }, patch, outgoing } = staged;
  const replaces = outgoing.map((each) => each.name);
  await ledger.append(replaces.length === 0 ? { record: "activating", name } : { record: "replacing", name, replaces });
  const record = await ledger.prepare(replaces.length === 0 ? { record: "active", name } : { record: "replaced", name, replaces });
  const entries = planEntries(ledger.patches, { incoming: [patch], outgoing })
    .map((each) => ({ at: each.at, expected: each.saved, replacement: each.jump, entry: true, of: `function ${each.name}` }));
  return { staged, record, change: changeOf(staged, [...entries, { ...record.seal, of: "the ledger" }]) };
}

async function rehearse(staged: readonly Staged[], options: TransactionOptions): Promise<TransactionResult> {
  const { stop, switched } = await switchTo(staged.map((each) => changeOf(each, [])), staged, options);
  await undoInEach(staged, giveBack);
  return resultOf("checked", staged.filter(({ open }) => switched.has(open.process.pid)), stop);
}

function changeOf({ open: { target, chosen, ledger }, patch, outgoing }: Staged, writes: Switch["writes"]): Switch {
  const forbidden = [...oldFunctionsOf(patch), ...coveredBy(patch, ledger?.patches ?? []), ...outgoing.flatMap(codeOf)];
  return { target, forbidden, writes, ...(chosen === undefined ? {} : { chosen }) };
}

function switchTo(changes: readonly Switch[], staged: readonly Staged[], options: TransactionOptions): Promise<SwitchReport> {
  const [first] = staged;
  if (first === undefined) throw refuse("process-gone", "apply the patch", "every process that was chosen has ended");
  return switchCode(first.open.tracer, `apply patch "${first.patch.name}" to ${namePids(staged.map(({ open }) => open))}`, changes, options);
}

function resultOf(result: TransactionResult["result"], staged: readonly Staged[], stop: SwitchReport["stop"]): TransactionResult {
  const [first] = staged;
  if (first === undefined) throw refuse("process-gone", "apply the patch", "every process that was chosen has ended");
  return { result, patch: identityOf(first.patch), processes: staged.map(reportStaged), stop };
}

const reportStaged = ({ open, patch, covers, outgoing }: Staged): ProcessReport => ({
  ...reportOf(open, patch),
  ...(covers.length === 0 ? {} : { covers }),
  ...(outgoing.length === 0 ? {} : { replaced: outgoing.map(({ name }) => name) }),
});

/** Only when every entry is seen to be the old one: nothing may lead to what is taken away. */
async function giveBack({ open: { tracer, process }, ledger, patch, outgoing }: Staged): Promise<void> {
  if (ledger.find(patch.name) === undefined) return;
  for (const { name } of outgoing) {
    if (ledger.find(name)?.state === "deactivating") await ledger.append({ record: "active", name });
  }
  const held = summarize((await readEntries(tracer, process, patch)).filter(({ holds }) => holds !== "foreign"));
  if (held !== "old") {
    throw refuse("unfinished-transaction", `undo patch "${patch.name}" in pid ${process.pid}`, `its entries are ${held}; the next apply or revert will settle that`, { patch: patch.name });
  }
  await unstagePatch(tracer, process, patch, ledger);
  await dropEmptyLedger(tracer, process, ledger);
}
