// A program that answers numbers, patched and reverted while it runs: three rounds of questions, before, with and after the patch. What it must
// answer comes from the same sources compiled without Suture, with and without the fix, which hold their state alike.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { startTarget } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";

const run = promisify(execFile);
const questions = 12;
const rounds = [1, 2, 3].map((round) => Array.from({ length: questions }, (_, at) => at * 7 + round));

export interface Running {
  readonly program: string;
  readonly parameters?: readonly string[];
}

/** All answers of a program that nobody patches. */
export async function answersOf({ program, parameters = [] }: Running): Promise<readonly string[]> {
  const child = run(program, [...parameters], { encoding: "utf8" });
  child.child.stdin?.end(rounds.flat().join("\n"));
  return (await child).stdout.trimEnd().split("\n").slice(1);
}

/** What must be answered, given what the program answers without the fix and with it. */
export const expectedAnswers = (original: readonly string[], fixed: readonly string[]): readonly string[] =>
  original.map((answer, at) => (at >= questions && at < 2 * questions ? fixed[at] ?? "" : answer));

export async function patchAndRevert(tracer: TracerClient, { program, parameters = [] }: Running, image: Uint8Array, name: string): Promise<readonly string[]> {
  await using target = await startTarget(program, { parameters: [...parameters] });
  const answers = await ask(target, 0);
  await applyPatch(tracer, image, target.pid);
  answers.push(...await ask(target, 1));
  await revertPatch(tracer, name, target.pid);
  answers.push(...await ask(target, 2));
  return answers;
}

async function ask(target: Target, round: number): Promise<string[]> {
  const numbers = rounds[round] ?? [];
  const before = target.lines.length;
  target.write(`${numbers.join("\n")}\n`);
  await target.line(new RegExp(`^${numbers.at(-1)}: `), before);
  return target.lines.slice(before);
}
