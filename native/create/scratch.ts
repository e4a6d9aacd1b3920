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

/** A program that works in such a directory. */
export function endAtExit(program: ChildProcess): void {
  programs.add(program);
  program.once("close", () => programs.delete(program));
  watchExit();
}

function watchExit(): void {
  if (isWatched) return;
  isWatched = true;
  process.once("exit", () => {
    for (const program of programs) program.kill();
    // What the programs write in their last moment may come between: a few tries, and no word about the rest.
    for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });
}
