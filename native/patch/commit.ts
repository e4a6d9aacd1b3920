// One switch of patches in one process or in several: an intent in each ledger, then all entries and the outcomes in one
// stop; or every intent is taken back. Activating and deactivating are this one routine, with the target state swapped.

import type { Carrying } from "./carrying.ts";
import { readEntries, summarize } from "./entries.ts";
import type { ForbiddenRange } from "./forbidden.ts";
import type { PreparedRecord } from "./ledger.ts";
import { refuse } from "./refusal.ts";
import { intentOf, planEntries, recordsFor } from "./stacking.ts";
import type { Change } from "./stacking.ts";
import { inEach, undoInEach, undoingOnFailure } from "./transaction.ts";
import { switchCode } from "./transition.ts";
import type { Switch, SwitchReport } from "./transition.ts";
import type { TransactionOptions } from "./types.ts";

/** What happens to a patch, and to those that go or come with it, in one process. */
export interface PatchSwitch extends Carrying {
  readonly change: Change;
  /** Where nobody may be meanwhile. */
  readonly forbidden: readonly ForbiddenRange[];
}

/** All processes or none; a dry run is the stop alone. Who ended meanwhile is left out of the report's `switched`. */
export async function commitSwitches(act: string, wanted: readonly PatchSwitch[], options: TransactionOptions): Promise<SwitchReport> {
  const [first] = wanted;
  if (first === undefined) throw refuse("process-gone", act, "every process that was chosen has ended");
  const { tracer } = first.open;
  if (options.dryRun) return switchCode(tracer, act, wanted.map((each) => switchOf(each, [])), options);
  const begun: PatchSwitch[] = [];
  return undoingOnFailure(async () => {
    const prepared = await inEach(wanted, (each) => {
      begun.push(each);
      return prepare(each);
    });
    const report = await switchCode(tracer, act, prepared.map(({ change }) => change), options);
    for (const { open, outcome } of prepared) if (report.switched.has(open.process.pid)) outcome?.sealed();
    return report;
  }, () => undoInEach(begun, takeBack));
}

interface Prepared extends Pick<Carrying, "open"> {
  /** Undefined where nothing changes, and it is only seen to that nobody is in the code. */
  readonly outcome: PreparedRecord | undefined;
  readonly change: Switch;
}

async function prepare(wanted: PatchSwitch): Promise<Prepared> {
  const { open, ledger, change } = wanted;
  const intent = intentOf(change);
  const [record] = recordsFor("new", change);
  if (intent === undefined || record === undefined) return { open, outcome: undefined, change: switchOf(wanted, []) };
  await ledger.append(intent);
  const outcome = await ledger.prepare(record);
  const entries = planEntries(ledger.patches, change)
    .map((each) => ({ at: each.at, expected: each.saved, replacement: each.jump, entry: true, of: `function ${each.name}` }));
  return { open, outcome, change: switchOf(wanted, [...entries, { ...outcome.seal, of: "the ledger" }]) };
}

const switchOf = ({ open: { target, chosen }, forbidden }: PatchSwitch, writes: Switch["writes"]): Switch =>
  ({ target, forbidden, writes, ...(chosen === undefined ? {} : { chosen }) });

/** Only when no entry is seen to be switched: then what the intent says was not begun. */
async function takeBack({ open: { tracer, process }, ledger, patch, change }: PatchSwitch): Promise<void> {
  const state = ledger.find(patch.name)?.state;
  if (state !== "activating" && state !== "deactivating") return;
  const entries = await readEntries(tracer, process, { functions: planEntries(ledger.patches, change) });
  const held = summarize(entries.filter(({ holds }) => holds !== "foreign"));
  if (held !== "old") {
    throw refuse("unfinished-transaction", `undo patch "${patch.name}" in pid ${process.pid}`, `its entries are ${held}; the next apply or revert will settle that`, { patch: patch.name });
  }
  for (const record of recordsFor("old", change)) await ledger.append(record);
}
