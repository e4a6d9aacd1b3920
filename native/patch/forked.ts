// Workers that were forked while a transaction was under way, from a process that had been staged and not yet switched:
// they were not there to be stopped, and carry the state of the moment of their birth. Who was forked later carries the new one.

import { setTimeout as sleep } from "node:timers/promises";
import { SutureError } from "../errors.ts";
import { findProcesses, isOpen, isStillThere, isYoung } from "./processes.ts";
import type { ChosenProcess, ProcessSelection } from "./processes.ts";
import { refuse } from "./refusal.ts";
import type { ProcessReport, TransactionResult } from "./types.ts";

const pause = 20;
/** On a loaded machine one look can take long; forks are too fast only where many looks have not caught up with them. */
const longest = 10_000;
const mostLooks = 40;
/** A look in which somebody ended before he was asked may have missed what he forked. */
const mostUncertainLooks = 8;

export interface Follower {
  /** Is it in the state that the others were brought to? */
  readonly isDone: (pid: number) => Promise<boolean>;
  /** Undefined: settling what its parent had begun was all that there was to do. */
  readonly change: (chosen: ChosenProcess) => Promise<TransactionResult | undefined>;
}

/** Brings those to the same state, and says so. Looks until everybody who belongs to the selection is in it. */
export async function followForks(selection: ProcessSelection, act: string, done: TransactionResult, { isDone, change }: Follower): Promise<TransactionResult> {
  if (!isOpen(selection)) return done;
  const settled = new Set(done.processes.map(({ pid }) => pid));
  const caught: ProcessReport[] = [];
  const deadline = performance.now() + longest;
  for (let [uncertain, looks] = [0, 1]; ; looks++) {
    const look = await lookFor(selection, settled, isDone);
    for (const each of look.lacking) {
      const changed = await unlessEnded(each, () => change(each));
      caught.push(...(changed?.processes ?? []).map((report) => ({ ...report, forkedMeanwhile: true as const })));
    }
    if (look.vanished) uncertain++;
    const isOver = look.lacking.length === 0 && !look.waiting && (!look.vanished || uncertain >= mostUncertainLooks);
    if (isOver) return { ...done, processes: [...done.processes, ...caught] };
    if (performance.now() > deadline && looks >= mostLooks) throw refuse("unfinished-transaction", act, "processes went on being forked faster than they could be looked at", {});
    if (look.waiting) await sleep(pause);
  }
}

/** A worker that was forked in the middle has the intent of its parent; settling that may have been all there was to do. */
export function unlessSettled(error: unknown): undefined {
  if (!(error instanceof SutureError) || !["no-such-patch", "not-active", "already-applied"].includes(error.kind)) throw error;
}

interface Look {
  readonly lacking: readonly ChosenProcess[];
  /** Somebody is too young to be told from a child that is about to become another program. */
  readonly waiting: boolean;
  readonly vanished: boolean;
}

async function lookFor(selection: ProcessSelection, settled: Set<number>, isDone: Follower["isDone"]): Promise<Look> {
  const lacking: ChosenProcess[] = [];
  let waiting = false;
  let vanished = false;
  for (const each of await findProcesses(selection)) {
    if (settled.has(each.pid)) continue;
    const answer = await unlessEnded(each, () => isDone(each.pid));
    if (answer === undefined) vanished = true;
    else if (answer) settled.add(each.pid);
    else if (await isYoung(each)) waiting = true;
    else lacking.push(each);
  }
  return { lacking, waiting, vanished };
}

/** Undefined when the process, which nobody named, has ended or become another program meanwhile. */
export async function unlessEnded<Result>(chosen: ChosenProcess, work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (chosen.isNamed || isStillThere(chosen)) throw error;
    return undefined;
  }
}
