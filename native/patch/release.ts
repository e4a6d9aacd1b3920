// Gives the memory of a reverted patch back, unless the process still refers to it: a string or a function of the patch may
// live on in the process's own data, and would dangle. Such a patch is retired: its memory stays, its name is free, and
// whoever changes the process next tries again.

import { setTimeout as sleep } from "node:timers/promises";
import { SutureError } from "../errors.ts";
import { codeOf } from "./forbidden.ts";
import { forgetFrames } from "./frames.ts";
import { unmapOurs } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerPatch } from "./ledger-records.ts";
import { placeOf } from "./ledger-state.ts";
import type { OpenProcess } from "./open-process.ts";
import { isLedTo, isReferredTo } from "./references.ts";
import { unstagePatch } from "./stage.ts";
import { switchCode } from "./transition.ts";

/** What a function that has just returned left in registers and on its stack is soon overwritten. */
const looks = 4;
const pause = 25;

/** Right after a stop in which nobody was in its code. `isUnreferenced`: nor, as that stop has shown, did the process refer to it. */
export async function releasePatch(open: OpenProcess, ledger: Ledger, patch: LedgerPatch, isUnreferenced = false): Promise<"freed" | "retired"> {
  const isKnownFree = isUnreferenced && !await isLedTo(open.tracer, open.process, patch);
  if ((!isKnownFree && await isReferredToAfter(open, patch, looks)) || !await isForgotten(open, patch)) {
    await ledger.append({ record: "retired", name: patch.name });
    return "retired";
  }
  await unstagePatch(open.tracer, open.process, patch, ledger);
  return "freed";
}

/** Those that nothing refers to any more, and nobody is in: a pointer may have been called meanwhile. */
export async function freeRetired(open: OpenProcess, ledger: Ledger): Promise<boolean> {
  let isAnyFreed = false;
  for (const patch of ledger.retired) {
    const at = placeOf(patch);
    if (at === undefined || await isInUse(open, patch) || await isReferredToAfter(open, patch, 1)) continue;
    if (!await isForgotten(open, patch)) continue;
    await unmapOurs(open.tracer, open.process, patch.mappings);
    await ledger.append({ record: "freed", at });
    isAnyFreed = true;
  }
  return isAnyFreed;
}

/** An unwinder that could not be told, because no thread is free for the call or there is no room for its stack, would go on reading the table. */
async function isForgotten({ tracer, process }: OpenProcess, patch: LedgerPatch): Promise<boolean> {
  try {
    await forgetFrames(tracer, process, patch);
    return true;
  } catch (error) {
    if (error instanceof SutureError && (error.kind === "cannot-borrow-thread" || error.kind === "out-of-memory")) return false;
    throw error;
  }
}

async function isReferredToAfter({ tracer, process }: OpenProcess, patch: LedgerPatch, attempts: number): Promise<boolean> {
  for (let left = attempts; left > 0; left--) {
    if (left < attempts) await sleep(pause);
    if (!await isReferredTo(tracer, process, patch)) return false;
  }
  return true;
}

async function isInUse({ tracer, target }: OpenProcess, patch: LedgerPatch): Promise<boolean> {
  try {
    await switchCode(tracer, `give back the memory of patch "${patch.name}" in pid ${target.pid}`, [{ target, forbidden: codeOf(patch), writes: [] }], { timeout: 0 });
    return false;
  } catch (error) {
    if (error instanceof SutureError && (error.kind === "blocked" || error.kind === "over-budget")) return true;
    throw error;
  }
}
