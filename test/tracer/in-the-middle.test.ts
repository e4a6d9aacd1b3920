// What is true of a process while the helper is at work on it: the helper is stopped at a place in the middle, and its
// guardian lets it be. The helper is the one that has such places.

import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { address, type Address } from "../../native/address.ts";
import { Tracer, type TransitionOutcome } from "../../native/tracer.ts";
import { faultyTracer } from "../patch/dying-tool.ts";
import { sanitizedHelper, waitUntil } from "../support/mod.ts";
import { schedulingOf, setApart } from "./scheduling.ts";
import { ask, attempt, enter, range, sameBytes, type Situation } from "./situations.ts";

let tracer: Tracer;
let helper: string;
beforeAll(async () => {
  tracer = await Tracer.start();
  helper = await sanitizedHelper();
}, 600_000);
afterAll(() => tracer[Symbol.asyncDispose]());

/** One that would otherwise never end goes with its scope. */
async function stopsAt(place: string): Promise<{ readonly client: Tracer } & AsyncDisposable> {
  const client = await faultyTracer(helper, { SUTURE_STOP_AT: place, SUTURE_FAULT: "unwatched" });
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      const stopped = findStopped();
      if (stopped !== undefined) process.kill(stopped, "SIGKILL");
      await client[Symbol.asyncDispose]();
    },
  };
}

/** The helper of ours that has been stopped. */
const stoppedHelper = (): Promise<number> => waitUntil("the helper has stopped", findStopped);

const findStopped = (): number | undefined => readdirSync("/proc").map(Number).find((pid) => pid > 0 && isOurs(pid));

function isOurs(pid: number): boolean {
  try {
    return new RegExp(`^\\d+ \\(suture-tracer\\) T ${process.pid} `).test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

const threadsOf = ({ pid }: Situation): readonly number[] => readdirSync(`/proc/${pid}/task`).map(Number);

interface Standing {
  readonly tid: number;
  readonly state: string;
  readonly tracer: number;
  /** Of a thread that does not run: where it stands. */
  readonly at: bigint;
}

/** Threads come and go: nothing of one that has gone. */
function lookAt({ pid }: Situation, tid: number): readonly Standing[] {
  try {
    const read = (name: string): string => readFileSync(`/proc/${pid}/task/${tid}/${name}`, "utf8");
    const [, state = "", tracing = ""] = /^State:\s+(\S)[^]*^TracerPid:\s+(\d+)/m.exec(read("status")) ?? [];
    const place = read("syscall").trim().split(" ").at(-1) ?? "";
    return [{ tid, state, tracer: Number(tracing), at: place.startsWith("0x") ? BigInt(place) : 0n }];
  } catch {
    return [];
  }
}

const tracedIn = (situation: Situation): readonly Standing[] => threadsOf(situation).flatMap((tid) => lookAt(situation, tid)).filter(({ tracer: by }) => by !== 0);

/** Of threads-born-and-ending.c: its main thread, and those two that start all others. */
const lastingThreads = (situation: Situation): Promise<readonly number[]> => {
  let lasting = threadsOf(situation);
  return waitUntil("only those that do not end are in all lists", () => {
    const now = new Set(threadsOf(situation));
    lasting = lasting.filter((tid) => now.has(tid));
    return lasting.length === 3 && lasting;
  });
};

it.each(["seized:0", "half-stopped:0"])("threads that are born when all others have been seized are held with them, and let go: %s", async (place) => {
  await using situation = await enter(tracer, "threads-born-and-ending.c");
  const lasting = await lastingThreads(situation);
  let held: { readonly born: readonly Standing[]; readonly outcome: TransitionOutcome } | undefined;
  // Both of those that start others may have slept when sleepers were stopped.
  for (let tries = 0; tries < 8 && held === undefined; tries++) {
    await using stopping = await stopsAt(place);
    const stop = attempt(stopping.client, situation, { forbidden: [], writes: [], maxStopMicroseconds: 20_000_000 });
    stop.catch(() => undefined);
    const stopped = await stoppedHelper();
    const born = await waitUntil("a thread was born", () => bornBeside(situation, lasting), { timeout: 2000 }).catch(() => undefined);
    process.kill(stopped, "SIGCONT");
    const outcome = await stop;
    if (born !== undefined) held = { born, outcome };
  }
  if (held === undefined) throw new Error("No thread was born");
  const { born, outcome } = held;
  // Done: every thread that there was has been held.
  expect(outcome.outcome).toBe("done");
  if (outcome.outcome === "done") expect(outcome.stop.workingThreads + outcome.stop.sleepingThreads).toBeGreaterThanOrEqual(lasting.length + born.length);
  expect(born.flatMap(({ tid }) => lookAt(situation, tid)).filter(({ tracer: by }) => by !== 0)).toEqual([]);
  const { calls = 0 } = await ask(situation.target);
  await waitUntil("threads go on being born", async () => ((await ask(situation.target))["calls"] ?? 0) > calls);
  expect((await ask(situation.target))["wrong"]).toBe(0);
});

/** Nobody but the kernel has stopped it: right behind the system call by which its parent made it, who stands there too. */
function bornBeside(situation: Situation, lasting: readonly number[]): readonly Standing[] | undefined {
  const standing = tracedIn(situation).filter(({ state }) => state === "t");
  const parents = new Set(standing.filter(({ tid }) => lasting.includes(tid)).map(({ at }) => at));
  const children = standing.filter(({ tid, at }) => !lasting.includes(tid) && parents.has(at));
  return children.length > 0 ? children : undefined;
}

it("those who sleep are held first, while those who work do so still", async () => {
  await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["12", "4"] });
  const [main = 0, ...threads] = threadsOf(situation);
  const working = threads.slice(0, 4);
  await using stopping = await stopsAt("half-stopped:0");
  const stop = attempt(stopping.client, situation, { forbidden: [], writes: [], maxStopMicroseconds: 20_000_000 });
  stop.catch(() => undefined);
  const stopped = await stoppedHelper();
  const timeOf = (tid: number): bigint => BigInt(readFileSync(`/proc/${situation.pid}/task/${tid}/schedstat`, "utf8").split(" ")[0] ?? 0);
  const held = (tid: number): boolean => lookAt(situation, tid).some(({ state, tracer: by }) => state === "t" && by !== 0);
  expect(threads.map(held)).toEqual(threads.map((tid) => !working.includes(tid)));
  const before = working.map(timeOf);
  await waitUntil("each of them has worked for a millisecond more", () => working.every((tid, index) => timeOf(tid) > (before[index] ?? 0n) + 1_000_000n));
  expect([main, ...threads].filter(held)).toEqual(expect.arrayContaining(threads.slice(4)));
  expect(working.filter(held)).toEqual([]);
  process.kill(stopped, "SIGCONT");
  expect(await stop).toMatchObject({ outcome: "done", stop: { workingThreads: 4 } });
});

