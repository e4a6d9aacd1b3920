// A patch of two functions as a tool leaves it that dies on its way.

import { decodeImage } from "../../native/image/mod.ts";
import { checkPatch } from "../../native/patch/check.ts";
import type { Ledger, ProcessIdentity } from "../../native/patch/ledger.ts";
import type { LedgerPatch } from "../../native/patch/ledger-records.ts";
import { openProcess } from "../../native/patch/open-process.ts";
import { stagePatch } from "../../native/patch/stage.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { newAnswer, newKeep, patchOf } from "./situations.ts";
import type { Situation } from "./situations.ts";

export interface Begun {
  readonly process: ProcessIdentity;
  readonly ledger: Ledger;
  readonly patch: LedgerPatch;
}

/** As far as a tool comes that dies when it has staged a patch of two functions. */
export async function begin(tracer: TracerClient, situation: Situation): Promise<Begun> {
  const { startTime } = await tracer.describeProcess(situation.pid);
  const process = { pid: situation.pid, startTime };
  const { target, ledger: found } = await openProcess(tracer, process);
  const bound = await checkPatch(decodeImage(patchOf(situation, "half", newAnswer + newKeep, ["answer", "keep"])), target, []);
  const { patch, ledger } = await stagePatch(tracer, target, process, bound, found);
  return { process, ledger, patch };
}
