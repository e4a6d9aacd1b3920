// For people and programs who want to know: settles what an interrupted run left, and says what that was; in the processes too
// that were to be switched together with this one. Applying and reverting settle their own processes before they begin.

import { SutureError } from "../errors.ts";
import type { TracerClient } from "../tracer.ts";
import type { ProcessIdentity } from "./ledger.ts";
import { openProcess } from "./open-process.ts";
import { describeOnceUntraced, onceUntraced } from "./our-tracers.ts";
import { peersOf } from "./peers.ts";
import type { SettledPatch } from "./settle.ts";
import { withLockedProcess } from "./transaction.ts";

export interface RecoveryReport {
  readonly pid: number;
  readonly program: string;
  readonly patches: readonly SettledPatch[];
  /** The same of those that were to be switched together with it and that can be looked into. */
  readonly peers?: readonly RecoveryReport[];
}

/** Refuses: locked, bad-ledger, unfinished-transaction, blocked. */
export async function recoverProcess(tracer: TracerClient, pid: number): Promise<RecoveryReport> {
  const { startTime } = await describeOnceUntraced(tracer, pid);
  const { ledger, process } = await onceUntraced(pid, () => openProcess(tracer, { pid, startTime }));
  const others = ledger === undefined ? [] : peersOf(process, ledger.state);
  const report = await recoverOne(tracer, process);
  const peers: RecoveryReport[] = [];
  for (const other of others) {
    const settled = await recoverPeer(tracer, other);
    if (settled !== undefined) peers.push(settled);
  }
  return peers.length === 0 ? report : { ...report, peers };
}

const recoverOne = (tracer: TracerClient, process: ProcessIdentity): Promise<RecoveryReport> =>
  withLockedProcess(tracer, process, async ({ target }, patches) => ({ pid: process.pid, program: target.process.program, patches }));

/** Undefined when it has ended, or is not ours to look into. */
async function recoverPeer(tracer: TracerClient, process: ProcessIdentity): Promise<RecoveryReport | undefined> {
  try {
    return await recoverOne(tracer, process);
  } catch (error) {
    if (error instanceof SutureError && error.exitCode === 3) return undefined;
    throw error;
  }
}
