// Tools that die in the middle, as their process sees it: a helper that is killed at a place of its own, or a tool from which
// no more requests come.

import { SutureError } from "../../native/errors.ts";
import { Tracer } from "../../native/tracer.ts";
import type { TracerClient } from "../../native/tracer.ts";

/** A helper, made for it, that dies or stops where these variables of native/tracer/fault-points.h say. One at a time. */
export async function faultyTracer(helper: string, faults: Readonly<Record<string, string>>): Promise<Tracer> {
  Object.assign(process.env, faults);
  try {
    return await Tracer.start({ program: helper });
  } finally {
    for (const name of Object.keys(faults)) delete process.env[name];
  }
}

const dead = (): SutureError => new SutureError("tracer-failed", "Cannot go on: dead");

/** A tool that dies when a switch of code is due: right before it, or right after. */
export function dying(tracer: TracerClient, when: "before" | "after"): TracerClient {
  let isDead = false;
  return followed(tracer, (name) => {
    if (isDead) throw dead();
    isDead = name === "transition";
    if (isDead && when === "before") throw dead();
  });
}

const changes: ReadonlySet<keyof TracerClient> = new Set(["stage", "unmap", "write", "transition", "call"]);

/** A tool that dies right after so many requests that change a process: the helper does them to the end, and hears no more. */
export function dyingAfter(tracer: TracerClient, requests: number): TracerClient {
  let left = requests;
  return followed(tracer, (name) => {
    if (left === 0) throw dead();
    if (changes.has(name)) left--;
  });
}

/** `before` each request; it may refuse it. */
function followed(tracer: TracerClient, before: (name: keyof TracerClient) => void): TracerClient {
  return new Proxy(tracer, {
    get: (real, name: keyof TracerClient) => async (...request: readonly unknown[]) => {
      before(name);
      return (Reflect.get(real, name) as (...parameters: readonly unknown[]) => Promise<unknown>).apply(real, [...request]);
    },
  });
}
