import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { address } from "../../native/address.ts";
import { Tracer } from "../../native/tracer.ts";
import { findHelper } from "../../native/tracer/connection.ts";
import { startHogs } from "../../scripts/bench/hogs.ts";
import { faultyTracer } from "../patch/dying-tool.ts";
import { compileTarget, sanitizedHelper, startTarget, waitUntil, type Target } from "../support/mod.ts";
import { schedulingOf, setApart } from "./scheduling.ts";
import { ask, attempt, enter, jumpFrom, mustSwitch, numbersOf, range, sameBytes, type Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => {
  tracer = await Tracer.start();
});
afterAll(() => tracer[Symbol.asyncDispose]());

/** Below the program there is room in every process of these tests. */
const placeFor = async (pid: number) => {
  const lowest = BigInt(`0x${(await tracer.readMaps(pid)).split("-")[0]}`);
  return address(lowest - 0x100000n);
};

async function stageAndUnmap({ pid, startTime }: Situation): Promise<void> {
  const at = await placeFor(pid);
  const contents = new Uint8Array(8192).fill(0xc3);
  const segments = [{ offset: 0, length: 4096, protection: "rx" as const }, { offset: 4096, length: 4096, protection: "rw" as const }];
  await tracer.stage(pid, startTime, [{ name: "suture-test", at, contents, segments }]);
  await tracer.unmap(pid, startTime, [range(at, 8192)]);
}

