// Unloads a patch that is inactive: waits until no thread is in its code, and gives its memory back; what the process still
// refers to stays, retired. In one process or in several: nobody may be in it anywhere.

import type { TracerClient } from "../tracer.ts";
import { findCarriers, stateIn } from "./carrying.ts";
import type { StateCheck } from "./carrying.ts";
import { leaveCode } from "./deactivate.ts";
import type { Left } from "./deactivate.ts";
import { followForks, unlessSettled } from "./forked.ts";
import { dropEmptyLedger } from "./ledger.ts";
import { chooseProcesses, selectionOf } from "./processes.ts";
import type { ChosenProcess, Processes } from "./processes.ts";
import { refuse } from "./refusal.ts";
import { releasePatch } from "./release.ts";
import { inEach, resultOf, withLockedProcesses } from "./transaction.ts";
import type { ProcessReport, TransactionOptions, TransactionResult } from "./types.ts";

/** With the last patch the ledger goes too. With `dryRun` only the stop is made, and nothing is changed. */
export async function unloadPatch(tracer: TracerClient, name: string, processes: Processes, options: TransactionOptions = {}): Promise<TransactionResult> {
  const selection = selectionOf(processes);
  const result = await unloadFrom(tracer, name, await chooseProcesses(selection), options);
  if (result.result !== "unloaded") return result;
  options.onProgress?.({ step: "unloaded", attempt: result.stop.attempts });
  return followForks(selection, `unload patch "${name}"`, result, {
    isDone: async (pid) => await stateIn(tracer, pid, name) === undefined,
    change: (chosen) => unloadFrom(tracer, name, [chosen], options).catch(unlessSettled),
  });
}

function unloadFrom(tracer: TracerClient, name: string, chosen: readonly ChosenProcess[], options: TransactionOptions): Promise<TransactionResult> {
  return withLockedProcesses(tracer, chosen, async (opens) => {
    const carrying = findCarriers(opens, name, "unload", isInactive);
    const { left, stop } = await leaveCode("unload", carrying, options);
    if (options.dryRun) return resultOf("checked", carrying, left.map(({ report }) => report), stop);
    return resultOf("unloaded", carrying, await inEach(left, release), stop);
  });
}

const isInactive: StateCheck = (state, act) =>
  (state === "loaded" ? undefined : refuse("patch-in-use", act, `it is ${state}; deactivate it first, or revert it, which is both`, { state }));

/** Right after a stop in which nobody was in its code. */
export async function release({ open, patch, ledger, report, isUnreferenced }: Left): Promise<ProcessReport> {
  // From here on it is no patch that anybody could activate.
  if (ledger.find(patch.name)?.isKept) await ledger.append({ record: "released", name: patch.name });
  const isMemoryKept = await releasePatch(open, ledger, patch, isUnreferenced) === "retired";
  await dropEmptyLedger(open.tracer, open.process, ledger);
  return { ...report, ...(isMemoryKept ? { memoryKept: true as const } : {}) };
}