it.each(["borrowed:0", "calling:0", "called:0", "row:0", "passing:0"])("nobody is traced but the thread that is borrowed, and all others run: %s", async (place) => {
  await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["8", "4"] });
  await using stopping = await stopsAt(place);
  const lowest = BigInt(`0x${(await tracer.readMaps(situation.pid)).split("-")[0]}`);
  const mapping = { name: "suture-test", at: address(lowest - 0x100000n), contents: new Uint8Array(4096), segments: [{ offset: 0, length: 4096, protection: "rw" as const }] };
  let isStaged = false;
  const staging = stopping.client.stage(situation.pid, situation.startTime, [mapping]).then(() => { isStaged = true; });
  const stopped = await stoppedHelper();
  expect(tracedIn(situation)).toHaveLength(1);
  const { calls = 0 } = await ask(situation.target);
  await waitUntil("the others work", async () => ((await ask(situation.target))["calls"] ?? 0) > calls);
  expect(tracedIn(situation)).toHaveLength(1);
  // It comes to such a place several times.
  await waitUntil("it is staged", () => {
    process.kill(stopped, "SIGCONT");
    return isStaged;
  }, { every: 1 });
  await staging;
  expect(tracedIn(situation)).toEqual([]);
  await tracer.unmap(situation.pid, situation.startTime, [range(mapping.at, 4096)]);
});

