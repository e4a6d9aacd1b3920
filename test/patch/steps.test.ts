// Load, activate, deactivate and unload as steps of their own: what is loaded stays, whoever dies in between.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SutureError } from "../../native/errors.ts";
import { ensureLedger } from "../../native/patch/ledger.ts";
import { activatePatch, applyPatch, deactivatePatch, listPatches, loadPatch, recoverProcess, revertPatch, unloadPatch, verifyPatches } from "../../native/patch/mod.ts";
import type { TransactionOptions } from "../../native/patch/mod.ts";
import { openProcess } from "../../native/patch/open-process.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import { dying } from "./dying-tool.ts";
import { flipped } from "./memory.ts";
import { newKeep, newStay, oldAnswers, patchOf, startAnswers } from "./situations.ts";
import type { Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const answering = (situation: Situation, name: string, number: number): Uint8Array =>
  patchOf(situation, name, `int answer(int thread) { return ${number}; }`, ["answer"]);
const answers = (number: number): string => `answers:${` ${number}`.repeat(8)}`;
const statesIn = async (pid: number): Promise<readonly string[]> => ((await listPatches(tracer, pid))[0]?.patches ?? []).map(({ name, state }) => `${name} ${state}`);
const programCode = async (pid: number, program: string) => (await snapshotOf(pid)).code.filter(({ mapping }) => mapping.endsWith(program));
const isVerified = async (pid: number): Promise<boolean> => (await verifyPatches(tracer, pid)).verified;

test("loadPatch() changes no code of the program, and each step leads back", async () => {
  await using situation = await startAnswers("PIE");
  const { pid, program } = situation;
  const before = await snapshotOf(pid);
  const code = await programCode(pid, program);
  const loaded = await loadPatch(tracer, answering(situation, "two", 2), pid);
  expect(loaded).toMatchObject({ result: "loaded", patch: { name: "two" }, processes: [{ pid, functions: [{ name: "answer" }] }], stop: { attempts: 0 } });
  expect(await programCode(pid, program)).toEqual(code);
  expect(await situation.ask()).toBe(oldAnswers);
  for (let round = 0; round < 2; round++) {
    expect(await statesIn(pid)).toEqual(["two loaded"]);
    expect(await isVerified(pid)).toBe(true);
    expect(await recoverProcess(tracer, pid)).toMatchObject({ patches: [] });

    expect(await activatePatch(tracer, "two", pid)).toMatchObject({ result: "activated", processes: [{ pid }], stop: { attempts: 1 } });
    expect(await situation.ask()).toBe(answers(2));
    expect([await statesIn(pid), await isVerified(pid)]).toEqual([["two active"], true]);

    expect(await deactivatePatch(tracer, "two", pid)).toMatchObject({ result: "deactivated", processes: [{ pid }] });
    expect(await situation.ask()).toBe(oldAnswers);
    expect(await programCode(pid, program)).toEqual(code);
  }
  expect(await unloadPatch(tracer, "two", pid)).toMatchObject({ result: "unloaded", processes: [{ pid }] });
  expect(await snapshotOf(pid)).toEqual(before);
});

test("deactivatePatch() leaves a patch that was applied loaded, and revertPatch() takes it out in either state", async () => {
  await using situation = await startAnswers("non-PIE");
  const { pid } = situation;
  const before = await snapshotOf(pid);
  for (const revert of ["loaded", "active"]) {
    await applyPatch(tracer, answering(situation, "two", 2), pid);
    await deactivatePatch(tracer, "two", pid);
    expect(await statesIn(pid)).toEqual(["two loaded"]);
    await expect(applyPatch(tracer, answering(situation, "two", 2), pid)).rejects.toMatchObject({ kind: "already-applied", message: expect.stringMatching(/loaded already; activate it, or unload it first/) });
    if (revert === "active") await activatePatch(tracer, "two", pid);
    expect(await revertPatch(tracer, "two", pid)).toMatchObject({ result: "reverted" });
    expect(await snapshotOf(pid)).toEqual(before);
  }
});

interface Refusal {
  readonly step: string;
  readonly from: "loaded" | "active";
  readonly act: (pid: number, options: TransactionOptions) => Promise<unknown>;
  readonly kind: string;
  readonly message: RegExp;
}
const refusals: readonly Refusal[] = [
  { step: "activate", from: "active", act: (pid, options) => activatePatch(tracer, "two", pid, options), kind: "already-applied", message: /activate patch "two" in pid \d+: it is active already/ },
  { step: "deactivate", from: "loaded", act: (pid, options) => deactivatePatch(tracer, "two", pid, options), kind: "not-active", message: /it is loaded; there is nothing to deactivate/ },
  { step: "unload", from: "active", act: (pid, options) => unloadPatch(tracer, "two", pid, options), kind: "patch-in-use", message: /unload patch "two" from pid \d+: it is active; deactivate it first, or revert it/ },
  { step: "activate another", from: "loaded", act: (pid, options) => activatePatch(tracer, "three", pid, options), kind: "no-such-patch", message: /activate patch "three" in pid \d+: it carries no patch of this name, only "two"/ },
];

test.each(refusals)("$step is refused when the patch is $from, and the process is unchanged", async ({ from, act, kind, message }) => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  await loadPatch(tracer, answering(situation, "two", 2), pid);
  if (from === "active") await activatePatch(tracer, "two", pid);
  const before = await snapshotOf(pid);
  for (const dryRun of [false, true]) await expect(act(pid, { dryRun })).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
  expect(await snapshotOf(pid)).toEqual(before);
  expect(await statesIn(pid)).toEqual([`two ${from}`]);
});