const stateOf = (pid: number): string => /^\d+ \(.*\) (.)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "";
const fieldOf = (pid: number, name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
/** Of blocked-in-calls.c: one in each call, and the main one. */
const threadsBlocked = 48;

/**
 * One stop in which nothing is found, one in which everybody is in the way, a snapshot, and a borrowed thread. A thread that sleeps
 * uninterruptibly, as while another forks, may be in the way of the first for a moment.
 */
async function stopInEveryWay(situation: Situation): Promise<void> {
  await waitUntil("everybody can be stopped", async () => (await attempt(tracer, situation, { forbidden: [], writes: [] })).outcome === "done");
  expect((await attempt(tracer, situation, { forbidden: [{ start: address(1n), end: address(1n << 62n) }], writes: [] })).outcome).toBe("blocked");
  await tracer.stacks(situation.pid);
  await stageAndUnmap(situation);
}

/** `NAME=A/B/C …` */
const countsOf = (line: string): ReadonlyMap<string, readonly number[]> =>
  new Map([...line.matchAll(/(\w+)=([\d/]+)/g)].map(([, name = "", counts = ""]) => [name, counts.split("/").map(Number)]));

const numbersIn = (line: string): readonly number[] => (line.match(/\d+/g) ?? []).map(Number);

async function askCounts(target: Target): Promise<ReadonlyMap<string, readonly number[]>> {
  const from = target.lines.length;
  target.write("?\n");
  return countsOf(await target.line(/=/, from));
}

describe("stopping", () => {
  it("disturbs no call that blocks, over 200 stops, refused ones, snapshots and borrowed threads", async () => {
    await using situation = await enter(tracer, "blocked-in-calls.c");
    // A system that forbids io_uring could not show this of all calls.
    expect(numbersOf(situation.target.readyLine)).toMatchObject({ threads: threadsBlocked, rings: 1 });
    for (let i = 0; i < 200; i++) {
      if (i % 5 === 0) await stopInEveryWay(situation);
      else expect((await attempt(tracer, situation, { forbidden: [], writes: [] })).outcome).toBe("done");
    }
    await sleep(100);
    expect(situation.target.lines.slice(1)).toEqual([]);
  });

  it.each(["threads", "process"])("disturbs no call that blocks while signals to the %s come that the program ignores", async (whom) => {
    await using situation = await enter(tracer, "blocked-in-calls.c");
    const { program } = await compileTarget("sends-ignored-signals.c");
    await using _sender = await startTarget(program, { parameters: [String(situation.pid), whom] });
    const everything = { start: address(1n), end: address(1n << 62n) };
    for (let i = 0; i < 200; i++) {
      await attempt(tracer, situation, { forbidden: [], writes: [] });
      expect((await attempt(tracer, situation, { forbidden: [everything], writes: [] })).outcome).toBe("blocked");
    }
    await sleep(100);
    expect(situation.target.lines.slice(1)).toEqual([]);
  });

  it("disturbs no call that blocks when a stop is given up: over its budget, or because memory has changed", async () => {
    await using situation = await enter(tracer, "blocked-in-calls.c", { parameters: ["busy"] });
    const flag = await sameBytes(tracer, situation.pid, situation.at("flag"), 8);
    // Held against what is expected before the stop and under it: it must have turned over in between.
    let changedUnderStop = 0;
    for (let i = 0; i < 2000 && changedUnderStop < 100; i++) {
      const outcome = await attempt(tracer, situation, { forbidden: [], writes: [flag] });
      expect(["done", "mismatch"]).toContain(outcome.outcome);
      if (outcome.outcome === "mismatch" && outcome.stop.sleepingThreads >= threadsBlocked - 1) changedUnderStop++;
    }
    expect(changedUnderStop).toBe(100);
    for (let i = 0; i < 200; i++) {
      const outcome = await attempt(tracer, situation, { forbidden: [], writes: [], maxStopMicroseconds: 0 });
      // The main thread looks for news now and then, and may be at work as well.
      expect(outcome).toMatchObject({ outcome: "over-budget", stop: { workingThreads: expect.toSatisfy((threads: number) => threads > 0) as number, sleepingThreads: expect.toSatisfy((threads: number) => threads >= threadsBlocked - 1) as number } });
    }
    await sleep(100);
    expect(situation.target.lines.slice(1)).toEqual([]);
  });

  it("borrows a thread out of each of the calls that block, and disturbs none", async () => {
    const switchesOf = (pid: number, tid: number): number => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, "utf8"))?.[1]);
    const borrowOutOf = async (call: number): Promise<string | undefined> => {
      await using situation = await enter(tracer, "blocked-in-calls.c", { parameters: [String(call)] });
      const { pid, target } = situation;
      const blocked = Number(readdirSync(`/proc/${pid}/task`).find((tid) => Number(tid) !== pid));
      const before = switchesOf(pid, blocked);
      for (let i = 0; i < 3; i++) await stageAndUnmap(situation);
      const isUsed = switchesOf(pid, blocked) > before;
      await sleep(50);
      expect([target.readyLine, isUsed, target.lines.slice(1)]).toEqual([target.readyLine, true, []]);
      return /first=(.*)$/.exec(target.readyLine)?.[1];
    };
    const calls = Array.from({ length: threadsBlocked - 1 }, (_, call) => call);
    const used: (string | undefined)[] = [];
    for (let at = 0; at < calls.length; at += 8) used.push(...await Promise.all(calls.slice(at, at + 8).map(borrowOutOf)));
    expect(new Set(used).size).toBe(threadsBlocked - 1);
  }, 60_000);

  it("loses no wake-up and doubles none, whatever a thread waits in", async () => {
    await using situation = await enter(tracer, "wakes-and-waits.c");
    for (let i = 0; i < 200; i++) {
      if (i % 5 === 0) await stopInEveryWay(situation);
      else await attempt(tracer, situation, { forbidden: [], writes: [] });
    }
    const counts = [...await askCounts(situation.target)];
    expect(counts).toHaveLength(15);
    for (const [name, [given = 0, came, otherwise]] of counts) {
      expect({ name, given, came, otherwise }).toEqual({ name, given: came, came, otherwise: 0 });
      expect([name, given]).toEqual([name, expect.toSatisfy((times: number) => times > 5)]);
    }
  });

  it("lets calls time out as they should: none early, and those with an end of their own while the stops go on, refused ones and borrowed threads among them", async () => {
    await using situation = await enter(tracer, "times-out.c");
    const own = ["nanosleep", "clock_nanosleep", "poll", "ppoll", "select", "pselect", "futex", "futexUntil"];
    const anew = ["epoll", "sigtimedwait", "semtimedop", "recv", "recvmsg", "io_uring_enter", "constant"];
    const returnsOf = async (names: readonly string[], atLeast: number): Promise<boolean> => {
      const counts = await askCounts(situation.target);
      return names.every((name) => (counts.get(name)?.[0] ?? 0) >= atLeast);
    };
    // Stopped again long before the time is up, each of them.
    await waitUntil("each call with an end of its own has timed out three times", async () => {
      for (let i = 0; i < 8; i++) await attempt(tracer, situation, { forbidden: [], writes: [] });
      await stopInEveryWay(situation);
      return returnsOf(own, 3);
    });
    await waitUntil("the others have, left alone", () => returnsOf(anew, 3), { every: 50 });
    const { early, interrupted } = [...await askCounts(situation.target)].reduce((sums, [name, counts]) => (
      name === "interrupted" ? { ...sums, interrupted: counts[0] ?? 0 } : { ...sums, early: sums.early + (counts[1] ?? 0) }), { early: 0, interrupted: 0 });
    expect({ early, interrupted }).toEqual({ early: 0, interrupted: 0 });
    situation.target.write("quit\n");
    await waitUntil("it has ended", () => situation.target.exit() !== undefined);
  });

  it("loses no signal, delivers none twice, and in order", async () => {
    await using situation = await enter(tracer, "counts-signals.c");
    for (let i = 0; i < 150; i++) {
      await attempt(tracer, situation, { forbidden: [], writes: [] });
      await stageAndUnmap(situation);
    }
    const { sent = 0, came, outOfOrder, surplus } = await ask(situation.target);
    expect(sent).toBeGreaterThan(100);
    expect({ came, outOfOrder, surplus }).toEqual({ came: sent, outOfOrder: 0, surplus: 0 });
  });

  it("leaves a stopped process stopped, and it continues when it is told to", async () => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["4", "2"] });
    situation.target.signal("SIGSTOP");
    await waitUntil("it is stopped", () => stateOf(situation.pid) === "T");
    const write = await sameBytes(tracer, situation.pid, situation.at("answer"));
    for (let i = 0; i < 20; i++) {
      expect((await attempt(tracer, situation, { forbidden: [], writes: [write] })).outcome).toBe("done");
      await stageAndUnmap(situation);
      await waitUntil("it is stopped again", () => stateOf(situation.pid) === "T");
    }
    const ticks = readFileSync(`/proc/${situation.pid}/stat`, "utf8");
    await sleep(50);
    expect(readFileSync(`/proc/${situation.pid}/stat`, "utf8")).toBe(ticks);
    situation.target.signal("SIGCONT");
    const { calls = 0 } = await ask(situation.target);
    await sleep(50);
    expect((await ask(situation.target))["calls"]).toBeGreaterThan(calls);
  });

  it("stops what a SIGSTOP in the middle wanted stopped", async () => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["4", "2"] });
    for (let i = 0; i < 30; i++) {
      const work = [attempt(tracer, situation, { forbidden: [], writes: [] }), stageAndUnmap(situation)];
      situation.target.signal("SIGSTOP");
      await Promise.all(work);
      await waitUntil("it is stopped", () => stateOf(situation.pid) === "T");
      situation.target.signal("SIGCONT");
      await waitUntil("it runs", () => stateOf(situation.pid) !== "T");
    }
    expect((await ask(situation.target))["wrong"]).toBe(0);
  });

  it("gives every thread the priority and policy back that it had", async () => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["14", "6"] });
    setApart(situation.pid, 6);
    const before = schedulingOf(situation.pid);
    expect(new Set(before).size).toBeGreaterThan(5);
    for (let i = 0; i < 4; i++) {
      await attempt(tracer, situation, { forbidden: [], writes: [] });
      if (i === 1) await stageAndUnmap(situation);
    }
    expect(schedulingOf(situation.pid)).toEqual(before);
    expect((await attempt(tracer, situation, { forbidden: [{ start: address(1n), end: address(1n << 62n) }], writes: [] })).outcome).toBe("blocked");
    expect((await attempt(tracer, situation, { forbidden: [], writes: [], maxStopMicroseconds: 0 })).outcome).toBe("over-budget");
    expect(schedulingOf(situation.pid)).toEqual(before);
  }, 120_000);

  it("holds as working ones those that work, when stops follow at once on a busy machine: who has just been let go only wants to sleep on", async () => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["64", "1"] });
    await using _hogs = await startHogs(3 * cpus().length);
    const working: number[] = [];
    for (let i = 0; i < 40; i++) {
      const outcome = await attempt(tracer, situation, { forbidden: [], writes: [] });
      if (outcome.outcome === "done") working.push(outcome.stop.workingThreads);
    }
    expect(working.length).toBeGreaterThan(20);
    // The main one may be at work as well, and now and then somebody takes long over a stop.
    expect(working.filter((threads) => threads > 2).length).toBeLessThan(working.length / 5);
  });

  it("says who is tracing a process already", async () => {
    await using situation = await enter(tracer, "threads-asleep.c");
    const debuggerProgram = spawn("gdb", ["-q", "-nx", "-batch", "-p", String(situation.pid), "-ex", "shell sleep 60"], { stdio: "ignore" });
    try {
      await waitUntil("gdb has attached", () => fieldOf(situation.pid, "TracerPid") !== "0");
      const traced = { kind: "already-traced", data: { tracer: debuggerProgram.pid } };
      await expect(attempt(tracer, situation, { forbidden: [], writes: [] })).rejects.toMatchObject(traced);
      await expect(stageAndUnmap(situation)).rejects.toMatchObject(traced);
      await expect(tracer.stacks(situation.pid)).rejects.toMatchObject(traced);
    } finally {
      debuggerProgram.kill("SIGKILL");
    }
  });
});

