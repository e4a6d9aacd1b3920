// Applies a patch: check, stage, commit; or gives everything back.

import { decodeImage } from "../image/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { checkPatch } from "./check.ts";
import { readEntries, summarize } from "./entries.ts";
import { oldFunctionsOf } from "./forbidden.ts";
import { dropEmptyLedger, ensureLedger } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerPatch } from "./ledger-records.ts";
import type { OpenProcess } from "./open-process.ts";
import { refuse } from "./refusal.ts";
import { recordLength, stagePatch, unstagePatch } from "./stage.ts";
import { resultOf, undoingOnFailure, withLockedProcess } from "./transaction.ts";
import { switchCode } from "./transition.ts";
import type { SwitchWrite } from "./transition.ts";
import type { StopReport, TransactionOptions, TransactionResult } from "./types.ts";

/**
 * Redirects the old functions of a running process to those of a patch image: all of them in one stop, or none. On any
 * failure the process is as it was. With `dryRun` everything is done up to and including one stop in which every stack is
 * checked, and then given back.
 */
export async function applyPatch(tracer: TracerClient, image: Uint8Array, pid: number, options: TransactionOptions = {}): Promise<TransactionResult> {
  const decoded = decodeImage(image);
  const result = await withLockedProcess(tracer, pid, async (open) => {
    const bound = await checkPatch(decoded, open.target, open.ledger?.patches ?? []);
    // Everything so far has only read.
    const ledger = await ensureLedger(tracer, open.target, open.process, open.ledger, recordLength(bound));
    return undoingOnFailure(async () => {
      const { patch, bytes } = await stagePatch(tracer, open.target, open.process, bound, ledger);
      return undoingOnFailure(async () => {
        options.onProgress?.({ step: "staged", pid, bytes });
        return options.dryRun ? await rehearse(open, ledger, patch, options) : await commit(open, ledger, patch, options);
      }, () => giveBack(open, ledger, patch));
    }, () => dropEmptyLedger(tracer, open.process, ledger));
  });
  if (result.result === "committed") options.onProgress?.({ step: "committed", attempt: result.stop.attempts });
  return result;
}

async function commit(open: OpenProcess, ledger: Ledger, patch: LedgerPatch, options: TransactionOptions): Promise<TransactionResult> {
  const { name } = patch;
  await ledger.append({ record: "activating", name });
  const { seal, sealed } = await ledger.prepare({ record: "active", name });
  const entries = patch.functions.map((each) => ({ at: each.at, expected: each.saved, replacement: each.jump, of: `function ${each.name}` }));
  const stop = await switchTo(open, patch, [...entries, { ...seal, of: "the ledger" }], options);
  sealed();
  return resultOf("committed", open.process.pid, patch, stop);
}

async function rehearse(open: OpenProcess, ledger: Ledger, patch: LedgerPatch, options: TransactionOptions): Promise<TransactionResult> {
  const stop = await switchTo(open, patch, [], options);
  await giveBack(open, ledger, patch);
  await dropEmptyLedger(open.tracer, open.process, ledger);
  return resultOf("checked", open.process.pid, patch, stop);
}

const switchTo = ({ tracer, target }: OpenProcess, patch: LedgerPatch, writes: readonly SwitchWrite[], options: TransactionOptions): Promise<StopReport> =>
  switchCode(tracer, `apply patch "${patch.name}" to pid ${target.pid}`, [{ target, forbidden: oldFunctionsOf(patch), writes }], options);

/** Only when every entry is seen to be the old one: nothing may lead to what is taken away. */
async function giveBack({ tracer, process }: OpenProcess, ledger: Ledger, patch: LedgerPatch): Promise<void> {
  const held = summarize((await readEntries(tracer, process, patch)).filter(({ holds }) => holds !== "foreign"));
  if (held !== "old") {
    throw refuse("unfinished-transaction", `undo patch "${patch.name}" in pid ${process.pid}`, `its entries are ${held}; the next apply or revert will settle that`, { patch: patch.name });
  }
  await unstagePatch(tracer, process, patch, ledger);
}
