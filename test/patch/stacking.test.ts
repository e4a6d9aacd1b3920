// Patches on top of each other, in every order of going, and one in the place of all.

import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPatch, listPatches, recoverProcess, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted, snapshotOf, waitUntil } from "../support/mod.ts";
import { dying } from "./dying-tool.ts";
import { newKeep, newStay, oldAnswers, patchOf, startAnswers } from "./situations.ts";
import type { Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const answering = (situation: Situation, name: string, number: number, more = ""): Uint8Array =>
  patchOf(situation, name, `int answer(int thread) { return ${number}; }${more}`, ["answer", ...(more === "" ? [] : ["keep"])]);
const answers = (number: number): string => `answers:${` ${number}`.repeat(8)}`;
const names = ["two", "three", "four"] as const;

const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

test.each(orders)(lifted("X3", "patches of one function on top of each other, taken out in any order") + ": %i, %i, %i", async (...order) => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const before = await snapshotOf(pid);
  for (const [at, name] of names.entries()) {
    const { processes: [report] } = await applyPatch(tracer, answering(situation, name, at + 2), pid);
    expect(report?.covers ?? []).toEqual(at === 0 ? [] : [{ function: "answer", patch: names[at - 1] }]);
    expect(await situation.ask()).toBe(answers(at + 2));
    expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
  }
  const left = new Set([0, 1, 2]);
  for (const at of order) {
    expect(await revertPatch(tracer, names[at] ?? "", pid)).toMatchObject({ result: "reverted" });
    left.delete(at);
    expect(await situation.ask()).toBe(left.size === 0 ? oldAnswers : answers(Math.max(...left) + 2));
    expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
    const mapped = (await snapshotOf(pid)).mappings.filter((line) => /suture-(two|three|four)/.test(line)).map((line) => /suture-(\w+)/.exec(line)?.[1]);
    expect(new Set(mapped)).toEqual(new Set([...left].map((one) => names[one])));
  }
  expect(await snapshotOf(pid)).toEqual(before);
});

test("applyPatch() on top of a patch waits for threads in the older new function, and the process is unchanged", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  await applyPatch(tracer, patchOf(situation, "older", newStay, ["stay"]), pid);
  situation.target.write("stay\n");
  await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(pid)).length === 10);
  const before = await snapshotOf(pid);
  await expect(applyPatch(tracer, patchOf(situation, "newer", newStay, ["stay"]), pid, { timeout: 50 })).rejects.toMatchObject({ kind: "blocked", data: { blockers: [{ function: "stay" }] } });
  const after = await snapshotOf(pid);
  expect(after).toEqual(before);
  await expect(applyPatch(tracer, answering(situation, "newest", 3), pid, { timeout: 50, replace: true })).rejects.toMatchObject({ kind: "blocked" });
  expect(await snapshotOf(pid)).toEqual(before);
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true, patches: [{ name: "older", state: "active" }] });
  await situation.say("leave", /^left/);
  await applyPatch(tracer, patchOf(situation, "newer", newStay, ["stay"]), pid);
});

test(lifted("X3", "a cumulative patch: the older ones go and it comes, in one stop"), async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const before = await snapshotOf(pid);
  await applyPatch(tracer, answering(situation, "two", 2), pid);
  await applyPatch(tracer, answering(situation, "three", 3, newKeep), pid);
  await applyPatch(tracer, patchOf(situation, "words", newKeep.replace("new", "newer"), ["keep"]), pid);
  const replaced = await applyPatch(tracer, answering(situation, "all", 7), pid, { replace: true });
  expect(replaced).toMatchObject({ result: "committed", patch: { name: "all" }, processes: [{ pid, replaced: ["two", "three", "words"] }], stop: { attempts: 1 } });
  expect(replaced.processes[0]?.covers).toBeUndefined();
  expect(await situation.ask()).toBe(answers(7));
  await situation.say("keep", /^kept/);
  expect(await situation.say("kept", /^kept:/)).toBe("kept: old words");
  expect((await listPatches(tracer, pid))[0]?.patches.map(({ name, state }) => `${name} ${state}`)).toEqual(["all active"]);
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
  await revertPatch(tracer, "all", pid);
  expect(await situation.ask()).toBe(oldAnswers);
  expect(await snapshotOf(pid)).toEqual(before);
});

test("applyPatch() with replace as a dry run changes nothing", async () => {
  await using situation = await startAnswers("PIE");
  await applyPatch(tracer, answering(situation, "two", 2), situation.pid);
  const before = await snapshotOf(situation.pid);
  expect(await applyPatch(tracer, answering(situation, "all", 7), situation.pid, { replace: true, dryRun: true })).toMatchObject({ result: "checked" });
  expect(await snapshotOf(situation.pid)).toEqual(before);
  expect(await situation.ask()).toBe(answers(2));
});

const acts = (["replace", "revert the lower", "revert the upper", "apply on top"] as const).flatMap((act) => (["before", "after"] as const).map((when) => ({ act, when })));

test.each(acts)("recoverProcess() settles a stack when the tool died $when the switch: $act", async ({ act, when }) => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const untouched = await snapshotOf(pid);
  await applyPatch(tracer, answering(situation, "two", 2, newKeep), pid);
  await applyPatch(tracer, answering(situation, "three", 3), pid);
  const dead = dying(tracer, when);
  const begin = {
    "replace": () => applyPatch(dead, answering(situation, "all", 7), pid, { replace: true }),
    "revert the lower": () => revertPatch(dead, "two", pid),
    "revert the upper": () => revertPatch(dead, "three", pid),
    "apply on top": () => applyPatch(dead, answering(situation, "all", 7), pid),
  }[act];
  if (act === "apply on top" && when === "after") await begin();
  else await expect(begin()).rejects.toThrow(/dead/);
  await recoverProcess(tracer, pid);

  const isDone = when === "after";
  const left = !isDone ? ["two", "three"] : { "replace": ["all"], "revert the lower": ["three"], "revert the upper": ["two"], "apply on top": ["two", "three", "all"] }[act];
  expect((await listPatches(tracer, pid))[0]?.patches.map(({ name, state }) => `${name} ${state}`)).toEqual(left.map((name) => `${name} active`));
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
  const numbers: Readonly<Record<string, number>> = { two: 2, three: 3, all: 7 };
  expect(await situation.ask()).toBe(answers(numbers[left.at(-1) ?? ""] ?? 0));
  await situation.say("keep", /^kept/);
  expect(await situation.say("kept", /^kept:/)).toBe(`kept: ${left.includes("two") ? "new" : "old"} words`);
  await situation.say("forget", /^forgotten/);
  for (const name of left) await revertPatch(tracer, name, pid);
  expect(await situation.ask()).toBe(oldAnswers);
  await waitUntil("nothing refers to the patches any more", async () => {
    await recoverProcess(tracer, pid);
    return (await listPatches(tracer, pid))[0]?.patches.length === 0;
  });
  expect(await snapshotOf(pid)).toEqual(untouched);
});
