// One all-stop switch, tried until it succeeds or the caller's time is up. Applying and reverting both come here, with
// the target state swapped. Between two tries every thread runs freely; a relative timeout of an interrupted call begins anew
// with each try, so the pauses grow.

import { setTimeout as sleep } from "node:timers/promises";
import { formatAddress } from "../address.ts";
import { SutureError } from "../errors.ts";
import { nameAt } from "../target/mod.ts";
import type { Target } from "../target/mod.ts";
import type { MemoryWrite, ProcessTransition, TracerBlocker, TracerClient, TransitionOutcome } from "../tracer.ts";
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
  /** Of a process that nobody named: when it ends meanwhile, the others are switched without it. */
  readonly chosen?: ChosenProcess;
}

export interface SwitchReport {
  readonly stop: StopReport;
  /** Those that were there to the end. */
  readonly switched: ReadonlySet<number>;
}

/** All processes or none. `act` is what is being done, for messages. Refuses: blocked, over-budget, bytes-mismatch, process-gone, interrupted. */
export async function switchCode(tracer: TracerClient, act: string, wanted: readonly Switch[], options: TransactionOptions): Promise<SwitchReport> {
  const started = performance.now();
  const deadline = started + (options.timeout ?? defaultTimeout);
  let switches = wanted;
  for (let attempts = 1, pause = firstPause; ; attempts++, pause = Math.min(2 * pause, longestPause)) {
    checkWanted(act, options);
    const outcome = await attempt(tracer, switches, options);
    if (!(outcome instanceof SutureError) && outcome.outcome === "done") {
      return { stop: { ...held(outcome.stop), attempts }, switched: new Set(switches.map(({ target }) => target.pid)) };
    }
    const remaining = await withoutEnded(switches);
    if (remaining.length > 0 && remaining.length < switches.length) {
      switches = remaining;
      continue;
    }
    const failure = outcome instanceof SutureError ? outcome : await explain(act, outcome, switches, attempts, performance.now() - started, options);
    const left = deadline - performance.now();
    if (!isWorthAnotherTry(failure) || left <= 0) throw failure;
    await sleep(Math.min(pause, left));
  }
}

/** An error is an outcome too: that of a process which ended may have any kind. */
async function attempt(tracer: TracerClient, switches: readonly Switch[], { maxStop }: TransactionOptions): Promise<TransitionOutcome | SutureError> {
  try {
    return await tracer.transition({ processes: switches.map(requestFor), maxStopMicroseconds: maxStop ?? defaultBudget(switches) });
  } catch (error) {
    if (error instanceof SutureError) return error;
    throw error;
  }
}

async function withoutEnded(switches: readonly Switch[]): Promise<readonly Switch[]> {
  const isThere = await Promise.all(switches.map(({ chosen }) => chosen === undefined || chosen.isNamed || isStillThere(chosen)));
  return switches.filter((_, at) => isThere[at]);
}

const requestFor = ({ target, forbidden, writes }: Switch): ProcessTransition => ({
  pid: target.pid, startTime: target.process.startTime,
  forbidden: forbidden.map(({ start, end }) => ({ start, end })),
  writes: writes.map(({ of: _, ...write }) => write),
});

/** Ten times what a stop of so many busy threads was measured to take, and some for a loaded machine. */
function defaultBudget(switches: readonly Switch[]): number {
  const threads = switches.reduce((sum, { target }) => sum + target.process.threads, 0);
  return 20_000 + 100 * threads;
}

const held = ({ workingMicroseconds, sleepingMicroseconds }: Omit<StopReport, "attempts">): Omit<StopReport, "attempts"> =>
  ({ workingMicroseconds, sleepingMicroseconds });

function checkWanted(act: string, { signal }: TransactionOptions): void {
  if (signal?.aborted) throw refuse("interrupted", act, "interrupted; nothing was changed");
}

const isWorthAnotherTry = ({ kind }: SutureError): boolean => kind === "blocked" || kind === "over-budget";

type Failure = Exclude<TransitionOutcome, { readonly outcome: "done" }>;

async function explain(act: string, outcome: Failure, switches: readonly Switch[], attempts: number, elapsed: number, { onProgress }: TransactionOptions): Promise<SutureError> {
  const tried = `tried ${attempts === 1 ? "once" : `${attempts} times in ${(elapsed / 1000).toFixed(1)} s`}`;
  switch (outcome.outcome) {
    case "blocked": {
      const blockers = await Promise.all(outcome.blockers.map((blocker) => nameBlocker(blocker, switches)));
      onProgress?.({ step: "blocked", attempt: attempts, blockers });
      return refuse("blocked", act, `${describeBlockers(blockers)}; ${tried}, nothing was changed; a longer timeout may help`, { blockers: blockers.map((blocker) => ({ ...blocker })), attempts });
    }
    case "over-budget":
      onProgress?.({ step: "over-budget", attempt: attempts });
      return refuse("over-budget", act, `working threads would have been held too long; ${tried}, nothing was changed; allow a longer stop or try when the machine is less busy`, { ...held(outcome.stop), attempts });
    case "mismatch": {
      const write = switches.find(({ target }) => target.pid === outcome.pid)?.writes.find(({ at }) => at === outcome.at);
      return bytesMismatch(act, write?.of ?? "memory", outcome.at, write?.expected ?? new Uint8Array(), outcome.found);
    }
    case "gone": return refuse("process-gone", act, "the process has ended", { pid: outcome.pid });
  }
}

async function nameBlocker({ pid, of, tid, threadName, reason, forbidden, frames }: TracerBlocker, switches: readonly Switch[]): Promise<Blocker> {
  const found = switches.find(({ target }) => target.pid === of);
  const head = { pid, tid, thread: threadName, stack: found === undefined ? frames.map(formatAddress) : await nameFrames(found.target, frames) };
  if (reason !== "in-use") return { ...head, reason };
  const range = found?.forbidden[forbidden ?? -1];
  const depth = frames.findIndex((frame) => range !== undefined && range.start < frame && frame <= range.end);
  return { ...head, reason, function: range?.function ?? head.stack[Math.max(depth, 0)] ?? "???" };
}

/** All but the innermost are return addresses, which may lie behind the end of a function whose last act is a call. */
const nameFrames = (target: Target, frames: TracerBlocker["frames"]): Promise<readonly string[]> =>
  Promise.all(frames.map((frame, depth) => nameAt(target, frame, { isReturnAddress: depth > 0 })));

const mostNamed = 3;

function describeBlockers(blockers: readonly Blocker[]): string {
  const named = blockers.slice(0, mostNamed).map(describeBlocker).join(", ");
  return blockers.length > mostNamed ? `${named} and ${blockers.length - mostNamed} more` : named;
}

function describeBlocker(blocker: Blocker): string {
  const thread = `thread ${blocker.tid} (${blocker.thread})`;
  switch (blocker.reason) {
    case "in-use": return `${thread} is in ${blocker.function}`;
    case "unreliable-stack": return `${thread} has a stack that cannot be read to its end`;
    case "not-stopped": return `${thread} did not stop`;
  }
}