test("every step as a dry run changes nothing", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const untouched = await snapshotOf(pid);
  expect(await loadPatch(tracer, answering(situation, "two", 2), pid, { dryRun: true })).toMatchObject({ result: "checked" });
  expect(await snapshotOf(pid)).toEqual(untouched);
  await loadPatch(tracer, answering(situation, "two", 2), pid);
  const loaded = await snapshotOf(pid);
  for (const step of [activatePatch, unloadPatch]) expect(await step(tracer, "two", pid, { dryRun: true })).toMatchObject({ result: "checked", stop: { attempts: 1 } });
  expect(await snapshotOf(pid)).toEqual(loaded);
  await activatePatch(tracer, "two", pid);
  const active = await snapshotOf(pid);
  expect(await deactivatePatch(tracer, "two", pid, { dryRun: true })).toMatchObject({ result: "checked" });
  expect(await snapshotOf(pid)).toEqual(active);
  expect(await statesIn(pid)).toEqual(["two active"]);
});

test.each(["activate", "deactivate"] as const)("%s waits for a thread, names it, and leaves everything as it was", async (act) => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  await loadPatch(tracer, patchOf(situation, "go", newStay, ["stay"]), pid);
  if (act === "deactivate") await activatePatch(tracer, "go", pid);
  situation.target.write("stay\n");
  await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(pid)).length === 10);
  const before = await snapshotOf(pid);
  const step = act === "activate" ? activatePatch : deactivatePatch;
  await expect(step(tracer, "go", pid, { timeout: 50 })).rejects.toMatchObject({ kind: "blocked", data: { blockers: [{ function: "stay" }] } });
  expect(await snapshotOf(pid)).toEqual(before);
  expect([await statesIn(pid), await isVerified(pid)]).toEqual([[act === "activate" ? "go loaded" : "go active"], true]);
  await situation.say("leave", /^left/);
  await step(tracer, "go", pid);
});

