// What clients of a server notice when it is patched and given back again and again: redis under redis-benchmark, and
// nginx, master and worker, under wrk. Runs with switches and without take turns; each pair gives a ratio.

import { setTimeout as sleep } from "node:timers/promises";
import { applyPatch, createPatchImage, readDiff, revertPatch, Tracer, type Processes, type Tracer as Engine } from "../../native/mod.ts";
import { formatTable } from "../table.ts";
import type { Benchmark } from "./benchmark.ts";
import { startNginxUnderLoad, startRedisUnderLoad, type LoadFigures, type ServerUnderLoad } from "./latency-servers.ts";
import type { BenchOptions } from "./options.ts";
import { setNiceness } from "./priority.ts";
import { summarize } from "./statistics.ts";

/** Applies, and as many reverts, in one run. */
const switches = 10;
/** The part of a run over which they are spread. */
const share = 0.9;

interface Pair {
  readonly without: LoadFigures;
  readonly with: LoadFigures;
  /** For how long the working threads were held, each time; microseconds. */
  readonly held: readonly number[];
}

interface ServerResult {
  readonly server: string;
  readonly patch: string;
  readonly pairs: readonly Pair[];
}

export const latency: Benchmark = {
  name: "latency",
  summary: "latencies of redis and nginx as their clients see them, with switches and without",
  run: async (options, say) => {
    if (!setNiceness(options.nice)) say("not permitted to change our priority: it stays as it is");
    await using tracer = await Tracer.start();
    const results: ServerResult[] = [];
    for (const start of [startRedisUnderLoad, startNginxUnderLoad]) {
      await using server = await start();
      results.push(await measureServer(tracer, server, options, say));
    }
    setNiceness(0);
    return { text: results.map(describe).join("\n\n"), raw: results };
  },
};

async function measureServer(tracer: Engine, server: ServerUnderLoad, { pairs: wanted, seconds }: BenchOptions, say: (line: string) => void): Promise<ServerResult> {
  const { image, manifest: { name } } = await createPatchImage(tracer, [await readDiff(server.diff)], { source: server.tree, target: server.program });
  await server.load(2);
  const pairs: Pair[] = [];
  for (let pair = 0; pair < wanted; pair++) {
    const held: number[] = [];
    const runs = [
      async () => ({ without: await server.load(seconds) }),
      async () => {
        const [figures] = await Promise.all([server.load(seconds), switchBackAndForth(tracer, image, name, server.processes, seconds, held)]);
        return { with: figures };
      },
    ];
    // What the first run of a pair does to the machine must not count for one side only.
    const [first, second] = pair % 2 === 0 ? runs : runs.reverse();
    const figures = { ...await first?.(), ...await second?.() } as Pick<Pair, "with" | "without">;
    pairs.push({ ...figures, held });
    say(`${server.name}: pair ${pair + 1} of ${wanted}, p99.9 × ${ratio(figures, "p999").toFixed(3)}`);
  }
  return { server: server.name, patch: name, pairs };
}

async function switchBackAndForth(tracer: Engine, image: Uint8Array, name: string, processes: Processes, seconds: number, held: number[]): Promise<void> {
  const pause = 1000 * share * seconds / (2 * switches);
  for (let done = 0; done < switches; done++) {
    for (const change of [() => applyPatch(tracer, image, processes), () => revertPatch(tracer, name, processes)]) {
      const started = performance.now();
      held.push((await change()).stop.workingMicroseconds);
      await sleep(Math.max(0, pause - (performance.now() - started)));
    }
  }
}

type Figure = "p50" | "p99" | "p999";

const ratio = (pair: Pick<Pair, "with" | "without">, figure: Figure): number => pair.with[figure] / pair.without[figure];

function describe({ server, patch, pairs }: ServerResult): string {
  const columns = ["p50", "p99", "p999"] as const;
  const cells = (figures: LoadFigures): (string | number)[] => [...columns.map((column) => figures[column]), figures.maximum, figures.requests, figures.errors];
  const rows = pairs.flatMap((pair, index) => [
    [`pair ${index + 1}, without`, ...cells(pair.without)],
    [`pair ${index + 1}, with`, ...cells(pair.with)],
    ["  ratio", ...columns.map((column) => ratio(pair, column).toFixed(3)), "", (pair.with.requests / pair.without.requests).toFixed(3), ""],
  ]);
  const medians = columns.map((column) => summarize(pairs.map((pair) => ratio(pair, column))).median.toFixed(3));
  const held = summarize(pairs.flatMap((pair) => pair.held));
  return [
    formatTable([[`${server}, µs`, "p50", "p99", "p99.9", "max", "requests", "errors"], ...rows, ["median of the ratios", ...medians, "", "", ""]]),
    `${patch}: ${switches} applies and ${switches} reverts in each run "with"; working threads held ${Math.round(held.median)} µs (median), ${Math.round(held.maximum)} µs at most`,
  ].join("\n");
}
