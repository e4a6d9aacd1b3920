// The program of many situations, compiled in one way after another: its one diff is built into a patch as a user would,
// applied to the running program and reverted.

import { createPatchImage } from "../../native/create/mod.ts";
import type { CreatedPatch } from "../../native/create/mod.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { compileTarget } from "../support/mod.ts";
import type { CompiledTarget, CompileOptions } from "../support/mod.ts";
import { fixOf } from "./fixed-source.ts";
import type { Fix } from "./fixed-source.ts";
import { answersOf, expectedAnswers, patchAndRevert } from "./round-trip.ts";

const unit = "many-situations.c";
const other = "many-situations-other.c";

export interface Situations extends Fix {
  readonly expected: readonly string[];
}

/** What the sources say, once for all ways. */
export async function readSituations(): Promise<Situations> {
  const fix = await fixOf(unit);
  const answers = async (source: string): Promise<readonly string[]> => answersOf(await compileTarget(source, { sources: [other], flags: ["-g", "-O0"] }));
  return { ...fix, expected: expectedAnswers(await answers(unit), await answers(fix.fixed)) };
}

export const compileSituations = (options: CompileOptions): Promise<CompiledTarget> => compileTarget(unit, { ...options, sources: [other] });

export const buildFix = (tracer: TracerClient, { diff }: Fix, { sourceDirectory, program, compileCommands }: CompiledTarget): Promise<CreatedPatch> =>
  createPatchImage(tracer, [diff], { source: sourceDirectory, target: program, compileCommands });

/** What the program answers before, with and after the patch, and what it should. */
export async function patchSituations(tracer: TracerClient, { expected }: Situations, { program }: CompiledTarget, { image, manifest }: CreatedPatch): Promise<{ readonly answers: readonly string[]; readonly expected: readonly string[] }> {
  const answers = await patchAndRevert(tracer, { program }, image, manifest.name);
  return { answers, expected: answers.map((answer, at) => sameSituations(answer, expected[at] ?? "")) };
}

/** Not every way has every situation. */
function sameSituations(answer: string, expected: string): string {
  const names = new Set(answer.split(" ").map((word) => word.replace(/=.*/, "")));
  return expected.split(" ").filter((word) => names.has(word.replace(/=.*/, ""))).join(" ");
}
