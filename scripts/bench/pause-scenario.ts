// One situation of the pause benchmark: a target with so many threads, patched and unpatched again and again; then the
// same target stopped by the floor program and by gdb.
//
// Held: from just before a thread is asked to stop until it has been let go, by the clock of the one who stops it, for the
// worst thread of its sort. A thread that was waiting for a processor all the while counts as held, so it is an upper bound.
// Noticed: the longest time for which a busy thread did not get on, by its own clock, the machine's scheduling included.

import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { $ } from "zx";
import { applyPatch, revertPatch, type Tracer, type TransactionResult } from "../../native/mod.ts";
import { startTarget, type Target } from "../../test/support/mod.ts";
import { keepApart } from "./affinity.ts";
import { startHogs } from "./hogs.ts";
import { ordinarily } from "./priority.ts";

export interface Scenario {
  readonly threads: number;
  readonly busy: number;
  /** KiB of stack that every thread uses. */
  readonly depth: number;
  /** Other programs that want the processors. */
  readonly hogs: number;
}

export interface Plan extends Scenario {
  readonly tracer: Tracer;
  readonly program: string;
  readonly image: Uint8Array;
  readonly name: string;
  readonly floor: string;
  /** Applies, and as many reverts; fewer, but never fewer than half of `leastSwitches`, when `seconds` have passed. */
  readonly runs: number;
  readonly seconds: number;
  readonly gdbRuns: number;
}

export const leastSwitches = 30;
/** With more the machine has no processor for each of them, and what they notice is that. */
const mostToNotice = 2;
const gdbPatience = "60s";

/** Raw figures, one for each run; microseconds unless the name says otherwise. */
export interface Measurements {
  readonly scenario: Scenario;
  readonly apply: readonly SwitchFigures[];
  readonly revert: readonly SwitchFigures[];
  readonly floor: readonly StopFigures[];
  /** The floor with the threads raised to real-time priority for the moment, as the program's own helper does. */
  readonly raisedFloor: readonly StopFigures[];
  /** As the raised one, and each stack is copied before anybody is let go. */
  readonly readingFloor: readonly StopFigures[];
  /** What the busy threads noticed with nothing done to them, for as long as the switch before took; of few threads only. */
  readonly undisturbed: readonly number[];
  readonly gdbMilliseconds: readonly number[];
}

export interface StopFigures {
  readonly workingMicroseconds: number;
  readonly sleepingMicroseconds: number;
}

export interface SwitchFigures extends StopFigures {
  readonly attempts: number;
  readonly wallMilliseconds: number;
  /** Of few busy threads only. */
  readonly noticed?: number;
}

export async function measurePause(plan: Plan): Promise<Measurements> {
  const { threads, busy, depth, hogs, tracer } = plan;
  const [command, parameters] = ordinarily(plan.program, [threads, busy, depth].map(String));
  await using target = await startTarget(command, { parameters, timeout: 60_000 });
  await using _hogs = await startHogs(hogs);
  await using _apart = busy === 1 && hogs === 0 ? await keepApart(target.pid) : undefined;
  const timeout = 30_000;
  const deadline = performance.now() + 1000 * plan.seconds;
  const canNotice = busy <= mostToNotice;
  const apply: SwitchFigures[] = [];
  const revert: SwitchFigures[] = [];
  const undisturbed: number[] = [];
  for (let run = 0; run < plan.runs && (2 * run < leastSwitches || performance.now() < deadline); run++) {
    apply.push(await measureSwitch(target, canNotice, () => applyPatch(tracer, plan.image, target.pid, { timeout })));
    revert.push(await measureSwitch(target, canNotice, () => revertPatch(tracer, plan.name, target.pid, { timeout })));
    if (canNotice) undisturbed.push(await noticedDuring(target, () => sleep(revert.at(-1)?.wallMilliseconds ?? 0)));
  }
  const floor = await measureFloor(plan, target, []);
  const raisedFloor = await measureFloor(plan, target, ["--raise"]);
  const readingFloor = await measureFloor(plan, target, ["--raise", "--read"]);
  const gdbMilliseconds = await measureGdb(target.pid, plan.gdbRuns);
  if (target.exit() !== undefined) throw new Error(`The target of ${threads} threads has ended`);
  return { scenario: { threads, busy, depth, hogs }, apply, revert, floor, raisedFloor, readingFloor, undisturbed, gdbMilliseconds };
}

async function measureSwitch(target: Target, canNotice: boolean, work: () => Promise<TransactionResult>): Promise<SwitchFigures> {
  let figures: SwitchFigures | undefined;
  const measured = async (): Promise<void> => {
    const started = performance.now();
    const { stop: { workingMicroseconds, sleepingMicroseconds, attempts } } = await work();
    figures = { workingMicroseconds, sleepingMicroseconds, attempts, wallMilliseconds: performance.now() - started };
  };
  const noticed = canNotice ? await noticedDuring(target, measured) : await measured();
  if (figures === undefined) throw new Error("The switch gave no result");
  return noticed === undefined ? figures : { ...figures, noticed };
}

/** The worst gap of the busy threads between two questions to the target. */
async function noticedDuring(target: Target, work: () => Promise<unknown>): Promise<number> {
  await askForGap(target);
  await work();
  return askForGap(target);
}

async function askForGap(target: Target): Promise<number> {
  const from = target.lines.length;
  target.write("gap\n");
  return Number((await target.line(/^gap \d+$/, from)).split(" ")[1]);
}

async function measureFloor({ floor, runs }: Plan, { pid }: Target, flags: readonly string[]): Promise<StopFigures[]> {
  const { stdout } = await $({ quiet: true })`${floor} ${pid} ${runs} ${flags}`;
  return stdout.trim().split("\n").map((line) => JSON.parse(line) as StopFigures);
}

/** How long `gdb -p PID -batch` is the process's tracer: it stops every thread when it attaches and keeps them until it leaves. */
async function measureGdb(pid: number, runs: number): Promise<number[]> {
  const figures: number[] = [];
  for (let run = 0; run < runs; run++) {
    const gdb = $({ quiet: true, nothrow: true })`gdb -nx -p ${pid} -batch`.timeout(gdbPatience);
    let hasEnded = false;
    void gdb.finally(() => { hasEnded = true; });
    const isTraced = (): boolean => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    const attached = await momentWhen(() => isTraced() || hasEnded);
    const detached = await momentWhen(() => !isTraced());
    const { exitCode, signal, stdall } = await gdb;
    if (exitCode !== 0 || detached === attached) throw new Error(`gdb has not stopped pid ${pid} (exit code ${exitCode}, signal ${signal}): ${stdall}`);
    figures.push(detached - attached);
  }
  return figures;
}

async function momentWhen(holds: () => boolean): Promise<number> {
  while (!holds()) await turn();
  return performance.now();
}
