// Compile commands for builds that do not write them down: the build runs under bear, which sees each compiler start. An
// existing file is replaced only by one that holds something.

import { spawn } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { SutureError } from "../errors.ts";
import { parseCompileCommands } from "./compile-commands.ts";
import { cannotRun } from "./run-program.ts";
import { endAtExit, removeAtExit, removeScratch, withScratch } from "./scratch.ts";
import type { CompileCommand } from "./types.ts";

export interface CaptureOptions {
  /** Where the build runs. Default: the working directory. */
  readonly directory?: string;
  /** Default: `compile_commands.json` in `directory`. */
  readonly output?: string;
}

/** Runs a build, whose own output goes to standard error, and writes the compile commands that it used. */
export async function captureCompileCommands(command: readonly string[], options: CaptureOptions = {}): Promise<readonly CompileCommand[]> {
  const directory = resolve(options.directory ?? ".");
  const output = resolve(directory, options.output ?? "compile_commands.json");
  if (command.length === 0) throw new SutureError("usage", "Cannot capture: no build command given, as in \"suture capture -- make\"");
  const written = `${output}.${process.pid}`;
  removeAtExit(written);
  try {
    const status = await withScratch((scratch) => runUnderBear(command, directory, { output: written, scratch }));
    if (status !== 0) throw buildFailed(command, status);
    const commands = parseCompileCommands(await readFile(written, "utf8"), output);
    if (commands.length === 0) throw nothingCompiled(command);
    await rename(written, output);
    return commands;
  } finally {
    await removeScratch(written);
  }
}

/** All commands: by itself, bear keeps the first of several that write one object, and the last is what was linked. */
const configuration = {
  output: {
    content: { include_only_existing_source: false, duplicate_filter_fields: "all", paths_to_include: [], paths_to_exclude: [] },
    format: { command_as_array: true, drop_output_field: false },
  },
  compilation: { compilers_to_recognize: [], compilers_to_exclude: [] },
};

async function runUnderBear(command: readonly string[], directory: string, { output, scratch }: { readonly output: string; readonly scratch: string }): Promise<number | NodeJS.Signals> {
  const config = join(scratch, "bear.json");
  await writeFile(config, JSON.stringify(configuration));
  return new Promise((done, reject) => {
    // Standard output is ours: under --json it holds one value and nothing else.
    const child = spawn("bear", ["--config", config, "--output", output, "--", ...command], { cwd: directory, stdio: ["inherit", 2, 2] });
    endAtExit(child);
    child.on("error", (cause: NodeJS.ErrnoException) => reject(cannotRun("bear", directory, cause)));
    child.on("close", (code, signal) => done(code ?? signal ?? 1));
  });
}

const buildFailed = (command: readonly string[], status: number | NodeJS.Signals): SutureError =>
  new SutureError("compile-error", `Cannot capture ${JSON.stringify(command.join(" "))}: the build ended with ${status}; no compile commands were written`, { status });

const nothingCompiled = (command: readonly string[]): SutureError =>
  new SutureError("no-compile-command",
    `Cannot capture ${JSON.stringify(command.join(" "))}: it compiled nothing; only what is compiled can be seen, so clean the build first`, {});