describe("a thread to whose gate nobody comes goes home by itself", () => {
  interface Home {
    readonly situation: Situation;
    /** Where the second of two pages is mapped. */
    readonly at: Address;
    readonly staging: Promise<void>;
    readonly goOn: () => void;
  }

  /** The main thread sleeps in read, and the other one has no time: it is the main one. The helper is stopped, and knows nothing of it yet. */
  async function whenHome(work: (home: Home) => Promise<void>): Promise<void> {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["1", "1"] });
    await using stopping = await stopsAt("gate:0");
    const at = address(BigInt(`0x${(await tracer.readMaps(situation.pid)).split("-")[0]}`) - 0x100000n);
    const staging = stopping.client.stage(situation.pid, situation.startTime, [{ name: "suture-test", at, contents: new Uint8Array(8192).fill(7), segments: [{ offset: 4096, length: 4096, protection: "r" }] }]);
    staging.catch(() => undefined);
    const stopped = await stoppedHelper();
    expect((await ask(situation.target))["wrong"]).toBe(0);
    expect(tracedIn(situation).map(({ tid }) => tid)).toEqual([situation.pid]);
    await work({ situation, at: address(at + 4096n), staging, goOn: () => void process.kill(stopped, "SIGCONT") });
  }

  it("and is let go from where it is then", () => whenHome(async ({ situation, at, staging, goOn }) => {
    goOn();
    await staging;
    expect(tracedIn(situation)).toEqual([]);
    expect(await tracer.readMemory(situation.pid, at, 4096)).toEqual(new Uint8Array(4096).fill(7));
    expect((await ask(situation.target))["wrong"]).toBe(0);
    await tracer.unmap(situation.pid, situation.startTime, [range(at, 4096)]);
  }));

  it("where a signal reaches it", () => whenHome(async ({ situation, staging, goOn }) => {
    situation.target.signal("SIGTERM");
    goOn();
    await staging.catch(() => undefined);
    await waitUntil("it has ended", () => situation.target.exit() !== undefined);
    expect(situation.target.exit()).toMatchObject({ signal: "SIGTERM" });
  }));

  it("where a stop of the process reaches it", () => whenHome(async ({ situation, staging, goOn }) => {
    situation.target.signal("SIGSTOP");
    goOn();
    await staging;
    await waitUntil("it is stopped", () => lookAt(situation, situation.pid)[0]?.state === "T");
    situation.target.signal("SIGCONT");
    expect((await ask(situation.target))["wrong"]).toBe(0);
  }));
});

it("a process that is stopped and continued while its thread is borrowed goes on", async () => {
  await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["1", "1"] });
  await using stopping = await stopsAt("calling:0");
  const at = address(BigInt(`0x${(await tracer.readMaps(situation.pid)).split("-")[0]}`) - 0x100000n);
  let isStaged = false;
  const staging = stopping.client.stage(situation.pid, situation.startTime, [{ name: "suture-test", at, contents: new Uint8Array(4096), segments: [{ offset: 0, length: 4096, protection: "r" }] }]).then(() => { isStaged = true; });
  const stopped = await stoppedHelper();
  situation.target.signal("SIGSTOP");
  situation.target.signal("SIGCONT");
  await waitUntil("it is staged", () => {
    process.kill(stopped, "SIGCONT");
    return isStaged;
  }, { every: 1 });
  await staging;
  expect((await ask(situation.target))["wrong"]).toBe(0);
});

it("under a filter of system calls, which would be in force again if we died, a thread makes no calls in a row", async () => {
  await using situation = await enter(tracer, "few-calls-allowed.c");
  const dying = await faultyTracer(helper, { SUTURE_KILL_AT: "row:0" });
  const at = address(BigInt(`0x${(await tracer.readMaps(situation.pid)).split("-")[0]}`) - 0x100000n);
  await dying.stage(situation.pid, situation.startTime, [{ name: "suture-test", at, contents: new Uint8Array(4096), segments: [{ offset: 0, length: 4096, protection: "r" }] }]);
  await dying[Symbol.asyncDispose]();
  await tracer.unmap(situation.pid, situation.startTime, [range(at, 4096)]);
});

const naps = [{ name: "in a row", parameters: ["3", "2"] }, { name: "one by one", parameters: ["3", "2", "continued"] }];

