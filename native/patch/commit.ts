// One switch of patches in one process or in several: an intent in each ledger, then all entries, values and the outcomes
// in one stop; or every intent is taken back. Activating and deactivating are this one routine, with the target state swapped.

import type { Address } from "../address.ts";
import { SutureError } from "../errors.ts";
import { callAfter, callBack, callBefore } from "./callbacks.ts";
import type { FailedCallbacks } from "./callbacks.ts";
import type { Carrying } from "./carrying.ts";
import { readEntries, summarize } from "./entries.ts";
import type { ForbiddenRange } from "./forbidden.ts";
import type { PreparedRecord } from "./ledger.ts";
import type { LedgerFunction, Peer } from "./ledger-records.ts";
import { lookFor } from "./references.ts";
import { refuse } from "./refusal.ts";
import { intentOf, planEntries, recordsFor } from "./stacking.ts";
import type { Change } from "./stacking.ts";
import { inEach } from "./transaction.ts";
import { switchCode } from "./transition.ts";
import type { Switch, SwitchReport } from "./transition.ts";
import type { TransactionOptions, ValueReport } from "./types.ts";
import { undoInEach, undoingOnFailure } from "./undo.ts";
import { planValues } from "./values.ts";
import type { ValuePlan } from "./values.ts";

/** What happens to a patch, and to those that go or come with it, in one process. */
export interface PatchSwitch extends Carrying {
  readonly change: Change;
  /** Where nobody may be meanwhile. */
  readonly forbidden: readonly ForbiddenRange[];
  /** The patch's memory is about to be given back. */
  readonly isLeaving?: boolean;
  /** Entries that are left alone. */
  readonly absent?: ReadonlySet<Address>;
}

const mostTries = 8;

/** What a ledger must have room for, to name all processes in the intent of every try. */
export const roomForPeers = (processes: number): number => (processes > 1 ? 64 * processes * mostTries : 0);

export interface CommitReport extends SwitchReport {
  /** By process: what became of the variables that patches set. */
  readonly values: ReadonlyMap<number, readonly ValueReport[]>;
  /** What went wrong without holding the switch up. */
  readonly failedCallbacks: FailedCallbacks;
}

/**
 * All processes or none, with the patches' callbacks before and after; a dry run is the stop alone. Who ended meanwhile is
 * left out of the report's `switched`.
 */
export async function commitSwitches(act: string, wanted: readonly PatchSwitch[], options: TransactionOptions): Promise<CommitReport> {
  if (options.dryRun) return { ...await switchAll(act, wanted, options), failedCallbacks: new Map() };
  const called: PatchSwitch[] = [];
  const { before, report } = await undoingOnFailure(async () => ({
    before: await callBefore(act, wanted, called),
    report: await switchAll(act, wanted, options),
  }), () => undoInEach(called, (each) => callBackOrSay(act, each)));
  return { ...report, failedCallbacks: await callAfterEach(wanted.filter(({ open }) => report.switched.has(open.process.pid)), before) };
}

async function callBackOrSay(act: string, each: PatchSwitch): Promise<void> {
  const [failed] = await callBack(each);
  const { pid } = each.open.process;
  if (failed !== undefined) throw refuse("callback-failed", act, `its ${failed.when} callback ${failed.function}, which answers what was done before, ${failed.outcome} in pid ${pid}`, { pid, callback: failed.function, when: failed.when });
}

async function callAfterEach(switched: readonly PatchSwitch[], before: FailedCallbacks): Promise<FailedCallbacks> {
  const failures = await inEach(switched, async (each) => {
    const { pid } = each.open.process;
    return [pid, [...before.get(pid) ?? [], ...await callAfter(each)]] as const;
  });
  return new Map(failures.filter(([, failed]) => failed.length > 0));
}

type ValuesReport = Omit<CommitReport, "failedCallbacks">;

