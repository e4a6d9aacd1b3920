// Fixes as images, built by the real program.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildResult } from "../../shell/results.ts";
import { runSuture } from "../shell/run-suture.ts";
import { patchFile } from "../support/debian/source.ts";
import { diffsOf, nameOf, type Fix, type FixOutcome, type PatchedProgram } from "./fix.ts";

/** Builds a patch of these of the package's diffs. A refusal is an outcome, a failure of Suture is not. */
export async function buildFix({ source, tree, server }: PatchedProgram, directory: string, name: string, diffs: readonly string[]): Promise<FixOutcome> {
  const image = join(directory, `${name}.suture`);
  const files = diffs.map((diff) => patchFile(source, diff));
  const { exitCode, out, error } = await runSuture(["build", ...files, "--name", name, "--source", tree, "--target", server, "-o", image, "--json"]);
  if (exitCode === 0) return { kind: "built", built: JSON.parse(out) as BuildResult, image, bytes: (await readFile(image)).length };
  if (exitCode !== 5) throw new Error(`suture build of ${name} ended with ${exitCode}: ${error}${out}`);
  return { kind: "refused", error: (JSON.parse(out) as { error: { kind: string; message: string } }).error };
}

/** All of them, in two lanes in the background: the outcome of each is awaited where it is asked for. */
export function buildFixes<Server>(program: PatchedProgram, directory: string, fixes: readonly Fix<Server>[]): (fix: Fix<Server>) => Promise<FixOutcome> {
  const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
  const outcomes = new Map(fixes.map((fix, index) => {
    const lane = index % lanes.length;
    const outcome = (lanes[lane] ?? Promise.resolve()).then(() => buildFix(program, directory, nameOf(fix), diffsOf(fix)));
    lanes[lane] = outcome.catch(() => undefined);
    return [fix.patch, outcome];
  }));
  return (fix) => outcomes.get(fix.patch) ?? Promise.reject(new Error(`Nobody builds ${fix.patch}`));
}
