// A process has one tracer at a time, and that may be one of ours: the helper of another run, or the guardian of a dead one
// (native/tracer/guardian.h). Neither stays for long, so whoever meets one waits. Whether it also changes the process is for
// the lock to say.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { SutureError } from "../errors.ts";
import type { ProcessDescription, TracerClient } from "../tracer.ts";
import { refuse } from "./refusal.ts";

/** Longer than a guardian tries. */
const within = 10_000;
const pause = 5;

/** `look`, again and again while one of ours is tracing the process. Refuses: locked, and what `look` refuses. */
export async function onceUntraced<Value>(pid: number, look: () => Promise<Value>): Promise<Value> {
  for (const deadline = performance.now() + within; ; await sleep(pause)) {
    try {
      return await look();
    } catch (error) {
      if (!await isTracedByOneOfUs(error)) throw error;
      if (performance.now() > deadline) throw refuse("locked", `work on pid ${pid}`, "another run of suture is at work on it; try again when that is done", { pid });
    }
  }
}

/** Refuses: locked, and what describing a process refuses. */
export const describeOnceUntraced = (tracer: TracerClient, pid: number): Promise<ProcessDescription> => onceUntraced(pid, () => tracer.describeProcess(pid));

/** Or was, and nobody traces it any more. */
async function isTracedByOneOfUs(error: unknown): Promise<boolean> {
  if (!(error instanceof SutureError) || error.kind !== "already-traced") return false;
  const name = await readFile(`/proc/${Number(error.data["tracer"])}/comm`, "utf8").catch(() => "suture-");
  return name.startsWith("suture-");
}
