// A process that lives in the memory of another one, and is no thread of it: whatever is switched is switched for both.

import { afterAll, beforeAll, expect, it } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { snapshotOf, waitUntil } from "../support/mod.ts";
import { attempt, enter, jumpFrom, mustSwitch, numbersOf, range, type Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

async function answersOf({ target }: Situation): Promise<readonly number[]> {
  const from = target.lines.length;
  target.write("ask\n");
  return (await target.line(/^answers/, from)).split(" ").slice(1).map(Number);
}

/** A body that gives 2, where inside() was: `mov $2, %eax; ret`. */
const giveTwo = Uint8Array.of(0xb8, 2, 0, 0, 0, 0xc3);

it("transition() stops a process that shares the memory, and neither notices the switch", async () => {
  await using situation = await enter(tracer, "shares-memory.c");
  const [step, inside] = [situation.at("step"), situation.at("inside")];
  await tracer.write(situation.pid, situation.startTime, [{ at: inside, expected: await tracer.readMemory(situation.pid, inside, giveTwo.length), replacement: giveTwo }]);
  const there = { at: step, expected: await tracer.readMemory(situation.pid, step, 5), replacement: jumpFrom(step, inside) };
  const back = { at: step, expected: there.replacement, replacement: there.expected };
  for (let round = 0; round < 50; round++) {
    const stop = await mustSwitch(tracer, situation, { forbidden: [range(step, 5)], writes: [there] });
    // The main thread waits for a word; whoever works is the other process.
    expect(stop.workingThreads + stop.sleepingThreads).toBe(2);
    await mustSwitch(tracer, situation, { forbidden: [range(step, 5)], writes: [back] });
  }
  await mustSwitch(tracer, situation, { forbidden: [range(step, 5)], writes: [there] });
  await answersOf(situation);
  await waitUntil("the other process gives the new answer", async () => ((await answersOf(situation))[1] ?? 0) > 0);
  expect((await answersOf(situation))[0]).toBe(0);
});

it("transition() is blocked by a process that shares the memory and stands in the function", async () => {
  await using situation = await enter(tracer, "shares-memory.c", { parameters: ["inside"] });
  const { pid: other } = numbersOf(situation.target.readyLine);
  const inside = situation.whole("inside");
  const write = { at: inside.start, expected: await tracer.readMemory(situation.pid, inside.start, 6), replacement: giveTwo };
  await waitUntil("it stands inside", async () => (await attempt(tracer, situation, { forbidden: [inside], writes: [] })).outcome === "blocked");
  const before = await snapshotOf(situation.pid);
  expect(await attempt(tracer, situation, { forbidden: [inside], writes: [write] })).toMatchObject({ outcome: "blocked", blockers: [{ pid: other, of: situation.pid, tid: other, reason: "in-use" }] });
  expect(await snapshotOf(situation.pid)).toEqual(before);
  situation.target.write("leave\n");
  await situation.target.line(/^left/);
  await mustSwitch(tracer, situation, { forbidden: [inside], writes: [write] });
});
