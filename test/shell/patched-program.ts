// A small program of test/targets, running, and a patch for it that the real program has built.

import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createTwoFilesPatch } from "diff";
import { compileTarget, type CompiledTarget, type CompileOptions } from "../support/mod.ts";
import { runSuture } from "./run-suture.ts";

/** A directory for one test file's own files. */
export async function scratchDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "suture-test-"));
  // Readable for tests that run the program as somebody else.
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A diff that replaces the one place where `old` stands in the source. */
export async function writeDiff(path: string, { source }: CompiledTarget, old: string, replacement: string): Promise<string> {
  const before = await readFile(source, "utf8");
  const pieces = before.split(old);
  if (pieces.length !== 2) throw new Error(`Cannot make a diff: ${source} holds "${old}" ${pieces.length - 1} times`);
  const name = basename(source);
  await writeFile(path, createTwoFilesPatch(`a/${name}`, `b/${name}`, before, pieces.join(replacement), "", ""));
  return path;
}

/** The words of `suture build` for a compiled target. */
export const buildWords = (target: CompiledTarget, diff: string, output: string): readonly string[] =>
  ["build", diff, "--source", target.sourceDirectory, "--target", target.program, "--compile-commands", target.compileCommands, "-o", output];

export interface Change {
  readonly target: string;
  readonly options?: CompileOptions;
  readonly old: string;
  readonly replacement: string;
}

/** Compiles the target, writes the diff and builds the image NAME.suture in `directory`. */
export async function buildPatch(directory: string, name: string, change: Change): Promise<{ readonly compiled: CompiledTarget; readonly image: string }> {
  const compiled = await compileTarget(change.target, change.options);
  const diff = await writeDiff(join(directory, `${name}.patch`), compiled, change.old, change.replacement);
  const image = join(directory, `${name}.suture`);
  const { exitCode, error } = await runSuture(buildWords(compiled, diff, image));
  if (exitCode !== 0) throw new Error(`Cannot build the test's patch: ${error}`);
  return { compiled, image };
}
