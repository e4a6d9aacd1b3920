// A process that runs beside what a test tries, and that has to be afterwards what it was before: byte for byte, at work, and
// traced by nobody.

import { readFile } from "node:fs/promises";
import { dirname } from "node:path";

import { expect } from "vitest";
import { compileTarget } from "./compile-target.ts";
import { snapshotOf } from "./snapshot.ts";
import { startTarget } from "./start-target.ts";
import { waitUntil } from "./wait-until.ts";

/** `target`: a running process, or a program or library that is run for the time of `act`. */
export type Beside = <Result>(target: number | string, act: () => Promise<Result>) => Promise<Result>;

/** Fails unless the process is afterwards what it was, whatever becomes of `act`. */
export const leftAlone: Beside = async (target, act) => {
  if (typeof target === "number") return comparing(target, act);
  await using process = target.endsWith(".so")
    ? await startTarget((await compileTarget("loads-a-library.c")).program, { parameters: [target], ready: null })
    : await startTarget(target, { ready: null, cwd: dirname(target) });
  await waitUntil("it is up and waits for its input", () => isReading(process.pid));
  return await comparing(process.pid, act).finally(() => expect(process.exit()).toBeUndefined());
};

async function comparing<Result>(pid: number, act: () => Promise<Result>): Promise<Result> {
  const before = await snapshotOf(pid);
  try {
    return await act();
  } finally {
    expect(await snapshotOf(pid)).toEqual(before);
  }
}

/** In `read(0, …)`: whatever happens at the start of a program is over. */
const isReading = async (pid: number): Promise<boolean> => (await readFile(`/proc/${pid}/syscall`, "utf8")).startsWith("0 0x0 ");
