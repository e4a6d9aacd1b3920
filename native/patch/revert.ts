// Reverts a patch: deactivates and unloads it, as one transaction. In one process or in several: all of them, or none.

import type { TracerClient } from "../tracer.ts";
import { findCarriers, stateIn } from "./carrying.ts";
import { leaveCode } from "./deactivate.ts";
import { followForks, unlessSettled } from "./forked.ts";
import { chooseProcesses, selectionOf } from "./processes.ts";
import type { ChosenProcess, Processes } from "./processes.ts";
import { inEach, resultOf, withLockedProcesses } from "./transaction.ts";
import type { TransactionOptions, TransactionResult } from "./types.ts";
import { release } from "./unload.ts";

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
    isDone: async (pid) => await stateIn(tracer, pid, name) === undefined,
    change: (chosen) => revertFrom(tracer, name, [chosen], options).catch(unlessSettled),
  });
}

/** Active or only loaded: either way it goes. */
export function revertFrom(tracer: TracerClient, name: string, chosen: readonly ChosenProcess[], options: TransactionOptions): Promise<TransactionResult> {
  return withLockedProcesses(tracer, chosen, async (opens) => {
    const carrying = findCarriers(opens, name, "revert", () => undefined);
    const { left, stop } = await leaveCode("revert", carrying, options);
    if (options.dryRun) return resultOf("checked", carrying, left.map(({ report }) => report), stop);
    return resultOf("reverted", carrying, await inEach(left, release), stop);
  });
}