describe("stage()", () => {
  it.each([["sleeping threads", ["8", "1"]], ["only working threads besides the main one", ["8", "8"]]])("makes mappings and takes them back without a trace: %s", async (_, parameters) => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters });
    const { pid, startTime } = situation;
    const maps = await tracer.readMaps(pid);
    const files = readdirSync(`/proc/${pid}/fd`);
    const at = await placeFor(pid);
    const contents = Uint8Array.from({ length: 3 * 4096 + 100 }, (_unused, index) => index % 251);
    const segments = [
      { offset: 0, length: 4096, protection: "r" as const },
      { offset: 4096, length: 4096, protection: "rx" as const },
      { offset: 8192, length: 8192, protection: "rw" as const },
    ];
    for (let i = 0; i < 20; i++) {
      await tracer.stage(pid, startTime, [{ name: "suture-test", at, contents, segments }]);
      const lines = (await tracer.readMaps(pid)).split("\n").filter((line) => line.endsWith("/memfd:suture-test (deleted)"));
      expect(lines.map((line) => line.slice(line.indexOf(" ") + 1, line.indexOf(" ") + 5))).toEqual(["r--p", "r-xp", "rw-p"]);
      expect(await tracer.readMemory(pid, at, contents.length)).toEqual(contents);
      await tracer.unmap(pid, startTime, [range(at, 4 * 4096)]);
    }
    expect(await tracer.readMaps(pid)).toBe(maps);
    expect(readdirSync(`/proc/${pid}/fd`)).toEqual(files);
    expect(fieldOf(pid, "SigBlk")).toBe("0000000000000000");
    expect((await ask(situation.target))["wrong"]).toBe(0);
  });

  it("takes everything back when one place is taken", async () => {
    await using situation = await enter(tracer, "threads-asleep.c");
    const { pid, startTime } = situation;
    const maps = await tracer.readMaps(pid);
    const files = readdirSync(`/proc/${pid}/fd`);
    const taken = address(BigInt(`0x${maps.split("-")[0]}`));
    const mapping = { name: "suture-test", contents: new Uint8Array(4096), segments: [{ offset: 0, length: 4096, protection: "rw" as const }] };
    const staged = tracer.stage(pid, startTime, [{ ...mapping, at: await placeFor(pid) }, { ...mapping, at: taken }]);
    await expect(staged).rejects.toMatchObject({ kind: "unreachable-memory" });
    expect(await tracer.readMaps(pid)).toBe(maps);
    expect(readdirSync(`/proc/${pid}/fd`)).toEqual(files);
  });

  it("finds a thread under a seccomp filter that allows neither", async () => {
    await using situation = await enter(tracer, "few-calls-allowed.c");
    await stageAndUnmap(situation);
    expect(situation.target.exit()).toBeUndefined();
  });

  it.each([["in one most of the time", []], ["in none most of the time", ["alone"]]])("borrows no thread out of a restartable sequence, which the kernel would no longer restart, but all others: %s", async (_, parameters) => {
    await using situation = await enter(tracer, "counts-on-its-processor.c", { parameters });
    for (let i = 0; i < 60; i++) await stageAndUnmap(situation);
    situation.target.write("enough\n");
    const counted = numbersIn(await situation.target.line(/^counted/));
    expect(counted).toEqual([expect.toSatisfy((sum: number) => sum > 1000), 0]);
  });

  it("checks the process before it touches it", async () => {
    await using situation = await enter(tracer, "threads-asleep.c");
    await expect(stageAndUnmap({ ...situation, startTime: 1n })).rejects.toMatchObject({ kind: "process-gone" });
  });
});