it.each(naps)("killed wherever it undoes what it has mapped $name, the first mapping of a request is the last to go", async ({ parameters }) => {
  await using situation = await enter(tracer, "pairs-of-functions.c", { parameters });
  const { pid, startTime } = situation;
  const at = address(BigInt(`0x${(await tracer.readMaps(pid)).split("-")[0]}`) - 0x100000n);
  const page = { offset: 0, length: 4096, protection: "r" as const };
  const mapping = (name: string, pages: number, place: bigint) => ({ name, at: address(at + place), contents: new Uint8Array(4096 * pages).fill(1), segments: Array.from({ length: pages }, (_, index) => ({ ...page, offset: 4096 * index })) });
  await tracer.stage(pid, startTime, [mapping("in-the-way", 1, 0x3000n)]);
  const request = [mapping("suture-first", 1, 0x8000n), mapping("suture-second", 3, 0x1000n)];
  const placesOf = async (name: string) => [...(await tracer.readMaps(pid)).matchAll(/^([0-9a-f]+)-([0-9a-f]+) .*memfd:([\w-]+)/gm)].filter(([, , , found]) => found === name)
    .map(([, start = "", end = ""]) => ({ start: address(BigInt(`0x${start}`)), end: address(BigInt(`0x${end}`)) }));
  let steps = 0;
  for (let error: { kind?: string } = {}; error.kind !== "unreachable-memory"; steps++) {
    const dying = await faultyTracer(helper, { SUTURE_KILL_AT_STEP: `${steps}` });
    error = await dying.stage(pid, startTime, request).then(() => ({ kind: "staged" }), (failure: { kind: string }) => failure);
    await dying[Symbol.asyncDispose]();
    // One that has been left in a row maps what is left of it.
    let maps = "";
    await waitUntil("its thread has gone home", async () => maps === (maps = await tracer.readMaps(pid)), { every: 20 });
    const [first, second] = [await placesOf("suture-first"), await placesOf("suture-second")];
    if (second.length > 0) expect([steps, first.length]).toEqual([steps, 1]);
    const left = [...second, ...first];
    if (left.length > 0) await tracer.unmap(pid, startTime, left);
    if (error.kind === "unreachable-memory") expect(left).toEqual([]);
  }
  expect(steps).toBeGreaterThan(8);
  situation.target.write("ask\n");
  expect(await situation.target.line(/answers/)).toMatch(/^answers \d+ 0 0 0$/);
}, 60_000);

it("threads that work have real-time priority while they stand, and their own when we are killed over that", async () => {
  await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["8", "4"] });
  setApart(situation.pid, 4);
  const own = schedulingOf(situation.pid);
  await using stopping = await stopsAt("stopped:0");
  const stop = attempt(stopping.client, situation, { forbidden: [], writes: [await sameBytes(tracer, situation.pid, situation.at("answer"))], maxStopMicroseconds: 20_000_000 });
  stop.catch(() => undefined);
  const stopped = await stoppedHelper();
  const raised = schedulingOf(situation.pid);
  // The main thread sleeps; the next four work. Those that sleep are raised, too, where they do not wake up at once.
  const isRaised = raised.map((scheduling, index) => scheduling !== own[index]);
  expect(isRaised.slice(1, 5)).toEqual([true, true, true, true]);
  process.kill(stopped, "SIGKILL");
  await expect(stop).rejects.toThrow(/SIGKILL/);
  await waitUntil("every thread has its own priority", () => JSON.stringify(schedulingOf(situation.pid)) === JSON.stringify(own));
});

it("a process that is forked when its parent has been seized is nobody's tracee, and works on", async () => {
  await using stopping = await stopsAt("seized:0");
  await using situation = await enter(tracer, "forks-workers.c");
  const { pid, target } = situation;
  // None ends: their parent, which is seized, would stand for the signal. There are 24 at the most.
  target.write("linger\n");
  const children = (): readonly number[] => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  const tracerOf = (each: number): string | undefined => /^TracerPid:\t(\d+)$/m.exec(readFileSync(`/proc/${each}/status`, "utf8"))?.[1];
  const start = address(BigInt(`0x${(await tracer.readMaps(pid)).split("-")[0]}`));
  const stop = attempt(stopping.client, situation, { forbidden: [], writes: [await sameBytes(tracer, pid, start)], maxStopMicroseconds: 20_000_000 });
  stop.catch(() => undefined);
  const stopped = await stoppedHelper();
  expect(tracerOf(pid)).not.toBe("0");
  const before = new Set(children());
  const born = await waitUntil("a worker has been forked", () => children().find((each) => !before.has(each)));
  expect(tracerOf(born)).toBe("0");
  process.kill(stopped, "SIGCONT");
  expect(await stop).toMatchObject({ outcome: "done", stop: { workingThreads: expect.any(Number) as number } });
  expect([tracerOf(pid), tracerOf(born)]).toEqual(["0", "0"]);
  await waitUntil("they answer", async () => {
    const from = target.lines.length;
    target.write("ask\n");
    return /^answers: [1-9]\d* 0$/.test(await target.line(/^answers/, from));
  });
  // Or one that is born while its parent is ended would stay.
  target.write("hurry\npause\n");
  await target.line(/^paused/);
});
