// `npm run bench`: for how long threads are held, and how long everything takes, by number of threads; next to a bare
// stop of the same threads and to gdb. A table on standard output, all raw figures as JSON.
//
//   npm run bench -- [--threads 1,8,64,256] [--runs 30] [--gdb-runs 3] [--out FILE]

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { $ } from "zx";
import type { BuildResult } from "../shell/results.ts";
import { cacheDirectory, compileTarget, startTarget, type CompiledTarget } from "../test/support/mod.ts";
import { measure, type Measurements, type Scenario } from "./bench/scenario.ts";
import { summarize, type Statistics } from "./bench/statistics.ts";
import { suture } from "./suture.ts";
import { formatTable } from "./table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const options = readOptions();
const machine = await describeMachine();
console.log(`${Object.values(machine).join("; ")}\n`);

const directory = await mkdtemp(join(tmpdir(), "suture-bench-"));
try {
  await bench();
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const target = await compileTarget("bench-threads.c");
  const builds = await measureBuilds(target);
  const floor = await compileFloor();
  const measurements: Measurements[] = [];
  for (const scenario of scenarios()) {
    const image = { image: builds.result.output, name: builds.result.patch.name };
    measurements.push(await measure({ ...scenario, program: target.program, ...image, floor, runs: options.runs, gdbRuns: options.gdbRuns }));
    process.stderr.write(`measured ${scenario.threads} threads, ${scenario.busy} busy\n`);
  }
  const listMilliseconds = await measureList(target.program, builds.result.output);
  console.log(holdTable(measurements));
  console.log();
  console.log(timeTable(measurements));
  console.log();
  console.log(formatTable([
    ["ms", "min", "median", "p99", "max"],
    ["suture build, whole command", ...columns(summarize(builds.wallMilliseconds))],
    ["suture list, one patched process", ...columns(summarize(listMilliseconds))],
  ]));
  await writeRaw({ machine, builds: builds.wallMilliseconds, listMilliseconds, measurements });
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      threads: { type: "string", default: "1,8,64,256" },
      runs: { type: "string", default: "30" },
      "gdb-runs": { type: "string", default: "3" },
      out: { type: "string" },
    },
  });
  return {
    threads: values.threads.split(",").map(Number),
    runs: Number(values.runs),
    gdbRuns: Number(values["gdb-runs"]),
    out: resolve(values.out ?? join(root, "bench", `${new Date().toISOString().replace(/[:.]/g, "-")}.json`)),
  };
}

async function describeMachine() {
  const [processor] = cpus();
  const { stdout: commit } = await $({ quiet: true, nothrow: true, cwd: root })`git rev-parse --short HEAD`;
  return {
    processor: `${cpus().length} × ${processor?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `Linux ${release()}`,
    node: `Node ${process.versions.node}`,
    commit: `commit ${commit.trim() || "unknown"}`,
    command: `npm run bench -- --threads ${options.threads.join()} --runs ${options.runs} --gdb-runs ${options.gdbRuns}`,
    date: new Date().toISOString(),
  };
}

/** One busy, and all busy. */
function scenarios(): Scenario[] {
  return options.threads.flatMap((threads) => [...new Set([1, threads])].map((busy) => ({ threads, busy })));
}

async function measureBuilds({ program, sourceDirectory, compileCommands }: CompiledTarget) {
  const patch = join(sourceDirectory, "bench-threads.patch");
  const words = ["build", patch, "--source", sourceDirectory, "--target", program, "--compile-commands", compileCommands, "-o", join(directory, "bench.suture")];
  const wallMilliseconds: number[] = [];
  let result: BuildResult | undefined;
  for (let run = 0; run < 5; run++) wallMilliseconds.push(await timed(async () => (result = await suture<BuildResult>(words))));
  if (!result) throw new Error("suture build gave no result");
  return { result, wallMilliseconds };
}

async function compileFloor(): Promise<string> {
  const output = join(await cacheDirectory("bench"), "stop-all");
  await $({ quiet: true })`gcc -O2 -Wall -Wextra -Werror -o ${output} ${join(root, "scripts/floor/stop-all.c")}`;
  return output;
}

/** Each one a program started anew, which has to look through every process of the machine. */
async function measureList(program: string, image: string): Promise<number[]> {
  await using target = await startTarget(program, { parameters: ["8", "1", "--traceable"] });
  await suture(["apply", image, "--pid", String(target.pid)]);
  const milliseconds: number[] = [];
  for (let run = 0; run < options.runs; run++) milliseconds.push(await timed(() => suture(["list"])));
  return milliseconds;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function holdTable(measurements: readonly Measurements[]): string {
  const heads = ["threads, busy", "working min", "median", "p99", "max", "floor median", "raised floor", "ratio", "sleeping median", "floor median", "gdb, ms"];
  return formatTable([["held, µs", ...heads.slice(1)], ...measurements.map(holdRow)]);
}

/** The ratio is to the floor with raised threads: the other one mostly says how busy the machine is. */
function holdRow({ scenario, apply, revert, floor, raisedFloor, gdbMilliseconds }: Measurements): (string | number)[] {
  const switches = [...apply, ...revert];
  const working = summarize(switches.map((figures) => figures.workingMicroseconds));
  const floorWorking = summarize(floor.map((figures) => figures.workingMicroseconds));
  const raisedWorking = summarize(raisedFloor.map((figures) => figures.workingMicroseconds));
  return [
    label(scenario),
    ...columns(working),
    Math.round(floorWorking.median),
    Math.round(raisedWorking.median),
    (working.median / raisedWorking.median).toFixed(2),
    Math.round(summarize(switches.map((figures) => figures.sleepingMicroseconds)).median),
    Math.round(summarize(floor.map((figures) => figures.sleepingMicroseconds)).median),
    gdbMilliseconds.length === 0 ? "-" : Math.round(summarize(gdbMilliseconds).median),
  ];
}

function timeTable(measurements: readonly Measurements[]): string {
  const rows = measurements.map(({ scenario, apply, revert, undisturbedGaps }) => [
    label(scenario),
    Math.round(summarize(apply.map((figures) => figures.wallMilliseconds)).median),
    Math.round(summarize(revert.map((figures) => figures.wallMilliseconds)).median),
    Math.max(...[...apply, ...revert].map((figures) => figures.attempts)),
    Math.round(summarize([...apply, ...revert].map((figures) => figures.gap)).median),
    Math.round(summarize(undisturbedGaps).median),
  ]);
  return formatTable([["", "apply, ms", "revert, ms", "attempts, max", "gap noticed, µs", "undisturbed, µs"], ...rows]);
}

function label({ threads, busy }: Scenario): string {
  return `${threads} thread${threads === 1 ? "" : "s"}, ${busy === threads ? "all" : busy} busy`;
}

function columns({ minimum, median, p99, maximum }: Statistics): number[] {
  return [minimum, median, p99, maximum].map(Math.round);
}

async function writeRaw(raw: unknown): Promise<void> {
  await mkdir(dirname(options.out), { recursive: true });
  await writeFile(options.out, `${JSON.stringify(raw, null, 2)}\n`);
  console.log(`\nraw figures: ${options.out}`);
}
