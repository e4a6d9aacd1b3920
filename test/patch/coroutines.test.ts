// Calls that are under way on no thread's stack: of coroutines that wait their turn.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SutureError } from "../../native/errors.ts";
import { applyPatch, deactivatePatch, listPatches, recoverProcess, revertPatch, unloadPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { patchOf } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const failureOf = (promise: Promise<unknown>): Promise<SutureError> =>
  promise.then(() => { throw new Error("It did not fail"); }, (error: unknown) => error as SutureError);

async function start(name: string, parameters: readonly string[] = ["malloc"]): Promise<{ readonly target: Target; readonly module: string } & AsyncDisposable> {
  const { program } = await compileTarget(name, { flags: ["-O1", "-fcf-protection=none"], link: ["-Wl,--build-id"] });
  const target = await startTarget(program, { parameters });
  return { target, module: program, [Symbol.asyncDispose]: async () => void await target.stop() };
}

async function say(target: Target, word: string, reply: RegExp): Promise<string> {
  const from = target.lines.length;
  target.write(`${word}\n`);
  return target.line(reply, from);
}

/** All of what inside() consists of: half of it would break a call. */
const newInside = `
  extern void switchTo(void **from, void *to);
  void suspend(void);
  __attribute__((noinline)) int value(void) { return 2; }
  int inside(void) { const int first = value(); suspend(); return first == value(); }`;

test("applyPatch() with a scan of all memory waits for a suspended coroutine, and commits when it has left the function", async () => {
  await using running = await start("suspended-coroutines.c");
  const { target: { pid }, target } = running;
  const patch = patchOf({ module: running.module, kind: "program" }, "two", newInside, ["value", "inside"]);
  await say(target, "enter", /^entered/);
  const before = await snapshotOf(pid);
  const error = await failureOf(applyPatch(tracer, patch, pid, { scan: "heap", timeout: 50 }));
  expect(error.kind).toBe("blocked");
  expect(error.message).toMatch(/: a stack that no thread is on returns into inside \(0x[0-9a-f]+, in \[heap\]\); tried .*nothing was changed; a longer timeout may help, and a scan of stacks alone \(no --scan heap\) passes over it/);
  expect(error.data["blockers"]).toMatchObject([{ pid, reason: "in-memory", function: "inside", at: expect.stringMatching(/^0x/) as string, mapping: "[heap]" }]);
  expect(await snapshotOf(pid)).toEqual(before);

  await say(target, "leave", /^left/);
  await applyPatch(tracer, patch, pid, { scan: "heap" });
  expect(await say(target, "ask", /^value/)).toBe("value 2, broken 0");

  // The other way round it is the patch's own code that must not be taken away.
  await say(target, "enter", /^entered/);
  expect(await failureOf(revertPatch(tracer, "two", pid, { scan: "heap", timeout: 50 }))).toMatchObject({ kind: "blocked", data: { blockers: [{ reason: "in-memory", function: "inside" }] } });
  expect(await revertPatch(tracer, "two", pid)).toMatchObject({ processes: [{ memoryKept: true }] });
  await say(target, "leave", /^left/);
  expect(await say(target, "ask", /^value/)).toBe("value 1, broken 0");
  expect(await listPatches(tracer, pid)).toMatchObject([{ patches: [{ name: "two", state: "retired" }] }]);
});

/** In QEMU's way the function that it is suspended in has been entered from a signal handler that is over. */
test.each(["ucontext", "sigaltstack"])("applyPatch() and revertPatch() with a scan of all memory wait for a coroutine that is suspended by %s", async (kind) => {
  await using running = await start("suspended-contexts.c", [kind]);
  const { target: { pid }, target } = running;
  const source = `
    void suspend(void);
    __attribute__((noinline)) int value(void) { return 2; }
    int inside(void) { const int first = value(); suspend(); return first == value(); }`;
  const patch = patchOf({ module: running.module, kind: "program" }, "two", source, ["value", "inside"]);
  const untouched = await snapshotOf(pid);
  await say(target, "enter", /^entered/);
  expect(await failureOf(applyPatch(tracer, patch, pid, { scan: "heap", timeout: 50 }))).toMatchObject({ kind: "blocked", data: { blockers: [{ pid, reason: "in-memory", function: "inside" }] } });
  expect(await snapshotOf(pid)).toEqual(untouched);
  await say(target, "leave", /^left/);
  await applyPatch(tracer, patch, pid, { scan: "heap" });
  expect(await say(target, "ask", /^value/)).toBe("value 2, broken 0");

  await say(target, "enter", /^entered/);
  const patched = await snapshotOf(pid);
  expect(await failureOf(revertPatch(tracer, "two", pid, { scan: "heap", timeout: 50 }))).toMatchObject({ kind: "blocked", data: { blockers: [{ reason: "in-memory", function: "inside" }] } });
  expect(await snapshotOf(pid)).toEqual(patched);
  await say(target, "leave", /^left/);
  await revertPatch(tracer, "two", pid, { scan: "heap" });
  expect(await say(target, "ask", /^value/)).toBe("value 1, broken 0");
  await expectAllFreed(target, untouched);
});

const stackKinds = ["mmap", "malloc", "static", "local", "thread"];

/** Gives back the memory of what is retired as soon as nothing refers to it. */
async function expectAllFreed({ pid }: Target, untouched: Awaited<ReturnType<typeof snapshotOf>>): Promise<void> {
  await waitUntil("the patch's memory has been given back", async () => {
    await recoverProcess(tracer, pid);
    return (await listPatches(tracer, pid))[0]?.patches.length === 0;
  });
  expect(await snapshotOf(pid)).toEqual(untouched);
}

describe.each(["revert", "unload"])("%s without a scan of all memory", (way) => {
  test.each(stackKinds)("keeps the patch's code under a coroutine that is suspended in it, and gives it back later: its stack from %s", async (kind) => {
    await using running = await start("suspended-coroutines.c", [kind]);
    const { target, target: { pid } } = running;
    const patch = patchOf({ module: running.module, kind: "program" }, "two", newInside, ["value", "inside"]);
    const untouched = await snapshotOf(pid);
    await applyPatch(tracer, patch, pid);
    await say(target, "enter", /^entered/);
    if (way === "unload") await deactivatePatch(tracer, "two", pid);
    const taken = await (way === "unload" ? unloadPatch : revertPatch)(tracer, "two", pid);
    expect(taken).toMatchObject({ processes: [{ memoryKept: true }] });
    await recoverProcess(tracer, pid);
    expect(await listPatches(tracer, pid)).toMatchObject([{ patches: [{ name: "two", state: "retired" }] }]);
    await say(target, "leave", /^left/);
    expect(await say(target, "ask", /^value/)).toMatch(/^value 1/);
    await expectAllFreed(target, untouched);
  });
});

test.each(["malloc", "local", "thread"])("revertPatch() ends no thread that switches between coroutines all the time: their stacks from %s", async (kind) => {
  await using running = await start("suspended-coroutines.c", [kind, "switch"]);
  const { target, target: { pid } } = running;
  const patch = patchOf({ module: running.module, kind: "program" }, "two", newInside, ["value", "inside"]);
  const untouched = await snapshotOf(pid);
  const callsOf = async (): Promise<number> => Number(/calls=(\d+)/.exec(await say(target, "?", /^calls/))?.[1]);
  for (let round = 0; round < 15; round++) {
    await applyPatch(tracer, patch, pid);
    const before = await callsOf();
    await revertPatch(tracer, "two", pid);
    await waitUntil("the thread has gone on", async () => await callsOf() > before + 10);
  }
  await expectAllFreed(target, untouched);
});

test("applyPatch() says that a program switches coroutines when it has not looked for them", async () => {
  await using running = await start("in-coroutine.c");
  const { target: { pid } } = running;
  const patch = patchOf({ module: running.module, kind: "program" }, "two", "extern int turns; void elsewhere(void) { turns += 2; }", ["elsewhere"]);
  expect((await applyPatch(tracer, patch, pid, { dryRun: true })).processes).toMatchObject([{ unseenCoroutines: true }]);
  expect((await applyPatch(tracer, patch, pid, { scan: "heap", dryRun: true })).processes[0]).not.toHaveProperty("unseenCoroutines");
});
