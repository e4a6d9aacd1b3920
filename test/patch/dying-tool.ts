// A tool that dies in the middle, as its process sees it: from some request on there are no more.

import { SutureError } from "../../native/errors.ts";
import type { TracerClient } from "../../native/tracer.ts";

/** A helper that dies when a switch of code is due: right before it, or right after. */
export function dying(tracer: TracerClient, when: "before" | "after"): TracerClient {
  let isDead = false;
  return new Proxy(tracer, {
    get: (real, name: keyof TracerClient) => async (...request: readonly unknown[]) => {
      if (isDead) throw new SutureError("tracer-failed", "Cannot go on: dead");
      isDead = name === "transition";
      if (isDead && when === "before") throw new SutureError("tracer-failed", "Cannot go on: dead");
      return (Reflect.get(real, name) as (...parameters: readonly unknown[]) => Promise<unknown>).apply(real, [...request]);
    },
  });
}
