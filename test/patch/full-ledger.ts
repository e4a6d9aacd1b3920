// A ledger that has no room left: whatever is done next has to make a larger one first.

import { openProcess } from "../../native/patch/open-process.ts";
import type { TracerClient } from "../../native/tracer.ts";

/** With a patch that comes and goes on paper only. */
export async function fillLedger(tracer: TracerClient, pid: number): Promise<void> {
  const { ledger } = await openProcess(tracer, await tracer.describeProcess(pid));
  const patch = ledger?.patches[0]?.patch;
  if (ledger === undefined || patch === undefined) throw new Error("There is no ledger to fill");
  while (ledger.hasRoomFor(1500)) {
    await ledger.append({ record: "staged", patch: { ...patch, name: "filler" } });
    await ledger.append({ record: "gone", name: "filler" });
  }
}
