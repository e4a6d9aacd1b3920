// Programs of the tool chain are run without a shell, in the C locale, with all their output kept.

import { spawn } from "node:child_process";

import { SutureError } from "../errors.ts";
import { refuseFullDisk } from "./full-disk.ts";
import { endAtExit } from "./scratch.ts";

export interface ProgramRun {
  readonly directory: string;
  readonly input?: Uint8Array;
  /** Added to this process's environment; undefined takes a variable away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface ProgramResult {
  /** Exit code, or the name of the signal that ended the program. */
  readonly status: number | NodeJS.Signals;
  readonly output: Buffer;
  readonly errors: string;
}

/** Debian's names of packages, for the way out of a missing program. */
const packages: Readonly<Record<string, string>> = {
  bear: "bear", patch: "patch", cc: "gcc", gcc: "gcc", "c++": "g++", "g++": "g++", clang: "clang", "clang++": "clang",
};

/**
 * Runs a program to its end. A program that is not there is refused as missing-tool, one that fails for want of room on the disk as
 * cannot-write; any other that fails is a result.
 */
export async function runProgram(program: string, args: readonly string[], run: ProgramRun): Promise<ProgramResult> {
  const result = await runToItsEnd(program, args, run);
  if (result.status !== 0) refuseFullDisk(program, result.errors + result.output.toString("latin1"));
  return result;
}

function runToItsEnd(program: string, args: readonly string[], run: ProgramRun): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: run.directory,
      // PWD is what gcc takes as the unit's directory, provided that it names the working directory.
      env: { ...process.env, ...run.environment, LC_ALL: "C", PWD: run.directory },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true, // for endAtExit()
    });
    endAtExit(child);
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.stdin.on("error", () => undefined); // the program may end without reading its input
    child.stdin.end(run.input);
    child.on("error", (cause: NodeJS.ErrnoException) => reject(cannotRun(program, run.directory, cause)));
    child.on("close", (code, signal) =>
      resolve({ status: code ?? signal ?? 1, output: Buffer.concat(output), errors: Buffer.concat(errors).toString() }));
  });
}

export function cannotRun(program: string, directory: string, cause: NodeJS.ErrnoException): SutureError {
  const name = program.split("/").at(-1) ?? program;
  const wayOut = name in packages ? `; on Debian: apt install ${packages[name]}` : "";
  const reason = cause.code === "ENOENT" ? `there is no such program (working directory ${directory})` : cause.message;
  return new SutureError("missing-tool", `Cannot run ${program}: ${reason}${wayOut}`, { program, directory }, { cause });
}
