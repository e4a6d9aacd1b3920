import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPatch, listPatches, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { snapshotOf } from "../support/mod.ts";
import { forms, newAnswer, newAnswers, oldAnswers, patchOf, startAnswers } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

test.each(forms)("applyPatch() changes what eight threads answer, and revertPatch() changes it back: %s", async (form) => {
  await using situation = await startAnswers(form);
  const { pid } = situation;
  const before = await snapshotOf(pid);
  expect(await situation.ask()).toBe(oldAnswers);

  const applied = await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), pid);
  expect(applied).toMatchObject({ result: "committed", patch: { name: "two" }, processes: [{ pid, functions: [{ name: "answer", unit: "answers.c" }] }] });
  expect(await situation.ask()).toBe(newAnswers);
  expect(await listPatches(tracer, pid)).toMatchObject([{ pid, patches: [{ name: "two", state: "active", functions: [{ name: "answer" }] }] }]);
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true, patches: [{ codeMatches: true, functions: [{ name: "answer", matches: true }] }] });

  expect(await revertPatch(tracer, "two", pid)).toMatchObject({ result: "reverted", patch: { name: "two" } });
  expect(await situation.ask()).toBe(oldAnswers);
  expect(await snapshotOf(pid)).toEqual(before);
  expect(await listPatches(tracer, pid)).toMatchObject([{ pid, patches: [] }]);
});
