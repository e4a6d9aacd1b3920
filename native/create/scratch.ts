// Directories for files that live as long as one piece of work. Whoever ends the process in the middle of it leaves none
// behind, and no compiler at work.

import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function withScratch<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "suture-"));
  removeAtExit(directory);
  try {
    return await work(directory);
  } finally {
    await removeScratch(directory);
  }
}

const directories = new Set<string>();
const programs = new Set<ChildProcess>();
let isWatched = false;

/** Until removeScratch() takes it away. */
export function removeAtExit(directory: string): void {
  directories.add(directory);
  watchExit();
}

export async function removeScratch(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  directories.delete(directory);
}

/** A program that works in such a directory. One that leads a group is ended with all of it: a compiler's driver does not end what it has started. */
export function endAtExit(program: ChildProcess): void {
  programs.add(program);
  if (programs.size === 1) for (const signal of signals) process.on(signal, endBySignal);
  program.once("close", () => stopWatching(program));
  program.once("error", () => stopWatching(program));
  watchExit();
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function stopWatching(program: ChildProcess): void {
  if (programs.delete(program) && programs.size === 0) for (const signal of signals) process.off(signal, endBySignal);
}

/** A terminal tells its foreground alone. Where nobody else answers for the process, the signal ends it as it would without us. */
function endBySignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  cleanUp();
  process.off(signal, endBySignal);
  process.kill(process.pid, signal);
}

function end(program: ChildProcess): void {
  try {
    process.kill(-(program.pid ?? Number.NaN));
  } catch {
    program.kill(); // it leads no group, or has ended
  }
}

function watchExit(): void {
  if (isWatched) return;
  isWatched = true;
  process.once("exit", cleanUp);
}

function cleanUp(): void {
  for (const program of programs) end(program);
  // What the programs write in their last moment may come between: a few tries, and no word about the rest.
  for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}
