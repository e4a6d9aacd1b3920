// A source tree that becomes a running program: compiled by the commands that it records, linked, started, asked through
// its standard input, patched, asked again, reverted, asked a third time.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { createPatchImage } from "../../native/create/mod.ts";
import type { CreatedPatch, CreateOptions, CreateProgress, SourceDiff } from "../../native/create/mod.ts";
import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { startTarget } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import type { SourceTree } from "./source-tree.ts";

const run = promisify(execFile);

/** A main function that answers each number on its input with `answer()` of it. */
export const asking = `
#include <stdio.h>
#include <stdlib.h>
int answer(int);
int main(void) {
  char line[64];
  setvbuf(stdout, 0, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin)) printf("%d\\n", answer(atoi(line)));
  return 0;
}
`;

/** One compilation of a tree. */
export interface Compilation {
  readonly file: string;
  /** Default `-g -O2`. */
  readonly flags?: readonly string[];
  /** Default gcc. */
  readonly compiler?: string;
  /** Relative to the root. Default: the root. */
  readonly directory?: string;
}

/** Compiles and links, and writes `compile_commands.json` as the build would have recorded it. Returns the program. */
export async function buildTree(tree: SourceTree, compilations: readonly Compilation[], link: readonly string[] = [], linker = "gcc"): Promise<string> {
  const objects: string[] = [];
  const commands = [];
  for (const [index, { file, flags = ["-g", "-O2"], compiler = "gcc", directory = "." }] of compilations.entries()) {
    const output = join(tree.directory, `object-${index}.o`);
    const words = [compiler, ...flags, "-c", file, "-o", output];
    const cwd = join(tree.root, directory);
    await run(compiler, words.slice(1), { cwd });
    objects.push(output);
    commands.push({ directory: cwd, file, arguments: words });
  }
  writeFileSync(join(tree.root, "compile_commands.json"), JSON.stringify(commands));
  const program = join(tree.directory, "program");
  await run(linker, ["-o", program, ...objects, "-Wl,--build-id", ...link]);
  return program;
}

export interface Patching {
  readonly tree: SourceTree;
  readonly program: string;
  readonly options?: Partial<CreateOptions>;
}

/** Builds a patch from the diffs; its notes are what the user would be told. */
export async function patchTree(
  tracer: TracerClient, { tree, program, options = {} }: Patching, diffs: readonly SourceDiff[],
): Promise<CreatedPatch & { readonly notes: readonly string[] }> {
  const notes: string[] = [];
  const listen = (step: CreateProgress): void => {
    if (step.step === "note") notes.push(step.text);
  };
  const created = await createPatchImage(tracer, diffs, { source: tree.root, target: program, name: "fix", onProgress: listen, ...options });
  return { ...created, notes };
}

/** What the program answers to each question before the patch, with it, and after it was reverted. */
export async function answersAround(
  tracer: TracerClient, program: string, image: Uint8Array, questions: readonly number[] = [1],
): Promise<readonly [before: readonly string[], patched: readonly string[], after: readonly string[]]> {
  await using target = await startTarget(program, { ready: null });
  const before = await ask(target, questions);
  await applyPatch(tracer, image, target.pid);
  const patched = await ask(target, questions);
  await revertPatch(tracer, "fix", target.pid);
  return [before, patched, await ask(target, questions)];
}

async function ask(target: Target, questions: readonly number[]): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const question of questions) {
    const from = target.lines.length;
    target.write(`${question}\n`);
    answers.push(await target.line(/^-?\d+$/, from));
  }
  return answers;
}
