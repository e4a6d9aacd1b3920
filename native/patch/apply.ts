// Applies a patch: loads and activates it, as one transaction. In one process or in several: all of them, or everything is
// given back everywhere.

import { decodeImage } from "../image/mod.ts";
import type { PatchImage } from "../image/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { activateIn } from "./activate.ts";
import { stateIn } from "./carrying.ts";
import { withoutForce } from "./forced.ts";
import { followForks, unlessSettled } from "./forked.ts";
import { giveBack, staging } from "./load.ts";
import { chooseProcesses, selectionOf } from "./processes.ts";
import type { ChosenProcess, Processes } from "./processes.ts";
import { refuse } from "./refusal.ts";
import { revertFrom } from "./revert.ts";
import { withLockedProcesses } from "./transaction.ts";
import type { TransactionOptions, TransactionResult } from "./types.ts";
import { undoInEach, undoingOnFailure } from "./undo.ts";

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
  const { name, digest } = result.patch;
  const follower = {
    isDone: async (pid: number) => await stateIn(tracer, pid, name, digest) === "active",
    change: (chosen: ChosenProcess) => applyTo(tracer, decoded, [chosen], options).catch(unlessSettled),
  };
  return undoingOnFailure(
    () => followForks(selection, `apply patch "${name}"`, result, follower),
    async () => {
      if (options.replace) throw refuse("unfinished-transaction", `take patch "${name}" back`, "the patches that it replaced are gone; apply it to the processes that lack it");
      await revertFrom(tracer, name, await chooseProcesses(selection), withoutForce(options));
    },
  );
}

function applyTo(tracer: TracerClient, image: PatchImage, chosen: readonly ChosenProcess[], options: TransactionOptions): Promise<TransactionResult> {
  return withLockedProcesses(tracer, chosen, (opens) => staging(opens, image, "apply", options, async (staged) => {
    const result = await activateIn("apply", staged, options);
    if (options.dryRun) await undoInEach(staged, giveBack);
    return result;
  }));
}
