// One line of the benchmark: a target with so many threads, patched and unpatched again and again; then the same target
// stopped by the floor program and by gdb.

import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { $ } from "zx";
import type { TransactionResult } from "../../native/mod.ts";
import { startTarget, type Target } from "../../test/support/mod.ts";
import { suture } from "../suture.ts";

export interface Scenario {
  readonly threads: number;
  readonly busy: number;
}

export interface Plan extends Scenario {
  readonly program: string;
  readonly image: string;
  readonly name: string;
  readonly floor: string;
  readonly runs: number;
  readonly gdbRuns: number;
}

/** Raw figures, one for each run; microseconds unless the name says otherwise. */
export interface Measurements {
  readonly scenario: Scenario;
  readonly apply: readonly SwitchFigures[];
  readonly revert: readonly SwitchFigures[];
  readonly floor: readonly StopFigures[];
  /** The floor with the threads raised to real-time priority for the moment, as the program's own helper does. */
  readonly raisedFloor: readonly StopFigures[];
  /** What the busy threads themselves noticed, with nothing done to them for as long as an apply and a revert take. */
  readonly undisturbedGaps: readonly number[];
  readonly gdbMilliseconds: readonly number[];
}

export interface StopFigures {
  readonly workingMicroseconds: number;
  readonly sleepingMicroseconds: number;
}

export interface SwitchFigures extends StopFigures {
  readonly attempts: number;
  /** The whole command, Node's start included. */
  readonly wallMilliseconds: number;
  /** The longest pause that a busy thread noticed meanwhile. */
  readonly gap: number;
}

export async function measure(plan: Plan): Promise<Measurements> {
  const { threads, busy, runs } = plan;
  // Nice, so that the commands get a processor at all beside hundreds of busy threads: the figures are about how long a
  // stop takes, not about who is scheduled.
  await using target = await startTarget("nice", { parameters: ["-n", "19", plan.program, String(threads), String(busy), "--traceable"] });
  const apply: SwitchFigures[] = [];
  const revert: SwitchFigures[] = [];
  const undisturbedGaps: number[] = [];
  for (let run = 0; run < runs; run++) {
    undisturbedGaps.push(await gapDuring(target, () => sleep(300)));
    apply.push(await measureSwitch(target, ["apply", plan.image]));
    revert.push(await measureSwitch(target, ["revert", plan.name]));
  }
  const floor = await measureFloor(plan, target, []);
  const raisedFloor = await measureFloor(plan, target, ["--raise"]);
  const gdbMilliseconds = await measureGdb(target.pid, plan.gdbRuns);
  if (target.exit() !== undefined) throw new Error(`The target of ${threads} threads has ended`);
  return { scenario: { threads, busy }, apply, revert, floor, raisedFloor, undisturbedGaps, gdbMilliseconds };
}

async function measureSwitch(target: Target, words: readonly string[]): Promise<SwitchFigures> {
  let wallMilliseconds = 0;
  let result: TransactionResult | undefined;
  const gap = await gapDuring(target, async () => {
    const started = performance.now();
    result = await suture<TransactionResult>([...words, "--pid", String(target.pid), "--timeout", "30s"]);
    wallMilliseconds = performance.now() - started;
  });
  if (!result) throw new Error(`suture ${words.join(" ")} gave no result`);
  const { workingMicroseconds, sleepingMicroseconds, attempts } = result.stop;
  return { workingMicroseconds, sleepingMicroseconds, attempts, wallMilliseconds, gap };
}

/** The worst gap of the busy threads between two questions to the target. */
async function gapDuring(target: Target, work: () => Promise<unknown>): Promise<number> {
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
    const gdb = $({ quiet: true, nothrow: true })`gdb -nx -p ${pid} -batch`;
    const isTraced = async (): Promise<boolean> => !/^TracerPid:\t0$/m.test(await readFile(`/proc/${pid}/status`, "utf8"));
    const attached = await momentWhen(isTraced);
    const detached = await momentWhen(async () => !(await isTraced()));
    await gdb;
    figures.push(detached - attached);
  }
  return figures;
}

async function momentWhen(holds: () => Promise<boolean>): Promise<number> {
  const deadline = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("gdb has not attached or not left for a minute");
  }
  return performance.now();
}
