// Deactivates a patch: from one stop on, in which nobody is in the patch's code, the old functions are what they were. The
// patch stays, loaded, to be activated again or unloaded. In one process or in several: all of them, or none.

import type { Address } from "../address.ts";
import type { Target } from "../target/mod.ts";
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
import type { LedgerFunction, LedgerPatch } from "./ledger-records.ts";
import { chooseProcesses, selectionOf } from "./processes.ts";
import type { ChosenProcess, Processes } from "./processes.ts";
import { refuse } from "./refusal.ts";
import { layersAt, planEntries } from "./stacking.ts";
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
  /** Nor does anything refer to its memory. */
  readonly isUnreferenced: boolean;
  readonly report: ProcessReport;
}

/**
 * One stop in which nobody is in the patch's code; where it is active, the old functions come back in that stop. Whether
 * the patch stays when it is inactive is settled before, so that whoever finishes this after our death knows it.
 */
export async function leaveCode(verb: Verb, carrying: readonly Carrying[], options: TransactionOptions): Promise<Leaving> {
  const act = actOn(verb, carrying[0]?.patch.name ?? "???", namePids(carrying.map(({ open }) => open)));
  checkNotForced(act, options);
  const checked = await inEach(carrying, async (each) => ({ ...each, absent: await checkEntries(each, verb) }));
  const leaving = await inEach(checked, async (each) => (options.dryRun ? goOut(each) : begin(each, verb, carrying.length)));
  const { stop, switched, unreferenced, values, failedCallbacks } = await commitSwitches(act, leaving, options);
  const left = leaving.filter(({ open }) => switched.has(open.process.pid));
  return { left: left.map((each) => ({ ...each, isUnreferenced: unreferenced.has(each.open.process.pid), report: { ...reportOf(each), ...valuesOf(values, each), ...failuresOf(failedCallbacks, each) } })), stop };
}

/** Entries that need no writing: the library that they lie in was closed, or was closed and opened again. */
interface Checked extends Carrying {
  readonly absent: ReadonlySet<Address>;
}

/** Bytes that are not ours are not ours to overwrite. */
async function checkEntries(carrying: Carrying, verb: Verb): Promise<ReadonlySet<Address>> {
  const { open: { tracer, process, target }, ledger, patch } = carrying;
  // Those that a newer patch has taken over stay as they are; what that one would restore follows from the ledger's record.
  const functions = planEntries(ledger.patches, changeOf(carrying));
  const absent = new Set<Address>();
  for (const { function: each, found, holds } of await readEntries(tracer, process, { functions })) {
    // What leads to the patch is written back, whatever else is true of it.
    if (holds === "old") continue;
    const linked = layersAt(ledger.patches, each.at)[0]?.function.saved;
    const isAbsent = !isStillLoaded(target, patch, each) || (linked !== undefined && Buffer.from(found).equals(linked));
    if (isAbsent) absent.add(each.at);
    else throw bytesMismatch(actOn(verb, patch.name, `pid ${process.pid}`), `function ${each.name}`, each.at, each.saved, found);
  }
  return absent;
}

const isStillLoaded = ({ modules }: Target, patch: LedgerPatch, { at }: LedgerFunction): boolean =>
  modules.some(({ buildId, span }) => span.start <= at && at < span.end && patch.modules.some((each) => each.buildId === buildId));

async function begin(carrying: Checked, verb: Verb, processes: number): Promise<PatchSwitch> {
  const { open, patch } = carrying;
  const ledger = await ensureLedger(open.tracer, open.target, open.process, carrying.ledger, roomForPeers(processes));
  const isKept = verb === "deactivate";
  if (isActiveIn(carrying) && ledger.find(patch.name)?.isKept !== isKept) await ledger.append({ record: isKept ? "kept" : "released", name: patch.name });
  return { ...goOut({ ...carrying, ledger }), isLeaving: verb !== "deactivate" && staysUncalled(carrying) };
}

/** A callback after the switch may pass something of the patch on. */
const staysUncalled = ({ patch: { mappings, callbacks = [] } }: Carrying): boolean => mappings.length > 0 && callbacks.length === 0;

const goOut = (carrying: Checked): PatchSwitch => ({ ...carrying, change: changeOf(carrying), forbidden: codeOf(carrying.patch) });

const changeOf = (carrying: Carrying): Change => ({ incoming: [], outgoing: isActiveIn(carrying) ? [carrying.patch] : [] });

const isActiveIn = ({ ledger, patch }: Carrying): boolean => ledger.find(patch.name)?.state === "active";
