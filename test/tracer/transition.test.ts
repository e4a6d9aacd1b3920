import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { address } from "../../native/address.ts";
import { Tracer, type MemoryWrite } from "../../native/tracer.ts";
import { compileTarget, startTarget, waitUntil } from "../support/mod.ts";
import { ask, attempt, enter, jumpFrom, mustSwitch, range, sameBytes, wordsInto, type Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => {
  tracer = await Tracer.start();
});
afterAll(() => tracer[Symbol.asyncDispose]());

/** From answer() to otherAnswer(). */
async function redirection(situation: Situation): Promise<MemoryWrite> {
  const at = situation.at("answer");
  return { at, expected: await tracer.readMemory(situation.pid, at, 5), replacement: jumpFrom(at, situation.at("otherAnswer")) };
}

const back = ({ at, expected, replacement }: MemoryWrite): MemoryWrite => ({ at, expected: replacement, replacement: expected });

async function flip(situation: Situation, times: number): Promise<void> {
  const there = await redirection(situation);
  for (let i = 0; i < times; i++) {
    await mustSwitch(tracer, situation, { forbidden: [range(there.at, 5)], writes: [i % 2 === 0 ? there : back(there)] });
  }
}

describe("transition()", () => {
  it.each([[[]], [["-no-pie"]]])("redirects a function that eight threads call, back and forth, and every answer is whole %j", async (link) => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["8", "8"], link });
    await flip(situation, 200);
    const first = await ask(situation.target);
    expect(first["wrong"]).toBe(0);
    expect(first["ones"]).toBeGreaterThan(0);
    expect(first["twos"]).toBeGreaterThan(0);
    await flip(situation, 1);
    await sleep(50);
    const redirected = await ask(situation.target);
    const later = await waitUntil("the other function answers", async () => {
      const answers = await ask(situation.target);
      return (answers["twos"] ?? 0) > (redirected["twos"] ?? 0) && answers;
    });
    expect(later["ones"]).toBe(redirected["ones"]);
  });

  it("holds threads that are born and end meanwhile", async () => {
    await using situation = await enter(tracer, "threads-born-and-ending.c");
    await flip(situation, 100);
    const answers = await ask(situation.target);
    expect(answers["wrong"]).toBe(0);
    expect(answers["ones"]).toBeGreaterThan(0);
    expect(answers["twos"]).toBeGreaterThan(0);
  });

  it("switches two processes or neither", async () => {
    await using one = await enter(tracer, "one-busy-of-many.c", { parameters: ["2", "1"] });
    await using other = await enter(tracer, "one-busy-of-many.c", { parameters: ["2", "1"] });
    const writes = [await redirection(one), await redirection(other)] as const;
    const processes = [one, other].map(({ pid, startTime }, index) => ({ pid, startTime, forbidden: [], writes: writes.slice(index, index + 1) }));
    const switched = await tracer.transition({ processes, maxStopMicroseconds: 500_000 });
    expect(switched.outcome).toBe("done");
    const again = await tracer.transition({ processes, maxStopMicroseconds: 500_000 });
    expect(again).toMatchObject({ outcome: "mismatch", pid: one.pid, at: writes[0].at, found: writes[0].replacement });

    // The first could be switched back, the second not: neither is.
    const mixed = processes.map((process, index) => ({ ...process, writes: index === 0 ? [back(writes[0])] : process.writes }));
    expect(await tracer.transition({ processes: mixed, maxStopMicroseconds: 500_000 })).toMatchObject({ outcome: "mismatch", pid: other.pid });
    expect(await tracer.readMemory(one.pid, writes[0].at, 5)).toEqual(writes[0].replacement);
  });

  it("writes nothing when one of several places holds other bytes", async () => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["2", "1"] });
    const good = await redirection(situation);
    const at = situation.at("otherAnswer");
    const found = await tracer.readMemory(situation.pid, at, 5);
    const bad = { at, expected: new Uint8Array([1, 2, 3, 4, 5]), replacement: new Uint8Array(5) };
    expect(await attempt(tracer, situation, { forbidden: [], writes: [good, bad] })).toMatchObject({ outcome: "mismatch", pid: situation.pid, at, found });
    expect(await tracer.readMemory(situation.pid, good.at, 5)).toEqual(good.expected);
  });

  it.each([0, 1])("writes nothing when working threads would be held for more than %i µs", async (maxStopMicroseconds) => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["8", "8"] });
    const write = await redirection(situation);
    const outcome = await attempt(tracer, situation, { forbidden: [], writes: [write], maxStopMicroseconds });
    expect(outcome.outcome).toBe("over-budget");
    expect(await tracer.readMemory(situation.pid, write.at, 5)).toEqual(write.expected);
    const { calls = 0 } = await ask(situation.target);
    await sleep(50);
    expect((await ask(situation.target))["calls"]).toBeGreaterThan(calls);
  });

  it("says that a process has gone, or that its number has another one", async () => {
    const situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["1", "1"] });
    const write = await redirection(situation);
    const later = { ...situation, startTime: situation.startTime + 1n };
    expect(await attempt(tracer, later, { forbidden: [], writes: [write] })).toEqual({ outcome: "gone", pid: situation.pid });
    await situation.target.stop();
    expect(await attempt(tracer, situation, { forbidden: [], writes: [write] })).toEqual({ outcome: "gone", pid: situation.pid });
  });

  it("refuses memory that nobody can write before anything has stopped", async () => {
    await using situation = await enter(tracer, "threads-asleep.c");
    const nowhere = { at: address(0x1000n), expected: new Uint8Array(5), replacement: new Uint8Array(5) };
    await expect(attempt(tracer, situation, { forbidden: [], writes: [nowhere] })).rejects.toMatchObject({ kind: "unreadable-memory" });
  });
});

