// What became of every fix, kept for the table in docs/CVES.md: `npm run cves` writes it from here, and the tests check
// that what it says is what they find.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory } from "../support/mod.ts";
import { diffsOf, nameOf, type Fix, type FixOutcome, type PatchedProgram } from "./fix.ts";
import type { Stops } from "./round.ts";

export interface FixResult {
  readonly fix: string;
  /** Other diffs in the same patch, before it. */
  readonly on: readonly string[];
  readonly verdict: "patched" | "refused";
  readonly effect: string;
  /** Why it is refused. */
  readonly reason?: string;
  readonly functions?: readonly string[];
  readonly imageBytes?: number;
  readonly buildMilliseconds?: number;
  readonly stops?: Stops;
}

export interface ProgramResults {
  readonly program: string;
  readonly version: string;
  /** Newer versions, which the mirror names and does not have. */
  readonly unavailable?: readonly string[];
  readonly fixes: readonly FixResult[];
}

export function resultOf<Server>(fix: Fix<Server>, outcome: FixOutcome, stops?: Stops): FixResult {
  const head = { fix: nameOf(fix), on: diffsOf(fix).slice(0, -1).map((patch) => nameOf({ patch })), effect: fix.effect };
  if (outcome.kind === "refused") return { ...head, verdict: "refused", reason: outcome.error.message };
  const { functions, milliseconds } = outcome.built;
  return {
    ...head, verdict: "patched", functions: functions.map(({ name }) => name), imageBytes: outcome.bytes, buildMilliseconds: milliseconds,
    ...(stops === undefined ? {} : { stops }),
  };
}

const fileOf = async (program: string): Promise<string> => join(await cacheDirectory("real"), `${program}.json`);

export async function keepResults({ source }: PatchedProgram, fixes: readonly FixResult[]): Promise<ProgramResults> {
  const { name: program, version, unavailable } = source;
  const results = { program, version, unavailable, fixes };
  await writeFile(await fileOf(program), `${JSON.stringify(results, null, 2)}\n`);
  return results;
}

/** Of the last whole run of the tests. */
export async function readResults(program: string): Promise<ProgramResults> {
  const text = await readFile(await fileOf(program), "utf8").catch((cause: unknown) => {
    throw new Error(`Cannot read what became of the fixes of ${program}: no run of the tests has kept it; npm run test:real does`, { cause });
  });
  return JSON.parse(text) as ProgramResults;
}
