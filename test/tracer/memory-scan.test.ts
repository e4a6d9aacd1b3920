// Frames that are on no thread's stack: coroutines that are suspended, wherever a program keeps their stacks.

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Tracer, type MemoryWrite, type TransitionOutcome } from "../../native/tracer.ts";
import { snapshotOf } from "../support/mod.ts";
import { ask, attempt, enter, jumpFrom, sameBytes, wordsInto, type Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => {
  tracer = await Tracer.start();
});
afterAll(() => tracer[Symbol.asyncDispose]());

async function say({ target }: Situation, word: string, reply: RegExp): Promise<string> {
  const from = target.lines.length;
  target.write(`${word}\n`);
  return target.line(reply, from);
}

async function redirection(situation: Situation): Promise<MemoryWrite> {
  const at = situation.at("value");
  return { at, expected: await tracer.readMemory(situation.pid, at, 5), replacement: jumpFrom(at, situation.at("otherValue")) };
}

const back = ({ at, expected, replacement }: MemoryWrite): MemoryWrite => ({ at, expected: replacement, replacement: expected });

const inMemory = (outcome: TransitionOutcome) =>
  (outcome.outcome === "blocked" ? outcome.blockers.flatMap((blocker) => (blocker.reason === "in-memory" ? [blocker] : [])) : []);

describe("transition() with a coroutine that no thread is on", () => {
  it.each([["mmap", "anonymous memory"], ["malloc", "[heap]"], ["static", "anonymous memory"], ["local", "[stack]"], ["thread", "anonymous memory"]])("finds it when memory is scanned: its stack from %s", async (kind, mapping) => {
    await using situation = await enter(tracer, "suspended-coroutines.c", { parameters: [kind] });
    const forbidden = [situation.whole("inside"), situation.whole("value")];
    const writes = [await redirection(situation)];
    expect((await attempt(tracer, situation, { forbidden, writes: [await sameBytes(tracer, situation.pid, situation.at("value"))], scanHeap: true })).outcome).toBe("done");

    await say(situation, "enter", /^entered/);
    const before = await snapshotOf(situation.pid);
    const outcome = await attempt(tracer, situation, { forbidden, writes, scanHeap: true });
    const { start, end } = situation.whole("inside");
    expect(inMemory(outcome)).toMatchObject([{ pid: situation.pid, forbidden: 0, mapping }]);
    const [hit] = inMemory(outcome);
    expect(hit !== undefined && start < hit.value && hit.value <= end).toBe(true);
    expect(Buffer.from(await tracer.readMemory(situation.pid, hit?.at ?? start, 8)).readBigUInt64LE()).toBe(hit?.value);
    expect(await snapshotOf(situation.pid)).toEqual(before);

    await say(situation, "leave", /^left/);
    expect((await attempt(tracer, situation, { forbidden, writes, scanHeap: true })).outcome).toBe("done");
    expect(await say(situation, "ask", /^value/)).toBe("value 2, broken 0");
  });

  it("does not find it when only stacks are scanned, and its call goes on with what has changed meanwhile", async () => {
    await using situation = await enter(tracer, "suspended-coroutines.c", { parameters: ["mmap"] });
    await say(situation, "enter", /^entered/);
    const forbidden = [situation.whole("inside"), situation.whole("value")];
    expect((await attempt(tracer, situation, { forbidden, writes: [await redirection(situation)] })).outcome).toBe("done");
    await say(situation, "leave", /^left/);
    expect(await say(situation, "ask", /^value/)).toBe("value 2, broken 1");
  });

  it("breaks no call of a thread that switches between coroutines all the time", async () => {
    await using situation = await enter(tracer, "suspended-coroutines.c", { parameters: ["malloc", "switch"] });
    const there = await redirection(situation);
    const forbidden = ["inside", "value", "otherValue"].map((name) => situation.whole(name));
    let switched = 0;
    let caughtUnderStop = 0;
    for (let tries = 0; tries < 3000 && (switched < 100 || caughtUnderStop === 0); tries++) {
      const outcome = await attempt(tracer, situation, { forbidden, writes: [switched % 2 === 0 ? there : back(there)], scanHeap: true });
      if (outcome.outcome === "done") switched++;
      // With threads held: the first look, while it ran, had not found it.
      if (inMemory(outcome).length > 0 && outcome.outcome === "blocked" && outcome.stop.workingThreads > 0) caughtUnderStop++;
      if (!["done", "blocked", "over-budget"].includes(outcome.outcome)) throw new Error(outcome.outcome);
    }
    expect(switched).toBeGreaterThanOrEqual(100);
    expect(caughtUnderStop).toBeGreaterThan(0);
    const { calls, broken, ones, twos } = await ask(situation.target);
    expect({ broken, isCalled: (calls ?? 0) > 1000, isSwitched: (ones ?? 0) > 0 && (twos ?? 0) > 0 }).toEqual({ broken: 0, isCalled: true, isSwitched: true });
  });

  it("says what a look through memory takes when that is too long, and holds nobody for it", async () => {
    await using situation = await enter(tracer, "suspended-coroutines.c", { parameters: ["mmap", "switch"] });
    await say(situation, "spread 64", /^spread/);
    const forbidden = [situation.whole("inside")];
    const writes = [await redirection(situation)];
    for (let tries = 0; ; tries++) {
      const outcome = await attempt(tracer, situation, { forbidden, writes, maxStopMicroseconds: 100, scanHeap: true });
      // A coroutine is inside: said first.
      if (outcome.outcome === "blocked" && tries < 100) continue;
      if (outcome.outcome !== "over-budget") throw new Error(outcome.outcome);
      expect(outcome.scan.bytes).toBeGreaterThan(64 << 20);
      expect(outcome.scan.microseconds).toBeGreaterThan(100);
      expect(outcome.stop).toMatchObject({ workingThreads: 0, sleepingThreads: 0 });
      break;
    }
    expect(await tracer.readMemory(situation.pid, writes[0]?.at ?? situation.at("value"), 5)).toEqual(writes[0]?.expected);
  });

  it("passes over what is dead: the stack of a thread that has ended, and all below the stack pointers of the others", async () => {
    await using situation = await enter(tracer, "leaves-dead-frames.c");
    const visited = situation.whole("visited");
    expect(await wordsInto(tracer, situation, visited)).toBeGreaterThanOrEqual(3);
    const writes = [await sameBytes(tracer, situation.pid, visited.start)];
    expect((await attempt(tracer, situation, { forbidden: [visited], writes, scanHeap: true })).outcome).toBe("done");
  });

  it("takes an array on a stack that holds return addresses for a coroutine's stack", async () => {
    await using situation = await enter(tracer, "stale-return-addresses.c");
    const visited = situation.whole("visited");
    const writes = [await sameBytes(tracer, situation.pid, visited.start)];
    expect((await attempt(tracer, situation, { forbidden: [visited], writes })).outcome).toBe("done");
    const outcome = await attempt(tracer, situation, { forbidden: [visited], writes, scanHeap: true });
    expect(inMemory(outcome)[0]).toMatchObject({ forbidden: 0, mapping: "anonymous memory" });
  });
});
