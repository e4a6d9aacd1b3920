// The words behind `npm run bench --`. Refuses: unknown benchmarks and options, numbers that are none.

import { parseArgs } from "node:util";

export interface BenchOptions {
  /** Those that are named; all when there is none. */
  readonly benchmarks: readonly string[];
  readonly threads: readonly number[];
  readonly runs: number;
  readonly gdbRuns: number;
  readonly depths: readonly number[];
  readonly hogs: readonly number[];
  readonly pairs: number;
  readonly seconds: number;
  readonly clients: readonly number[];
  readonly apart: boolean;
  readonly rounds: number;
  readonly json: boolean;
  readonly help: boolean;
  /** Where the raw figures go; a file named for the time when not given. */
  readonly out?: string;
}

export class UsageError extends Error {}

export const optionsHelp = `
  --threads N,…   pause: numbers of threads (1,8,64,256,1024)
  --runs N        pause: applies and as many reverts in each situation (50); call: measurements of each sort
  --gdb-runs N    pause: how often gdb attaches in each situation (2)
  --depths N,…    pause: KiB of stack that every thread uses (0,64)
  --hogs N,…      pause: numbers of other programs that want the processors (0,6)
  --pairs N       latency: pairs of runs, one with switches and one without (4)
  --seconds N     latency: length of a run; pause: after so long 30 switches are enough in a situation (10)
  --clients N,…   latency: connections that ask at the same time (1,20)
  --apart         latency: server and clients share one processor, and the engine has another
  --rounds N      soak: applies and as many reverts (1000)
  --json          one JSON document with every single figure on standard output
  --out FILE      where that document goes too (bench/TIME.json)
  --help`;

export function readOptions(words: readonly string[], known: readonly string[]): BenchOptions {
  const { values, positionals } = parse(words);
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new UsageError(`Cannot run ${unknown.join(", ")}: the benchmarks are ${known.join(", ")}`);
  return {
    benchmarks: positionals.length > 0 ? known.filter((name) => positionals.includes(name)) : known,
    threads: readNumbers("threads", values.threads, 1),
    runs: readNumber("runs", values.runs, 1),
    gdbRuns: readNumber("gdb-runs", values["gdb-runs"], 0),
    depths: readNumbers("depths", values.depths, 0),
    hogs: readNumbers("hogs", values.hogs, 0),
    pairs: readNumber("pairs", values.pairs, 1),
    seconds: readNumber("seconds", values.seconds, 1),
    clients: readNumbers("clients", values.clients, 1),
    apart: values.apart,
    rounds: readNumber("rounds", values.rounds, 1),
    json: values.json,
    help: values.help,
    ...(values.out === undefined ? {} : { out: values.out }),
  };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        threads: { type: "string", default: "1,8,64,256,1024" },
        runs: { type: "string", default: "50" },
        "gdb-runs": { type: "string", default: "2" },
        depths: { type: "string", default: "0,64" },
        hogs: { type: "string", default: "0,6" },
        pairs: { type: "string", default: "4" },
        seconds: { type: "string", default: "10" },
        clients: { type: "string", default: "1,20" },
        apart: { type: "boolean", default: false },
        rounds: { type: "string", default: "1000" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
        out: { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError(`Cannot read the command line: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const readNumbers = (name: string, text: string, least: number): readonly number[] => text.split(",").map((part) => readNumber(name, part, least));

function readNumber(name: string, text: string, least: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least) return number;
  throw new UsageError(`Cannot read --${name} ${text}: it takes whole numbers, at least ${least}`);
}
