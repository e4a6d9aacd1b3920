// Activates a patch that is loaded: from one stop on, in which nobody is in the old functions, they lead to the new ones. On
// top of whatever leads there already; or, with `replace`, in its place. In one process or in several: all, or none.

import type { TracerClient } from "../tracer.ts";
import { actOn, findCarriers, stateIn } from "./carrying.ts";
import type { Carrying, StateCheck, Verb } from "./carrying.ts";
import { commitSwitches, roomForPeers } from "./commit.ts";
import type { PatchSwitch } from "./commit.ts";
import { switchesCoroutines } from "./coroutines.ts";
import { deactivateFrom } from "./deactivate.ts";
import { checkForced, withoutForce } from "./forced.ts";
import { codeOf, coveredBy, oldFunctionsOf } from "./forbidden.ts";
import { followForks, unlessSettled } from "./forked.ts";
import { ensureLedger } from "./ledger.ts";
import type { LedgerPatch } from "./ledger-records.ts";
import { isOwnMemoryIntact } from "./own-memory.ts";
import { chooseProcesses, selectionOf } from "./processes.ts";
import type { ChosenProcess, Processes } from "./processes.ts";
import { refuse } from "./refusal.ts";
import { releasePatch } from "./release.ts";
import { layersAt } from "./stacking.ts";
import { failuresOf, inEach, namePids, reportOf, resultOf, valuesOf, withLockedProcesses } from "./transaction.ts";
import type { ProcessReport, TransactionOptions, TransactionResult } from "./types.ts";
import { undoingOnFailure } from "./undo.ts";

/** With `dryRun` only the stop is made, and nothing is changed. */
export async function activatePatch(tracer: TracerClient, name: string, processes: Processes, options: TransactionOptions = {}): Promise<TransactionResult> {
  const selection = selectionOf(processes);
  const result = await activateFrom(tracer, name, await chooseProcesses(selection), options);
  if (result.result !== "activated") return result;
  options.onProgress?.({ step: "activated", attempt: result.stop.attempts });
  const follower = {
    isDone: async (pid: number) => await stateIn(tracer, pid, name) === "active",
    change: (chosen: ChosenProcess) => activateFrom(tracer, name, [chosen], options).catch(unlessSettled),
  };
  return undoingOnFailure(
    () => followForks(selection, `activate patch "${name}"`, result, follower),
    async () => {
      if (options.replace) throw refuse("unfinished-transaction", `take patch "${name}" back`, "the patches that it replaced are gone; activate it in the processes that lack it");
      await deactivateFrom(tracer, name, await chooseProcesses(selection), withoutForce(options));
    },
  );
}

function activateFrom(tracer: TracerClient, name: string, chosen: readonly ChosenProcess[], options: TransactionOptions): Promise<TransactionResult> {
  return withLockedProcesses(tracer, chosen, async (opens) => {
    const carrying = findCarriers(opens, name, "activate", isLoaded);
    await inEach(carrying, checkOwnMemory);
    return activateIn("activate", carrying, options);
  });
}

const isLoaded: StateCheck = (state, act) =>
  (state === "loaded" ? undefined : refuse("already-applied", act, `it is ${state} already`, { state }));

/** It may have been loaded long ago. */
async function checkOwnMemory({ open: { tracer, process }, patch }: Carrying): Promise<void> {
  if (await isOwnMemoryIntact(tracer, process, patch)) return;
  throw refuse("bytes-mismatch", actOn("activate", patch.name, `pid ${process.pid}`), "its code is not what was loaded; the process has changed or unmapped it; unload it and load it again", { patch: patch.name });
}

/** The switch of patches that are in their processes already. */
export async function activateIn(verb: "apply" | "activate", carrying: readonly Carrying[], options: TransactionOptions): Promise<TransactionResult> {
  const ready = await inEach(carrying, (each) => comeIn(each, verb, carrying.length, options));
  const [first] = ready;
  const act = actOn(verb, first?.patch.name ?? "???", namePids(ready.map(({ open }) => open)));
  // What lies there now is covered; afterwards it is this patch itself.
  const reports = new Map(await inEach(ready, async (each) => [each.open.process.pid, { ...reportComing(each, options), ...await reportCoroutines(each, options) }] as const));
  const { stop, switched, values, failedCallbacks } = await commitSwitches(act, ready, options);
  const done = ready.filter(({ open }) => switched.has(open.process.pid));
  const processes = await inEach(done, async (each) => ({ ...reports.get(each.open.process.pid) ?? reportOf(each), ...valuesOf(values, each), ...failuresOf(failedCallbacks, each), ...(options.dryRun ? {} : await releaseOutgoing(each)) }));
  return resultOf(options.dryRun ? "checked" : verb === "apply" ? "committed" : "activated", ready, processes, stop);
}

async function comeIn({ open, ledger, patch }: Carrying, verb: Verb, processes: number, { replace = false, forceActive = [], dryRun = false }: TransactionOptions): Promise<PatchSwitch> {
  await checkForced(actOn(verb, patch.name, `pid ${open.process.pid}`), open, patch, forceActive);
  const outgoing = replace ? ledger.patches.filter(({ state }) => state === "active").map((each) => each.patch) : [];
  const roomy = await ensureLedger(open.tracer, open.target, open.process, ledger, roomForName * (outgoing.length + forceActive.length) + roomForPeers(processes));
  // Nor is what an attempt that failed had chosen still meant.
  const wasForced = (ledger.find(patch.name)?.forced ?? []).length > 0;
  if ((forceActive.length > 0 || wasForced) && !dryRun) await roomy.append({ record: "forced", name: patch.name, functions: forceActive });
  const forbidden = [...oldFunctionsOf(patch, forceActive), ...coveredBy(patch, ledger.patches, forceActive), ...outgoing.flatMap(codeOf)];
  return { open, ledger: roomy, patch, change: { incoming: [patch], outgoing }, forbidden };
}

/** Twice, with what surrounds it: in the intent and in the outcome. */
const roomForName = 2048;

function reportComing(coming: PatchSwitch, { forceActive = [] }: TransactionOptions): ProcessReport {
  const { ledger, patch, change: { outgoing } } = coming;
  const covers = outgoing.length === 0 ? coveredFunctions(patch, ledger.patches) : [];
  return {
    ...reportOf(coming),
    ...(covers.length === 0 ? {} : { covers }),
    ...(forceActive.length === 0 ? {} : { forced: forceActive }),
    ...(outgoing.length === 0 ? {} : { replaced: outgoing.map(({ name }) => name) }),
  };
}

const reportCoroutines = async ({ open: { target } }: PatchSwitch, { scan }: TransactionOptions): Promise<Pick<ProcessReport, "unseenCoroutines">> =>
  (scan !== "heap" && await switchesCoroutines(target) ? { unseenCoroutines: true } : {});

const coveredFunctions = ({ functions }: LedgerPatch, carried: Carrying["ledger"]["patches"]): NonNullable<ProcessReport["covers"]> =>
  functions.flatMap(({ name, at }) => {
    const covered = layersAt(carried, at).at(-1);
    return covered === undefined ? [] : [{ function: name, patch: covered.patch.name }];
  });

/** Right after the stop, in which nobody was in their code. */
async function releaseOutgoing({ open, ledger, change: { outgoing } }: PatchSwitch): Promise<Pick<ProcessReport, "memoryKept">> {
  let isFreed = true;
  for (const patch of outgoing) isFreed = await releasePatch(open, ledger, patch) === "freed" && isFreed;
  return isFreed ? {} : { memoryKept: true };
}