test("unloadPatch() waits for a thread that a pointer has led into the patch, and keeps what is pointed to", async () => {
  const { program } = await compileTarget("chooses-a-function.c", { flags: ["-O1"], link: ["-Wl,--build-id"] });
  await using target = await startTarget(program);
  const { pid } = target;
  const say = async (word: string, reply: RegExp): Promise<string> => {
    const from = target.lines.length;
    target.write(`${word}\n`);
    return target.line(reply, from);
  };
  const untouched = await snapshotOf(pid);
  const source = `
    #include <unistd.h>
    __attribute__((noinline)) static int newOne(int from) { char byte; while (read(from, &byte, 1) != 1) {} return 2; }
    void *choose(void) { return newOne; }`;
  await applyPatch(tracer, patchOf({ module: program, kind: "program" }, "choice", source, ["choose"]), pid);
  await say("choose", /^chosen/);
  await deactivatePatch(tracer, "choice", pid);
  target.write("call\n");
  await waitUntil("a second thread waits", async () => (await tracer.listThreads(pid)).some(({ tid, state }) => tid !== pid && state === "S"));
  const before = await snapshotOf(pid);
  await expect(unloadPatch(tracer, "choice", pid, { timeout: 50 })).rejects.toMatchObject({ kind: "blocked", message: expect.stringMatching(/is in newOne/) });
  expect(await snapshotOf(pid)).toEqual(before);
  expect(await statesIn(pid)).toEqual(["choice loaded"]);

  expect(await say("leave", /^called/)).toBe("called 2");
  expect(await unloadPatch(tracer, "choice", pid)).toMatchObject({ result: "unloaded", processes: [{ memoryKept: true }] });
  expect(await statesIn(pid)).toEqual(["choice retired"]);
  await expect(activatePatch(tracer, "choice", pid)).rejects.toMatchObject({ kind: "no-such-patch" });
  await say("forget", /^forgotten/);
  await waitUntil("nothing refers to the patch any more", async () => {
    await recoverProcess(tracer, pid);
    return (await statesIn(pid)).length === 0;
  });
  expect(await snapshotOf(pid)).toEqual(untouched);
});

test("activatePatch() refuses a patch whose code was changed since it was loaded", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  await loadPatch(tracer, answering(situation, "two", 2), pid);
  const at = (await listPatches(tracer, pid))[0]?.patches[0]?.functions[0]?.new ?? 0n;
  {
    await using _ = await flipped(pid, at);
    const before = await snapshotOf(pid);
    await expect(activatePatch(tracer, "two", pid)).rejects.toMatchObject({ kind: "bytes-mismatch", message: expect.stringMatching(/its code is not what was loaded/) });
    expect(await snapshotOf(pid)).toEqual(before);
  }
  await activatePatch(tracer, "two", pid);
});