async function switchAll(act: string, wanted: readonly PatchSwitch[], options: TransactionOptions): Promise<ValuesReport> {
  for (let tries = 1; ; tries++) {
    try {
      return await commitOnce(act, wanted, options);
    } catch (error) {
      // The program wrote a variable between our reading and the stop.
      if (tries === mostTries || !isOfVariable(error)) throw error;
    }
  }
}

const isOfVariable = (error: unknown): boolean =>
  error instanceof SutureError && error.kind === "bytes-mismatch" && String(error.data["what"]).startsWith("variable ");

async function commitOnce(act: string, wanted: readonly PatchSwitch[], options: TransactionOptions): Promise<ValuesReport> {
  const [first] = wanted;
  if (first === undefined) throw refuse("process-gone", act, "every process that was chosen has ended");
  const { tracer } = first.open;
  const planned = await inEach(wanted, async (each) => ({ ...each, plan: await planValues(tracer, each.open.process, each.ledger.patches, each.change, act) }));
  if (options.dryRun) return { ...await switchCode(tracer, act, planned.map((each) => switchOf(each, [])), options), values: new Map() };
  const values = new Map(planned.map(({ open, plan }) => [open.process.pid, plan.reports]));
  const begun: PatchSwitch[] = [];
  return undoingOnFailure(async () => {
    const peers = planned.map(({ open: { process: { pid, startTime } } }) => ({ pid, startTime }));
    const prepared = await inEach(planned, (each) => {
      begun.push(each);
      return prepare(each, peers);
    });
    const report = await switchCode(tracer, act, prepared.map(({ change }) => change), options);
    for (const { open, outcome } of prepared) if (report.switched.has(open.process.pid)) outcome?.sealed();
    return { ...report, values };
  }, () => undoInEach(begun, takeBack));
}

interface Prepared extends Pick<Carrying, "open"> {
  /** Undefined where nothing changes, and it is only seen to that nobody is in the code. */
  readonly outcome: PreparedRecord | undefined;
  readonly change: Switch;
}

async function prepare(wanted: PatchSwitch & { readonly plan: ValuePlan }, peers: readonly Peer[]): Promise<Prepared> {
  const { open, ledger, change, plan } = wanted;
  const intent = intentOf(change, peers);
  const [record] = recordsFor("new", change);
  if (intent === undefined || record === undefined) return { open, outcome: undefined, change: switchOf(wanted, []) };
  await ledger.append(intent);
  const outcome = await ledger.prepare(record);
  const entries = entriesOf(wanted)
    .map((each) => ({ at: each.at, expected: each.saved, replacement: each.jump, entry: true, of: `function ${each.name}` }));
  return { open, outcome, change: switchOf(wanted, [...plan.writes, ...entries, { ...outcome.seal, of: "the ledger" }]) };
}

const entriesOf = ({ ledger, change, absent }: PatchSwitch): readonly LedgerFunction[] => planEntries(ledger.patches, change).filter(({ at }) => absent?.has(at) !== true);

const switchOf = ({ open: { target, chosen }, patch, forbidden, isLeaving = false, change: { incoming } }: PatchSwitch, writes: Switch["writes"]): Switch =>
  ({ target, forbidden, writes, mayForce: incoming.length > 0, ...(isLeaving ? { leaving: lookFor(patch) } : {}), ...(chosen === undefined ? {} : { chosen }) });

/** Only when no entry is seen to be switched: then what the intent says was not begun. */
async function takeBack(begun: PatchSwitch): Promise<void> {
  const { open: { tracer, process }, ledger, patch, change } = begun;
  const state = ledger.find(patch.name)?.state;
  if (state !== "activating" && state !== "deactivating") return;
  const entries = await readEntries(tracer, process, { functions: entriesOf(begun) });
  const held = summarize(entries.filter(({ holds }) => holds !== "foreign"));
  if (held !== "old") {
    throw refuse("unfinished-transaction", `undo patch "${patch.name}" in pid ${process.pid}`, `its entries are ${held}; the next apply or revert will settle that`, { patch: patch.name });
  }
  for (const record of recordsFor("old", change)) await ledger.append(record);
}
