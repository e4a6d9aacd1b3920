// What clients of a server notice when it is patched and given back again and again: redis under redis-benchmark, and
// nginx, master and worker, under wrk. Runs with switches and without take turns; each pair gives a ratio. So does a third run, in which we
// compute at the same moments for as long as the switches took of a processor, and touch nothing: what remains is of the switches themselves.

import { setTimeout as sleep } from "node:timers/promises";
import { applyPatch, createPatchImage, readDiff, revertPatch, Tracer, type Processes, type Tracer as Engine } from "../../native/mod.ts";
import { formatTable } from "../table.ts";
import type { Benchmark } from "./benchmark.ts";
import { startNginxUnderLoad, startRedisUnderLoad, type LoadFigures, type ServerUnderLoad } from "./latency-servers.ts";
import { UsageError, type BenchOptions } from "./options.ts";
import { setApart } from "./priority.ts";
import { summarize } from "./statistics.ts";

/** Applies, and as many reverts, in one run. */
const switches = 10;
/** The part of a run over which they are spread. */
const share = 0.9;

interface Pair {
  readonly without: LoadFigures;
  readonly with: LoadFigures;
  readonly computing: LoadFigures;
  /** For how long the working threads were held, each time; microseconds. */
  readonly held: readonly number[];
}

interface ServerResult {
  readonly server: string;
  readonly clients: number;
  readonly patch: string;
  readonly pairs: readonly Pair[];
}

export const latency: Benchmark = {
  name: "latency",
  summary: "latencies of redis and nginx as their clients see them, with switches and without",
  run: async (options, say) => {
    if (!setApart(options.apart)) throw new UsageError("Cannot keep the engine apart: there is only one processor");
    await using tracer = await Tracer.start();
    const results: ServerResult[] = [];
    for (const start of [startRedisUnderLoad, startNginxUnderLoad]) {
      await using server = await start();
      for (const clients of options.clients) results.push(await measureServer(tracer, server, clients, options, say));
    }
    setApart(false);
    return { text: results.map(describe).join("\n\n"), raw: results };
  },
};

async function measureServer(tracer: Engine, server: ServerUnderLoad, clients: number, { pairs: wanted, seconds }: BenchOptions, say: (line: string) => void): Promise<ServerResult> {
  const { image, manifest: { name } } = await createPatchImage(tracer, [await readDiff(server.diff)], { source: server.tree, target: server.program });
  await server.load(2, clients);
  let computed = await processorTime(() => switchBackAndForth(tracer, image, name, server.processes, 1, []));
  const pairs: Pair[] = [];
  for (let pair = 0; pair < wanted; pair++) {
    const held: number[] = [];
    const runs = [
      async () => ({ without: await server.load(seconds, clients) }),
      async () => {
        const switching = processorTime(() => switchBackAndForth(tracer, image, name, server.processes, seconds, held));
        const figures = await server.load(seconds, clients);
        computed = await switching;
        return { with: figures };
      },
      async () => {
        const computing = repeatedly(seconds, () => compute(computed / (2 * switches)));
        const figures = await server.load(seconds, clients);
        await computing;
        return { computing: figures };
      },
    ];
    // What the first run of a pair does to the machine must not count for one side only.
    const figures: Partial<Pair> = {};
    for (const each of pair % 2 === 0 ? runs : runs.reverse()) Object.assign(figures, await each());
    const complete = { ...figures, held } as Pair;
    pairs.push(complete);
    say(`${server.name}, ${clients} clients: pair ${pair + 1} of ${wanted}, p99.9 × ${ratio(complete, "with", "p999").toFixed(3)}, computing × ${ratio(complete, "computing", "p999").toFixed(3)}`);
  }
  return { server: server.name, clients, patch: name, pairs };
}

/** Milliseconds that our own process takes of a processor meanwhile; those of the helper come to it, and are not counted. */
async function processorTime(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function compute(milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
  return Promise.resolve();
}

async function switchBackAndForth(tracer: Engine, image: Uint8Array, name: string, processes: Processes, seconds: number, held: number[]): Promise<void> {
  const change = (done: number) => (done % 2 === 0 ? applyPatch(tracer, image, processes) : revertPatch(tracer, name, processes));
  await repeatedly(seconds, async (done) => void held.push((await change(done)).stop.workingMicroseconds));
}

async function repeatedly(seconds: number, work: (done: number) => Promise<void>): Promise<void> {
  const pause = 1000 * share * seconds / (2 * switches);
  for (let done = 0; done < 2 * switches; done++) {
    const started = performance.now();
    await work(done);
    await sleep(Math.max(0, pause - (performance.now() - started)));
  }
}

type Figure = "p50" | "p99" | "p999";

type Sort = "with" | "computing";

const ratio = (pair: Pair, sort: Sort, figure: Figure): number => pair[sort][figure] / pair.without[figure];

function describe({ server, clients, patch, pairs }: ServerResult): string {
  const columns = ["p50", "p99", "p999"] as const;
  const cells = (figures: LoadFigures): (string | number)[] => [...columns.map((column) => figures[column]), figures.maximum, figures.requests, figures.errors];
  const rows = pairs.flatMap((pair, index) => [
    [`pair ${index + 1}, without`, ...cells(pair.without)],
    ...(["with", "computing"] as const).flatMap((sort) => [
      [`pair ${index + 1}, ${sort}`, ...cells(pair[sort])],
      ["  ratio", ...columns.map((column) => ratio(pair, sort, column).toFixed(3)), "", (pair[sort].requests / pair.without.requests).toFixed(3), ""],
    ]),
  ]);
  const medians = (sort: Sort): readonly string[] => columns.map((column) => summarize(pairs.map((pair) => ratio(pair, sort, column))).median.toFixed(3));
  const held = summarize(pairs.flatMap((pair) => pair.held));
  return [
    formatTable([
      [`${server}, ${clients} clients, µs`, "p50", "p99", "p99.9", "max", "requests", "errors"],
      ...rows,
      ["median of the ratios, with", ...medians("with"), "", "", ""],
      ["median of the ratios, computing", ...medians("computing"), "", "", ""],
    ]),
    `${patch}: ${switches} applies and ${switches} reverts in each run "with"; working threads held ${Math.round(held.median)} µs (median), ${Math.round(held.maximum)} µs at most`,
  ].join("\n");
}