describe("layers", () => {
  test("a patch that was loaded early and activated late comes on top", async () => {
    await using situation = await startAnswers("PIE");
    const { pid } = situation;
    const untouched = await snapshotOf(pid);
    await loadPatch(tracer, answering(situation, "early", 2), pid);
    await applyPatch(tracer, answering(situation, "late", 3), pid);
    expect(await activatePatch(tracer, "early", pid)).toMatchObject({ processes: [{ covers: [{ function: "answer", patch: "late" }] }] });
    expect(await situation.ask()).toBe(answers(2));
    expect(await statesIn(pid)).toEqual(["late active", "early active"]);
    await revertPatch(tracer, "late", pid);
    expect(await situation.ask()).toBe(answers(2));
    await revertPatch(tracer, "early", pid);
    expect(await snapshotOf(pid)).toEqual(untouched);
  });

  test("activatePatch() with replace takes all active patches out in the same stop, and leaves those that are only loaded", async () => {
    await using situation = await startAnswers("PIE");
    const { pid } = situation;
    await loadPatch(tracer, answering(situation, "all", 7), pid);
    await loadPatch(tracer, patchOf(situation, "idle", newKeep, ["keep"]), pid);
    await applyPatch(tracer, answering(situation, "two", 2), pid);
    await loadPatch(tracer, answering(situation, "three", 3), pid);
    await activatePatch(tracer, "three", pid);
    expect(await activatePatch(tracer, "all", pid, { replace: true })).toMatchObject({ result: "activated", processes: [{ replaced: ["two", "three"] }] });
    expect(await situation.ask()).toBe(answers(7));
    expect(await statesIn(pid)).toEqual(["all active", "idle loaded"]);
    expect(await isVerified(pid)).toBe(true);
    await deactivatePatch(tracer, "all", pid);
    expect(await situation.ask()).toBe(oldAnswers);
  });

  test("any order of steps leaves the entry with the newest that is active", async () => {
    await using situation = await startAnswers("PIE");
    const { pid } = situation;
    const untouched = await snapshotOf(pid);
    const names = ["one", "two", "three"] as const;
    const active: string[] = [];
    for (const [at, name] of names.entries()) await loadPatch(tracer, answering(situation, name, at + 2), pid);
    let random = 7;
    for (let step = 0; step < 24; step++) {
      random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
      const name = names[(random >> 8) % 3] ?? "one";
      if (active.includes(name)) {
        await deactivatePatch(tracer, name, pid);
        active.splice(active.indexOf(name), 1);
      } else {
        await activatePatch(tracer, name, pid);
        active.push(name);
      }
      if (step % 8 === 7) await largerLedger(pid);
      const top = active.at(-1);
      expect(await situation.ask()).toBe(top === undefined ? oldAnswers : answers(names.findIndex((each) => each === top) + 2));
      expect((await statesIn(pid)).slice(0, active.length)).toEqual(active.map((each) => `${each} active`));
      expect(await isVerified(pid)).toBe(true);
    }
    for (const name of names) await revertPatch(tracer, name, pid);
    expect(await snapshotOf(pid)).toEqual(untouched);
  });

  /** The same in the fewest records. */
  async function largerLedger(pid: number): Promise<void> {
    const { startTime } = await tracer.describeProcess(pid);
    const { target, process, ledger } = await openProcess(tracer, { pid, startTime });
    const state = ledger?.state;
    // Whoever holds the small one holds it.
    expect(await ensureLedger(tracer, target, process, ledger, 200_000)).toBe(ledger);
    expect(ledger?.hasRoomFor(200_000)).toBe(true);
    expect(ledger?.state).toEqual(state);
    expect((await openProcess(tracer, process)).ledger?.state).toEqual(state);
  }
});

const deaths = (["activate", "deactivate", "replace", "unload"] as const).flatMap((step) => (["before", "after"] as const).map((when) => ({ step, when })));

test.each(deaths)("recoverProcess() when the tool died $when the switch: $step", async ({ step, when }) => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const untouched = await snapshotOf(pid);
  await loadPatch(tracer, answering(situation, "two", 2), pid);
  if (step === "replace") await applyPatch(tracer, answering(situation, "three", 3), pid);
  if (step === "deactivate") await activatePatch(tracer, "two", pid);
  const client = dying(tracer, when);
  const acting = { activate: activatePatch, replace: activatePatch, deactivate: deactivatePatch, unload: unloadPatch }[step](client, "two", pid, { replace: step === "replace" });
  // Activating and deactivating have nothing more to ask for when the switch is over.
  await expect(acting.then(() => "done", (error: unknown) => (error instanceof SutureError ? "died" : error))).resolves.toMatch(when === "before" ? /died/ : /died|done/);
  await recoverProcess(tracer, pid);
  expect(await statesIn(pid)).toEqual({
    activate: { before: ["two loaded"], after: ["two active"] },
    deactivate: { before: ["two active"], after: ["two loaded"] },
    replace: { before: ["three active", "two loaded"], after: ["two active"] },
    unload: { before: ["two loaded"], after: ["two loaded"] },
  }[step][when]);
  expect(await isVerified(pid)).toBe(true);
  for (const name of (await statesIn(pid)).map((each) => each.split(" ")[0] ?? "")) await revertPatch(tracer, name, pid);
  expect(await situation.ask()).toBe(oldAnswers);
  expect(await snapshotOf(pid)).toEqual(untouched);
});