describe("write()", () => {
  it("writes what is as expected, and nothing else", async () => {
    await using situation = await enter(tracer, "one-busy-of-many.c");
    const { pid, startTime } = situation;
    const at = situation.at("otherAnswer");
    const expected = await tracer.readMemory(pid, at, 16);
    const replacement = new Uint8Array(16).fill(0x90);
    await tracer.write(pid, startTime, [{ at, expected, replacement }]);
    expect(await tracer.readMemory(pid, at, 16)).toEqual(replacement);
    await expect(tracer.write(pid, startTime, [{ at, expected, replacement }])).rejects.toMatchObject({ kind: "bytes-mismatch" });
  });

  it("reads back what it has written, and puts all of it back when the program has written over a part", async () => {
    await using situation = await enter(tracer, "blocked-in-calls.c", { parameters: ["busy"] });
    const { pid, startTime } = situation;
    const flag = situation.at("flag");
    // Of the ELF header, which nobody reads: bytes without a meaning.
    const unused = address(BigInt(`0x${(await tracer.readMaps(pid)).split("-")[0]}`) + 8n);
    const expected = await tracer.readMemory(pid, unused, 8);
    const quiet = { at: unused, expected, replacement: new Uint8Array(8).fill(7) };
    const raced = { at: flag, expected: new Uint8Array(8), replacement: new Uint8Array(8).fill(7) };
    const writeOnce = async (): Promise<"put back" | "written" | "refused"> => {
      const kind = await tracer.write(pid, startTime, [quiet, raced]).then(() => "written", (error: { readonly kind: string; readonly message: string }) => `${error.kind}: ${error.message}`);
      if (kind === "written") await tracer.write(pid, startTime, [{ ...quiet, expected: quiet.replacement, replacement: expected }]);
      else expect(kind).toMatch(/^bytes-mismatch|^internal: .*other bytes were read back; everything has been put back$/);
      expect(await tracer.readMemory(pid, unused, 8)).toEqual(expected);
      return kind === "written" ? kind : kind.startsWith("internal") ? "put back" : "refused";
    };
    // Both must be on a processor at the same time for that.
    await waitUntil("the program has written in between", async () => await writeOnce() === "put back", { timeout: 50_000, every: 0 });
    expect(situation.target.exit()).toBeUndefined();
  }, 60_000);
});

