// What a benchmark is: a file of this folder that exports one of these, and a line in table.ts.

import type { BenchOptions } from "./options.ts";

/** What a benchmark has found: for people, and every single figure that it was made from. */
export interface Report {
  readonly text: string;
  readonly raw: unknown;
}

export interface Benchmark {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** `say` tells how far it is; it is for people who wait. */
  readonly run: (options: BenchOptions, say: (line: string) => void) => Promise<Report>;
}
