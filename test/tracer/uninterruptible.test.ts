// Threads in uninterruptible sleep. The kernel keeps a signal for a thread that is traced though its process ignores it; so one that may
// have to be let go before it can stop must not be seized at all.

import { afterAll, beforeAll, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { attempt, enter } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

test("transition() leaves alone who sleeps uninterruptibly: a signal that the program ignores does not end its call", async () => {
  await using situation = await enter(tracer, "waits-behind-another.c");
  for (let i = 0; i < 5; i++) {
    const outcome = await attempt(tracer, situation, { forbidden: [], writes: [] });
    expect(outcome).toMatchObject({ outcome: "blocked", blockers: [{ reason: "not-stopped" }] });
  }
  situation.target.write("wake\n");
  expect(await situation.target.line(/./, 1)).toBe("received");
});