describe("the helper's sudden death", () => {
  /** Kills a helper in the middle of what `work` makes it do, again and again. */
  async function killInTheMiddle(times: number, work: (victim: Tracer) => Promise<unknown>): Promise<void> {
    for (let i = 0; i < times; i++) {
      const victim = await Tracer.start();
      const helper = readdirSync("/proc").find((pid) => /^\d+$/.test(pid) && isOwnHelper(pid) && !known.has(pid));
      if (helper === undefined) throw new Error("No helper");
      const working = (async () => {
        for (;;) await work(victim);
      })().catch(() => undefined);
      await sleep(Math.random() * 12);
      process.kill(Number(helper), "SIGKILL");
      await working;
      await victim[Symbol.asyncDispose]();
    }
  }
  const known = new Set<string>();
  const isOwnHelper = (pid: string): boolean => {
    try {
      const [, parent] = /\) . (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      return parent === String(process.pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith(findHelper());
    } catch {
      return false;
    }
  };
  let faulty: string;
  beforeAll(async () => {
    for (const pid of readdirSync("/proc")) if (isOwnHelper(pid)) known.add(pid);
    faulty = await sanitizedHelper();
  }, 600_000);

  it("leaves a process running whose code it was switching", async () => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["16", "4"] });
    setApart(situation.pid, 4);
    const before = schedulingOf(situation.pid);
    const at = situation.at("answer");
    const jump = jumpFrom(at, situation.at("otherAnswer"));
    const original = await tracer.readMemory(situation.pid, at, 5);
    await killInTheMiddle(25, async (victim) => {
      const expected = await victim.readMemory(situation.pid, at, 5);
      const replacement = expected[0] === 0xe9 ? original : jump;
      await attempt(victim, situation, { forbidden: [range(at, 5)], writes: [{ at, expected, replacement }] });
    });
    const { calls = 0, wrong } = await ask(situation.target);
    expect(wrong).toBe(0);
    await sleep(50);
    expect((await ask(situation.target))["calls"]).toBeGreaterThan(calls);
    expect(fieldOf(situation.pid, "TracerPid")).toBe("0");
    await waitUntil("the guard has given every thread its own priority", () => JSON.stringify(schedulingOf(situation.pid)) === JSON.stringify(before));
    await mustSwitch(tracer, situation, { forbidden: [], writes: [await sameBytes(tracer, situation.pid, at)] });
  });

  it.each(["seized:0", "half-stopped:0", "stopped:0", "park:0", "done:0", "end:0", "released:0"])("gives every thread its own priority back, and lets all run on, when it comes at %s", async (place) => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["14", "6"] });
    setApart(situation.pid, 6);
    const before = schedulingOf(situation.pid);
    const at = situation.at("answer");
    const expected = await tracer.readMemory(situation.pid, at, 5);
    const writes = [{ at, expected, replacement: jumpFrom(at, situation.at("otherAnswer")), entry: true }];
    await using victim = await faultyTracer(faulty, { SUTURE_KILL_AT: place });
    await expect((async () => {
      // Somebody may be in the way.
      for (;;) if ((await attempt(victim, situation, { forbidden: [range(at, 5)], writes })).outcome === "done") return;
    })()).rejects.toThrow(/SIGKILL/);
    await waitUntil("every thread has its own priority", () => JSON.stringify(schedulingOf(situation.pid)) === JSON.stringify(before));
    const { calls = 0 } = await ask(situation.target);
    await waitUntil("they work", async () => ((await ask(situation.target))["calls"] ?? 0) > calls);
    expect((await ask(situation.target))["wrong"]).toBe(0);
    expect(schedulingOf(situation.pid)).toEqual(before);
  }, 120_000);

  it("leaves a thread to find its own way home whose help it had", async () => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["6", "2"] });
    await killInTheMiddle(60, (victim) => {
      const { pid, startTime } = situation;
      const at = address(0x10000000n + BigInt(Math.floor(Math.random() * 0x10000)) * 0x1000n);
      return victim.stage(pid, startTime, [{ name: "suture-test", at, contents: new Uint8Array(4096), segments: [{ offset: 0, length: 4096, protection: "rw" }] }]);
    });
    const { calls = 0, wrong } = await ask(situation.target);
    expect(wrong).toBe(0);
    await sleep(50);
    expect((await ask(situation.target))["calls"]).toBeGreaterThan(calls);
    for (const tid of readdirSync(`/proc/${situation.pid}/task`)) expect(fieldOf(Number(tid), "SigBlk")).toBe("0000000000000000");
    expect(readdirSync(`/proc/${situation.pid}/task`)).toHaveLength(7);
  }, 120_000);

  it("disturbs few of the calls that it had interrupted, and ends nothing", async () => {
    await using situation = await enter(tracer, "blocked-in-calls.c");
    await killInTheMiddle(30, async (victim) => {
      await attempt(victim, situation, { forbidden: [], writes: [] });
    });
    expect(situation.target.exit()).toBeUndefined();
    expect(readdirSync(`/proc/${situation.pid}/task`)).toHaveLength(threadsBlocked);
  });
});
