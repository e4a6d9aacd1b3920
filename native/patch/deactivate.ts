// Deactivates a patch: from one stop on, in which nobody is in the patch's code, the old functions are what they were. The
// patch stays, loaded, to be activated again or unloaded. In one process or in several: all of them, or none.

import type { TracerClient } from "../tracer.ts";
import { actOn, findCarriers, stateIn } from "./carrying.ts";
import type { Carrying, StateCheck, Verb } from "./carrying.ts";
import { bytesMismatch } from "./check.ts";
import { commitSwitches, roomForPeers } from "./commit.ts";
import type { PatchSwitch } from "./commit.ts";
import { readEntries } from "./entries.ts";
import { codeOf } from "./forbidden.ts";
import { checkNotForced } from "./forced.ts";
import { followForks, unlessSettled } from "./forked.ts";
import { ensureLedger } from "./ledger.ts";
import { chooseProcesses, selectionOf } from "./processes.ts";
import type { ChosenProcess, Processes } from "./processes.ts";
import { refuse } from "./refusal.ts";
import { planEntries } from "./stacking.ts";
import type { Change } from "./stacking.ts";
import { failuresOf, inEach, namePids, reportOf, resultOf, valuesOf, withLockedProcesses } from "./transaction.ts";
import type { ProcessReport, StopReport, TransactionOptions, TransactionResult } from "./types.ts";

/** With `dryRun` only the stop is made, and nothing is changed. */
export async function deactivatePatch(tracer: TracerClient, name: string, processes: Processes, options: TransactionOptions = {}): Promise<TransactionResult> {
  const selection = selectionOf(processes);
  const result = await deactivateFrom(tracer, name, await chooseProcesses(selection), options);
  if (result.result !== "deactivated") return result;
  options.onProgress?.({ step: "deactivated", attempt: result.stop.attempts });
  return followForks(selection, `deactivate patch "${name}"`, result, {
    // One that was forked in the middle has the intent of its parent, and its entries still lead to the patch.
    isDone: async (pid) => ["loaded", "none"].includes(await stateIn(tracer, pid, name) ?? "none"),
    change: (chosen) => deactivateFrom(tracer, name, [chosen], options).catch(unlessSettled),
  });
}

export function deactivateFrom(tracer: TracerClient, name: string, chosen: readonly ChosenProcess[], options: TransactionOptions): Promise<TransactionResult> {
  return withLockedProcesses(tracer, chosen, async (opens) => {
    const carrying = findCarriers(opens, name, "deactivate", isActive);
    const { left, stop } = await leaveCode("deactivate", carrying, options);
    return resultOf(options.dryRun ? "checked" : "deactivated", carrying, left.map(({ report }) => report), stop);
  });
}

const isActive: StateCheck = (state, act) =>
  (state === "active" ? undefined : refuse("not-active", act, `it is ${state}; there is nothing to deactivate`, { state }));

export interface Leaving {
  /** Processes in which nobody is in the patch's code, and nothing leads there. */
  readonly left: readonly Left[];
  readonly stop: StopReport;
}

export interface Left extends Carrying {
  readonly report: ProcessReport;
}

/**
 * One stop in which nobody is in the patch's code; where it is active, the old functions come back in that stop. Whether
 * the patch stays when it is inactive is settled before, so that whoever finishes this after our death knows it.
 */
export async function leaveCode(verb: Verb, carrying: readonly Carrying[], options: TransactionOptions): Promise<Leaving> {
  const act = actOn(verb, carrying[0]?.patch.name ?? "???", namePids(carrying.map(({ open }) => open)));
  checkNotForced(act, options);
  await inEach(carrying, (each) => checkEntries(each, verb));
  const leaving = await inEach(carrying, async (each) => (options.dryRun ? goOut(each) : begin(each, verb, carrying.length)));
  const { stop, switched, values, failedCallbacks } = await commitSwitches(act, leaving, options);
  const left = leaving.filter(({ open }) => switched.has(open.process.pid));
  return { left: left.map((each) => ({ ...each, report: { ...reportOf(each), ...valuesOf(values, each), ...failuresOf(failedCallbacks, each) } })), stop };
}

/** Bytes that are not ours are not ours to overwrite. */
async function checkEntries(carrying: Carrying, verb: Verb): Promise<void> {
  const { open: { tracer, process }, ledger, patch } = carrying;
  // Those that a newer patch has taken over stay as they are; what that one would restore follows from the ledger's record.
  const functions = planEntries(ledger.patches, changeOf(carrying));
  for (const { function: each, found, holds } of await readEntries(tracer, process, { functions })) {
    if (holds !== "old") throw bytesMismatch(actOn(verb, patch.name, `pid ${process.pid}`), `function ${each.name}`, each.at, each.saved, found);
  }
}

async function begin(carrying: Carrying, verb: Verb, processes: number): Promise<PatchSwitch> {
  const { open, patch } = carrying;
  const ledger = await ensureLedger(open.tracer, open.target, open.process, carrying.ledger, roomForPeers(processes));
  const isKept = verb === "deactivate";
  if (isActiveIn(carrying) && ledger.find(patch.name)?.isKept !== isKept) await ledger.append({ record: isKept ? "kept" : "released", name: patch.name });
  return goOut({ ...carrying, ledger });
}

const goOut = (carrying: Carrying): PatchSwitch => ({ ...carrying, change: changeOf(carrying), forbidden: codeOf(carrying.patch) });

const changeOf = (carrying: Carrying): Change => ({ incoming: [], outgoing: isActiveIn(carrying) ? [carrying.patch] : [] });

const isActiveIn = ({ ledger, patch }: Carrying): boolean => ledger.find(patch.name)?.state === "active";