describe("transition() with a thread in the way", () => {
  it("names a thread that sleeps inside, and its frames, and writes nothing until it is out", async () => {
    await using situation = await enter(tracer, "asleep-in-function.c");
    const write = { ...(await sameBytes(tracer, situation.pid, situation.at("hold"))), replacement: new Uint8Array([0xcc, 0xcc, 0xcc, 0xcc, 0xcc]) };
    for (const name of ["hold", "caller"]) {
      const forbidden = [range(address(0x1000n), 16), situation.whole(name)];
      const outcome = await attempt(tracer, situation, { forbidden, writes: [write] });
      if (outcome.outcome !== "blocked") throw new Error(outcome.outcome);
      expect(outcome.blockers).toHaveLength(1);
      const [blocker] = outcome.blockers;
      if (blocker?.reason !== "in-use") throw new Error(blocker?.reason);
      expect(blocker).toMatchObject({ pid: situation.pid, working: false, forbidden: 1, threadName: "asleep-in-funct" });
      expect(blocker.tid).not.toBe(situation.pid);
      expect(outcome.inspected).toContain(blocker.tid);
      const { start, end } = situation.whole(name);
      expect(blocker.frames.some((frame) => frame > start && frame <= end)).toBe(true);
    }
    expect(await tracer.readMemory(situation.pid, write.at, 5)).toEqual(write.expected);
    situation.target.write("leave\n");
    await situation.target.line(/^out/);
    await mustSwitch(tracer, situation, { forbidden: [situation.whole("hold"), situation.whole("caller")], writes: [write] });
    expect(await tracer.readMemory(situation.pid, write.at, 5)).toEqual(write.replacement);
  });

  it("clears return addresses that were left behind on the stack, by unwinding", async () => {
    await using situation = await enter(tracer, "stale-return-addresses.c");
    const visited = situation.whole("visited");
    const { threads } = await tracer.stacks(situation.pid);
    expect(threads.every(({ complete }) => complete)).toBe(true);
    expect(await wordsInto(tracer, situation, visited)).toBeGreaterThan(0);
    const write = await sameBytes(tracer, situation.pid, visited.start);
    expect((await attempt(tracer, situation, { forbidden: [visited], writes: [write] })).outcome).toBe("done");
    expect((await attempt(tracer, situation, { forbidden: [situation.whole("sleepOnTop")], writes: [write] })).outcome).toBe("blocked");
  });

  it("holds what was left behind for a frame where the code has no unwind tables that could clear it", async () => {
    const flags = ["-O2", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"];
    await using situation = await enter(tracer, "stale-return-addresses.c", { flags });
    const visited = situation.whole("visited");
    const write = await sameBytes(tracer, situation.pid, visited.start);
    expect(await attempt(tracer, situation, { forbidden: [visited], writes: [write] })).toMatchObject({ outcome: "blocked", blockers: [{ reason: "in-use", forbidden: 0 }] });
    // What no word leads to is free all the same.
    expect((await attempt(tracer, situation, { forbidden: [range(visited.start, 1)], writes: [write] })).outcome).toBe("done");
  });

  it("does not guess about a stack that is too long to be read and has no unwind tables to its end: unreliable-stack", async () => {
    const flags = ["-O2", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"];
    await using short = await enter(tracer, "in-coroutine.c", { flags });
    await using long = await enter(tracer, "in-coroutine.c", { flags, parameters: ["16"] });
    for (const [situation, expected] of [[short, { outcome: "done" }], [long, { outcome: "blocked", blockers: [{ reason: "unreliable-stack" }] }]] as const) {
      await waitUntil("the coroutine sleeps", async () => (await tracer.listThreads(situation.pid)).every(({ state }) => state === "S"));
      const write = await sameBytes(tracer, situation.pid, situation.at("elsewhere"));
      expect(await attempt(tracer, situation, { forbidden: [situation.whole("elsewhere")], writes: [write] })).toMatchObject(expected);
      expect(await tracer.readMemory(situation.pid, write.at, 5)).toEqual(write.expected);
    }
  });

  it.each([["alternate"], ["same"]])("sees the function that a signal has interrupted: handler on the %s stack", async (stack) => {
    await using situation = await enter(tracer, "in-signal-handler.c", { parameters: [stack] });
    const write = await sameBytes(tracer, situation.pid, situation.at("elsewhere"));
    for (const name of ["interrupted", "callsInterrupted", "handler"]) {
      const outcome = await attempt(tracer, situation, { forbidden: [situation.whole(name)], writes: [write] });
      expect(outcome, name).toMatchObject({ outcome: "blocked", blockers: [{ reason: "in-use", forbidden: 0 }] });
    }
    expect((await attempt(tracer, situation, { forbidden: [situation.whole("elsewhere")], writes: [write] })).outcome).toBe("done");
  });

  it("sees the frames below a coroutine", async () => {
    await using situation = await enter(tracer, "in-coroutine.c");
    await sleep(50);
    const write = await sameBytes(tracer, situation.pid, situation.at("elsewhere"));
    for (const name of ["inCoroutine", "resumer"]) {
      const outcome = await attempt(tracer, situation, { forbidden: [situation.whole(name)], writes: [write] });
      expect(outcome, name).toMatchObject({ outcome: "blocked" });
    }
    expect((await attempt(tracer, situation, { forbidden: [situation.whole("elsewhere")], writes: [write] })).outcome).toBe("done");
  });

  it("reads a stack of twenty thousand frames to its end", async () => {
    await using situation = await enter(tracer, "deep-recursion.c");
    const write = await sameBytes(tracer, situation.pid, situation.at("elsewhere"));
    const outcomeFor = async (name: string) =>
      (await attempt(tracer, situation, { forbidden: [situation.whole(name)], writes: [write] })).outcome;
    expect(await outcomeFor("entrance")).toBe("blocked");
    expect(await outcomeFor("recurse")).toBe("blocked");
    expect(await outcomeFor("elsewhere")).toBe("done");
  });

  it("finds the one of many working threads whose deep stack leads there, and clears all that only hold such a word", async () => {
    await using situation = await enter(tracer, "works-on-deep-stacks.c", { parameters: ["32"] });
    const write = await sameBytes(tracer, situation.pid, situation.at("elsewhere"));
    const last = Number(/ last=(\d+)/.exec(situation.target.readyLine)?.[1]);
    const blocked = await attempt(tracer, situation, { forbidden: [situation.whole("elsewhere"), situation.whole("entrance")], writes: [write] });
    expect(blocked).toMatchObject({ outcome: "blocked", blockers: [{ reason: "in-use", tid: last, working: true, forbidden: 1 }] });
    expect(blocked.outcome === "blocked" && blocked.inspected).toContain(last);
    await mustSwitch(tracer, situation, { forbidden: [situation.whole("elsewhere"), situation.whole("mentioned")], writes: [write] });
    const everybody = await attempt(tracer, situation, { forbidden: [situation.whole("otherEntrance")], writes: [write] });
    // The first that is found ends it.
    expect(everybody).toMatchObject({ outcome: "blocked", blockers: [{ reason: "in-use", working: true }] });
    const late = await attempt(tracer, situation, { forbidden: [situation.whole("elsewhere")], writes: [write], maxStopMicroseconds: 1 });
    expect(late.outcome).toBe("over-budget");
    const { calls = 0 } = await ask(situation.target);
    await waitUntil("they work on", async () => ((await ask(situation.target))["calls"] ?? 0) > calls);
  });

  it("reads only the newest part of deep stacks of threads that have waited for a processor since they were searched", async () => {
    const threads = cpus().length + 30;
    await using situation = await enter(tracer, "works-on-deep-stacks.c", { parameters: [`${threads}`] });
    const write = await sameBytes(tracer, situation.pid, situation.at("elsewhere"));
    let saved = 0;
    for (let round = 0; round < 10; round++) {
      const outcome = await attempt(tracer, situation, { forbidden: [situation.whole("elsewhere")], writes: [write] });
      if (outcome.outcome !== "done") continue;
      expect(outcome.ahead.threads).toBeLessThanOrEqual(threads);
      saved += outcome.ahead.threads;
    }
    expect(saved).toBeGreaterThan(0);
    // Their frames hold words that return there: nothing is settled.
    const nothing = await attempt(tracer, situation, { forbidden: [situation.whole("elsewhere"), situation.whole("mentioned")], writes: [write] });
    expect(nothing).toMatchObject({ ahead: { threads: 0 } });
  });

  it("does not wait for a thread in uninterruptible sleep, and holds nobody for it", async () => {
    await using situation = await enter(tracer, "waits-for-vfork.c", { parameters: ["700"] });
    await sleep(50);
    const write = await sameBytes(tracer, situation.pid, situation.at("step"));
    const outcome = await attempt(tracer, situation, { forbidden: [], writes: [write] });
    expect(outcome).toMatchObject({ outcome: "blocked", blockers: [{ tid: situation.pid, reason: "not-stopped", frames: [] }], stop: { workingThreads: 0 } });
    await situation.target.line(/^child ended/);
    await mustSwitch(tracer, situation, { forbidden: [], writes: [write] });
  });

  it("leaves a process alone whose main thread has ended before the others: its memory cannot be reached by its pid", async () => {
    const { program } = await compileTarget("main-thread-ended.c");
    await using target = await startTarget(program);
    await expect(tracer.describeProcess(target.pid)).rejects.toMatchObject({ kind: "process-gone", message: expect.stringContaining("main thread has ended") });
    expect(target.exit()).toBeUndefined();
  });
});
