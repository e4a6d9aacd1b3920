// For how long threads are held by an apply and by a revert, by number of threads, how many of them work, how deep their
// stacks are and how busy the machine is; next to a bare stop of the same threads and to gdb.
//
// The engine is driven from this one process, and has the processors when it wants them: the figures are about how long a
// stop takes, not about who is scheduled when nobody is stopped. The target and the hogs have the ordinary priority. A
// single busy thread on a machine without hogs has a processor that the engine keeps away from.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { $ } from "zx";
import { Tracer } from "../../native/mod.ts";
import { cacheDirectory, compileTarget } from "../../test/support/mod.ts";
import { formatTable } from "../table.ts";
import type { Benchmark } from "./benchmark.ts";
import type { BenchOptions } from "./options.ts";
import { buildPatch } from "./patches.ts";
import { measurePause, type Measurements, type Scenario, type StopFigures, type SwitchFigures } from "./pause-scenario.ts";
import { setNiceness } from "./priority.ts";
import { summarize } from "./statistics.ts";

export const pause: Benchmark = {
  name: "pause",
  summary: "how long threads are held, next to a bare stop and to gdb",
  run: async (options, say) => {
    const compiled = await compileTarget("bench-threads.c");
    const floor = await compileFloor();
    // The weight of eighty ordinary programs.
    if (!setNiceness(-20)) say("not permitted to prefer ourselves: expect a long wait where many threads are busy");
    await using tracer = await Tracer.start();
    const patch = await buildPatch(tracer, compiled, "bench-threads.patch");
    const measurements: Measurements[] = [];
    for (const scenario of scenariosOf(options)) {
      const gdbRuns = scenario.depth > 0 ? 0 : options.gdbRuns;
      const measured = await measurePause({ ...scenario, tracer, program: compiled.program, ...patch, floor, runs: options.runs, seconds: options.seconds, gdbRuns });
      measurements.push(measured);
      say(`${labelOf(scenario)}: working threads held ${columnsOf(working(switchesOf(measured))).join(", ")} µs (min, median, p99, max)`);
    }
    setNiceness(0);
    return { text: [holdTable(measurements), timeTable(measurements)].join("\n\n"), raw: measurements };
  },
};

async function compileFloor(): Promise<string> {
  const output = join(await cacheDirectory("bench"), "stop-all");
  await $({ quiet: true })`gcc -O2 -Wall -Wextra -Werror -pthread -o ${output} ${fileURLToPath(new URL("../floor/stop-all.c", import.meta.url))}`;
  return output;
}

/** One busy, two busy, all busy; each with stacks that are shallow and deep, on a quiet machine and beside others. */
export function scenariosOf({ threads, hogs, depths }: Pick<BenchOptions, "threads" | "hogs" | "depths">): Scenario[] {
  return hogs.flatMap((count) => depths.flatMap((depth) => threads.flatMap((all) =>
    [...new Set([1, 2, all])].filter((busy) => busy <= all).map((busy) => ({ threads: all, busy, depth, hogs: count })))));
}

const switchesOf = ({ apply, revert }: Measurements): readonly SwitchFigures[] => [...apply, ...revert];
const medianOf = (figures: readonly number[]): number => Math.round(summarize(figures).median);
const columnsOf = (figures: readonly number[]): number[] => {
  const { minimum, median, p99, maximum } = summarize(figures);
  return [minimum, median, p99, maximum].map(Math.round);
};
const working = (figures: readonly StopFigures[]): readonly number[] => figures.map(({ workingMicroseconds }) => workingMicroseconds);
const sleeping = (figures: readonly StopFigures[]): readonly number[] => figures.map(({ sleepingMicroseconds }) => sleepingMicroseconds);

function holdTable(measurements: readonly Measurements[]): string {
  const heads = ["working: min", "median", "p99", "max", "floor", "raised floor", "÷ raised", "stacks read", "sleeping: median", "max", "floor", "gdb, ms"];
  return formatTable([["held, µs", ...heads], ...measurements.map(holdRow)]);
}

/** The ratio is to the floor with raised threads: the one without mostly says how busy the machine is. "stacks read": the raised floor, and each stack copied. */
function holdRow(measured: Measurements): (string | number)[] {
  const switches = switchesOf(measured);
  const ratio = summarize(working(switches)).median / summarize(working(measured.raisedFloor)).median;
  const sleepers = summarize(sleeping(switches));
  return [
    labelOf(measured.scenario), ...columnsOf(working(switches)),
    medianOf(working(measured.floor)), medianOf(working(measured.raisedFloor)), ratio.toFixed(2), medianOf(working(measured.readingFloor)),
    Math.round(sleepers.median), Math.round(sleepers.maximum), medianOf(sleeping(measured.floor)),
    measured.gdbMilliseconds.length === 0 ? "-" : medianOf(measured.gdbMilliseconds),
  ];
}

function timeTable(measurements: readonly Measurements[]): string {
  const rows = measurements.map((measured) => [
    labelOf(measured.scenario),
    medianOf(measured.apply.map(({ wallMilliseconds }) => wallMilliseconds)),
    medianOf(measured.revert.map(({ wallMilliseconds }) => wallMilliseconds)),
    Math.max(...switchesOf(measured).map(({ attempts }) => attempts)),
    ...noticedColumns(switchesOf(measured).flatMap(({ noticed }) => noticed ?? [])),
    ...noticedColumns(measured.undisturbed),
  ]);
  return formatTable([["", "apply, ms", "revert, ms", "attempts, max", "noticed, µs: median", "p99", "undisturbed, µs: median", "p99"], ...rows]);
}

const noticedColumns = (figures: readonly number[]): (string | number)[] => (figures.length === 0 ? ["-", "-"] : columnsOf(figures).slice(1, 3));

function labelOf({ threads, busy, depth, hogs }: Scenario): string {
  const stack = depth === 0 ? "" : `, ${depth} KiB deep`;
  return `${threads} thread${threads === 1 ? "" : "s"}, ${busy === threads ? "all" : busy} busy${stack}${hogs === 0 ? "" : `, ${hogs} hogs`}`;
}
