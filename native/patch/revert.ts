// Reverts a patch: the transition of applying with the target state swapped, and then its memory is given back.

import type { TracerClient } from "../tracer.ts";
import { bytesMismatch } from "./check.ts";
import { readEntries } from "./entries.ts";
import { codeOf } from "./forbidden.ts";
import { dropEmptyLedger, ensureLedger } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerPatch } from "./ledger-records.ts";
import type { OpenProcess } from "./open-process.ts";
import { refuse } from "./refusal.ts";
import { releasePatch } from "./release.ts";
import { resultOf, undoingOnFailure, withLockedProcess } from "./transaction.ts";
import { switchCode } from "./transition.ts";
import type { SwitchWrite } from "./transition.ts";
import type { StopReport, TransactionOptions, TransactionResult } from "./types.ts";

/**
 * Puts the old functions back in one stop in which no thread is in the patch's code, and unmaps it, unless the process
 * still refers to something in it; with the last patch the ledger goes too. With `dryRun` only that stop is made, and nothing is changed.
 */
export async function revertPatch(tracer: TracerClient, name: string, pid: number, options: TransactionOptions = {}): Promise<TransactionResult> {
  const result = await withLockedProcess(tracer, pid, async (open) => {
    const patch = findPatch(open, name);
    await checkEntries(open, patch);
    if (options.dryRun) return resultOf("checked", pid, patch, await switchFrom(open, patch, [], options));
    const ledger = await ensureLedger(tracer, open.target, open.process, open.ledger, 0);
    const stop = await undoingOnFailure(() => deactivate(open, ledger, patch, options), () => ledger.append({ record: "active", name }));
    const isMemoryKept = await releasePatch(open, ledger, patch) === "retired";
    await dropEmptyLedger(tracer, open.process, ledger);
    return resultOf("reverted", pid, patch, stop, { isMemoryKept });
  });
  if (result.result === "reverted") options.onProgress?.({ step: "reverted", attempt: result.stop.attempts });
  return result;
}

function findPatch({ ledger, process: { pid } }: OpenProcess, name: string): LedgerPatch {
  const found = ledger?.find(name)?.patch;
  if (found !== undefined) return found;
  const applied = (ledger?.patches ?? []).map(({ patch }) => patch.name);
  const others = applied.length === 0 ? "no patch is applied" : `applied are ${applied.map((each) => `"${each}"`).join(", ")}`;
  throw refuse("no-such-patch", `revert patch "${name}" of pid ${pid}`, others, { pid, patch: name, applied });
}

/** Bytes that are not ours are not ours to overwrite. */
async function checkEntries({ tracer, process }: OpenProcess, patch: LedgerPatch): Promise<void> {
  for (const { function: each, found, holds } of await readEntries(tracer, process, patch)) {
    if (holds !== "new") throw bytesMismatch(`revert patch "${patch.name}" of pid ${process.pid}`, `function ${each.name}`, each.at, each.jump, found);
  }
}

async function deactivate(open: OpenProcess, ledger: Ledger, patch: LedgerPatch, options: TransactionOptions): Promise<StopReport> {
  const { name } = patch;
  await ledger.append({ record: "deactivating", name });
  const { seal, sealed } = await ledger.prepare({ record: "inactive", name });
  const entries = patch.functions.map((each) => ({ at: each.at, expected: each.jump, replacement: each.saved, of: `function ${each.name}` }));
  const stop = await switchFrom(open, patch, [...entries, { ...seal, of: "the ledger" }], options);
  sealed();
  return stop;
}

const switchFrom = ({ tracer, target }: OpenProcess, patch: LedgerPatch, writes: readonly SwitchWrite[], options: TransactionOptions): Promise<StopReport> =>
  switchCode(tracer, `revert patch "${patch.name}" of pid ${target.pid}`, [{ target, forbidden: codeOf(patch), writes }], options);
