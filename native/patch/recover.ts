// For people and programs who want to know: settles what an interrupted run left, and says what that was. Applying and
// reverting do the same on their own before they begin.

import type { TracerClient } from "../tracer.ts";
import type { SettledPatch } from "./settle.ts";
import { withLockedProcess } from "./transaction.ts";

export interface RecoveryReport {
  readonly pid: number;
  readonly program: string;
  readonly patches: readonly SettledPatch[];
}

/** Refuses: locked, bad-ledger, unfinished-transaction, blocked. */
export async function recoverProcess(tracer: TracerClient, pid: number): Promise<RecoveryReport> {
  return withLockedProcess(tracer, pid, async ({ target }, patches) => ({ pid, program: target.process.program, patches }));
}
