// One all-stop switch, tried until it succeeds or the caller's time is up. Applying and reverting both come here, with
// the target state swapped. Between two tries every thread runs freely; a relative timeout of an interrupted call begins anew
// with each try, so the pauses grow.

import { setTimeout as sleep } from "node:timers/promises";
import { SutureError } from "../errors.ts";
import type { Target } from "../target/mod.ts";
import type { MemoryWrite, ProcessTransition, ReferenceLook, ScanFigures, TracerClient, TransitionOutcome } from "../tracer.ts";
import { Attempts } from "./attempts.ts";
import { BlockerHistory, blockersJson, describeBlockers, neverLeft } from "./blockers.ts";
import { bytesMismatch } from "./check.ts";
import type { ForbiddenRange } from "./forbidden.ts";
import { isStillThere } from "./processes.ts";
import type { ChosenProcess } from "./processes.ts";
import { refuse } from "./refusal.ts";
import type { Blocker, StopReport, TransactionOptions } from "./types.ts";

const defaultTimeout = 5000;
const firstPause = 5;
const longestPause = 200;

/** A write, and what it changes: "function answer", "the ledger". For messages. */
export interface SwitchWrite extends MemoryWrite {
  readonly of: string;
}

/** What is switched in one process. */
export interface Switch {
  readonly target: Target;
  readonly forbidden: readonly ForbiddenRange[];
  readonly writes: readonly SwitchWrite[];
  /** What is forbidden is about to be given back. */
  readonly leaving?: ReferenceLook;
  /** What is forbidden is old code, which stays: a caller may choose to leave calls in it (`forceActive`). */
  readonly mayForce?: boolean;
  /** Of a process that nobody named: when it ends meanwhile, the others are switched without it. */
  readonly chosen?: ChosenProcess;
}

export interface SwitchReport {
  readonly stop: StopReport;
  /** Those that were there to the end. */
  readonly switched: ReadonlySet<number>;
  /** Those that were seen not to refer to what is leaving. */
  readonly unreferenced: ReadonlySet<number>;
}

/** All processes or none. `act` is what is being done, for messages. Refuses: blocked, over-budget, bytes-mismatch, process-gone, interrupted. */
export async function switchCode(tracer: TracerClient, act: string, wanted: readonly Switch[], options: TransactionOptions): Promise<SwitchReport> {
  const deadline = performance.now() + (options.timeout ?? defaultTimeout);
  const history: History = { attempts: new Attempts(), blockers: new BlockerHistory() };
  let switches = wanted;
  for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
    checkWanted(act, options);
    const outcome = await attempt(tracer, switches, history, options);
    if (!(outcome instanceof SutureError) && outcome.outcome === "done") {
      return { stop: history.attempts.report(), switched: new Set(switches.map(({ target }) => target.pid)), unreferenced: new Set(outcome.unreferenced) };
    }
    const remaining = withoutEnded(switches);
    if (remaining.length > 0 && remaining.length < switches.length) {
      switches = remaining;
      continue;
    }
    const failure = outcome instanceof SutureError ? outcome : await explain(act, outcome, switches, history, options);
    const left = deadline - performance.now();
    if (!isWorthAnotherTry(failure) || left <= 0) throw failure;
    await sleep(Math.min(pause, left));
  }
}

/** Of all attempts so far. */
interface History {
  readonly attempts: Attempts;
  readonly blockers: BlockerHistory;
}

/** An error is an outcome too: that of a process which ended may have any kind. */
async function attempt(tracer: TracerClient, switches: readonly Switch[], { attempts }: History, options: TransactionOptions): Promise<TransitionOutcome | SutureError> {
  attempts.begin();
  try {
    const outcome = await tracer.transition({ processes: switches.map(requestFor), maxStopMicroseconds: budgetOf(switches, options), scanHeap: options.scan === "heap" });
    if (outcome.outcome !== "gone") attempts.held(outcome.stop);
    return outcome;
  } catch (error) {
    if (error instanceof SutureError) return error;
    throw error;
  }
}

function withoutEnded(switches: readonly Switch[]): readonly Switch[] {
  return switches.filter(({ chosen }) => chosen === undefined || chosen.isNamed || isStillThere(chosen));
}

const requestFor = ({ target, forbidden, writes, leaving }: Switch): ProcessTransition => ({
  pid: target.pid, startTime: target.process.startTime,
  forbidden: forbidden.map(({ function: _, ...range }) => range),
  writes: writes.map(({ of: _, ...write }) => write),
  ...(leaving === undefined ? {} : { leaving }),
});

/** By default ten times what a stop of so many busy threads was measured to take, and some for a loaded machine. */
function budgetOf(switches: readonly Switch[], { maxStop }: TransactionOptions): number {
  const threads = switches.reduce((sum, { target }) => sum + target.process.threads, 0);
  return maxStop ?? 20_000 + 100 * threads;
}

function checkWanted(act: string, { signal }: TransactionOptions): void {
  if (signal?.aborted) throw refuse("interrupted", act, "interrupted; nothing was changed");
}

const isWorthAnotherTry = ({ kind }: SutureError): boolean => kind === "blocked" || kind === "over-budget";

type Failure = Exclude<TransitionOutcome, { readonly outcome: "done" }>;

async function explain(act: string, outcome: Failure, switches: readonly Switch[], { attempts, blockers: history }: History, options: TransactionOptions): Promise<SutureError> {
  const stop = attempts.report();
  const data = { stop: { ...stop } };
  const end = `${attempts.describe()}, nothing was changed`;
  switch (outcome.outcome) {
    case "blocked": {
      const blockers = await history.note(outcome, switches);
      options.onProgress?.({ step: "blocked", attempt: stop.attempts, blockers });
      return refuse("blocked", act, `${describeBlockers(blockers)}; ${end}; ${wayOut(blockers, switches)}`, { blockers: blockersJson(blockers), ...data });
    }
    case "over-budget": {
      const budget = budgetOf(switches, options);
      options.onProgress?.({ step: "over-budget", attempt: stop.attempts });
      return refuse("over-budget", act, `${describeExcess(budget, outcome.scan)}; ${end}; try when the machine is less busy, or allow a longer stop`, { maxStopMicroseconds: budget, scan: { ...outcome.scan }, ...data });
    }
    case "mismatch": {
      const write = switches.find(({ target }) => target.pid === outcome.pid)?.writes.find(({ at }) => at === outcome.at);
      return bytesMismatch(act, write?.of ?? "memory", outcome.at, write?.expected ?? new Uint8Array(), outcome.found);
    }
    case "gone": return refuse("process-gone", act, "the process has ended", { pid: outcome.pid });
  }
}

function describeExcess(budget: number, { bytes, microseconds }: ScanFigures): string {
  const limit = `${budget / 1000} ms`;
  if (bytes === 0) return `working threads would have been held for more than ${limit}`;
  return `to look through ${Math.ceil(bytes / 2 ** 20)} MiB of memory takes ${(microseconds / 1000).toFixed(1)} ms, and working threads would have been held for more than ${limit}`;
}

function wayOut(blockers: readonly Blocker[], switches: readonly Switch[]): string {
  const lasting = switches.every(({ mayForce }) => mayForce) ? neverLeft(blockers) : [];
  if (blockers.every(({ reason }) => reason === "in-memory")) return "a longer timeout may help, and a scan of stacks alone (no --scan heap) passes over it: that call will go on in the old code";
  return lasting.length === 0 ? "a longer timeout may help" : `a longer timeout may help, or to force ${lasting.join(", ")} (--force-active): a call that is under way will go on in the old code`;
}
