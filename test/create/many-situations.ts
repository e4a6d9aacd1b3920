// The program of many situations, compiled in one way after another: its one diff is built into a patch as a user would,
// applied to the running program and reverted. What it must answer comes from the same program compiled without Suture.

import { createTwoFilesPatch } from "diff";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { createPatchImage } from "../../native/create/mod.ts";
import type { CreatedPatch, SourceDiff } from "../../native/create/mod.ts";
import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { cacheDirectory, compileTarget, startTarget } from "../support/mod.ts";
import type { CompiledTarget, CompileOptions, Target } from "../support/mod.ts";

const unit = "many-situations.c";
const other = "many-situations-other.c";
const run = promisify(execFile);

/** Three rounds of numbers: before the patch, with it, after it. Each leaves state behind. */
const rounds = [1, 2, 3].map((round) => Array.from({ length: 12 }, (_, at) => at * 7 + round));

export interface Answers {
  readonly original: readonly string[];
  readonly fixed: readonly string[];
}

export interface Situations {
  readonly source: string;
  readonly diff: SourceDiff;
  /** For all rounds, of the program without and with the fix. */
  readonly expected: Answers;
}

/** What the sources say, once for all ways. */
export async function readSituations(): Promise<Situations> {
  const { source } = await compileTarget(unit, { sources: [other], flags: ["-g", "-O0"] });
  const original = await readFile(source, "utf8");
  // Some lines more above all others: what comes below keeps its line numbers, or everything would differ.
  const fixed = original.replace("#define FIXED 0\n", "#define FIXED 1\n/* With\n   the\n   fix. */\n");
  const text = createTwoFilesPatch(`a/${unit}`, `b/${unit}`, original, fixed);
  const file = join(await cacheDirectory("many-situations"), "fixed.c");
  await writeFile(file, fixed);
  return { source: original, diff: { name: "fix", text }, expected: { original: await answersOf(source), fixed: await answersOf(file) } };
}

async function answersOf(source: string): Promise<readonly string[]> {
  const { program } = await compileTarget(source, { sources: [other], flags: ["-g", "-O0"] });
  const child = run(program, { encoding: "utf8" });
  child.child.stdin?.end(rounds.flat().join("\n"));
  return (await child).stdout.trimEnd().split("\n").slice(1);
}

export const compileSituations = (options: CompileOptions): Promise<CompiledTarget> => compileTarget(unit, { ...options, sources: [other] });

export const buildFix = (tracer: TracerClient, { diff }: Situations, { sourceDirectory, program, compileCommands }: CompiledTarget): Promise<CreatedPatch> =>
  createPatchImage(tracer, [diff], { source: sourceDirectory, target: program, compileCommands });

/** What the program answers before, with and after the patch, and what it should. */
export async function patchAndRevert(tracer: TracerClient, { expected }: Situations, { program }: CompiledTarget, { image, manifest }: CreatedPatch): Promise<{ readonly answers: readonly string[]; readonly expected: readonly string[] }> {
  await using target = await startTarget(program);
  const answers = await ask(target, 0);
  await applyPatch(tracer, image, target.pid);
  answers.push(...await ask(target, 1));
  await revertPatch(tracer, manifest.name, target.pid);
  answers.push(...await ask(target, 2));
  return { answers, expected: answers.map((answer, at) => sameSituations(answer, (at >= 12 && at < 24 ? expected.fixed : expected.original)[at] ?? "")) };
}

async function ask(target: Target, round: number): Promise<string[]> {
  const numbers = rounds[round] ?? [];
  const before = target.lines.length;
  target.write(`${numbers.join("\n")}\n`);
  await target.line(new RegExp(`^${numbers.at(-1)}: `), before);
  return target.lines.slice(before);
}

/** Not every way has every situation. */
function sameSituations(answer: string, expected: string): string {
  const names = new Set(answer.split(" ").map((word) => word.replace(/=.*/, "")));
  return expected.split(" ").filter((word) => names.has(word.replace(/=.*/, ""))).join(" ");
}
