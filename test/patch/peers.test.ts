// Three processes are switched together, and the helper and its guardian both die in the middle: whichever is recovered first,
// all of them end with the same code. The helper is the sanitized one, which has places to be killed at.

import { afterAll, beforeAll, expect, test } from "vitest";
import { SutureError } from "../../native/errors.ts";
import { applyPatch, listPatches, recoverProcess, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { sanitizedHelper, snapshotOf } from "../support/mod.ts";
import { faultyTracer } from "./dying-tool.ts";
import { newAnswer, newAnswers, newKeep, oldAnswers, patchOf, startAnswers } from "./situations.ts";

let helper: string;
let tracer: Tracer;
beforeAll(async () => {
  helper = await sanitizedHelper();
  tracer = await Tracer.start();
}, 600_000);
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

// Two entries in each of three processes: place:1 is in the first of them, place:2 in the second.
const places = [
  { place: "park:1", ends: "undone", first: 0 }, { place: "park:4", ends: "undone", first: 2 }, { place: "placing:0", ends: "undone", first: 1 },
  { place: "place:0", ends: "finished", first: 2 }, { place: "place:1", ends: "finished", first: 1 }, { place: "place:4", ends: "finished", first: 0 },
  { place: "done:0", ends: "finished", first: 2 },
] as const;
const deaths = (["apply", "revert"] as const).flatMap((act) => places.map((each) => ({ act, ...each })));

test.each(deaths)("$act of three processes, helper and guardian dead at $place: all are $ends when number $first is recovered", async ({ act, place, ends, first }) => {
  await using one = await startAnswers("PIE");
  await using two = await startAnswers("PIE");
  await using three = await startAnswers("PIE");
  const all = [one, two, three].sort((a, b) => a.pid - b.pid);
  const pids = all.map(({ pid }) => pid);
  const untouched = await Promise.all(pids.map(snapshotOf));
  const image = patchOf(one, "both", newAnswer + newKeep, ["answer", "keep"]);
  if (act === "revert") await applyPatch(tracer, image, { pids });
  {
    await using dead = await faultyTracer(helper, { SUTURE_KILL_AT: place, SUTURE_FAULT: "guardian" });
    await expect(act === "apply" ? applyPatch(dead, image, { pids }) : revertPatch(dead, "both", { pids })).rejects.toBeInstanceOf(SutureError);
  }
  await recoverProcess(tracer, pids[first] ?? 0);
  const isNew = (act === "apply") === (ends === "finished");
  for (const { ask } of all) expect(await ask()).toBe(isNew ? newAnswers : oldAnswers);
  for (const [at, pid] of pids.entries()) {
    // A patch that was taken out to the end may still have its memory.
    await recoverProcess(tracer, pid);
    expect((await listPatches(tracer, pid))[0]?.patches.map(({ state }) => state)).toEqual(isNew ? ["active"] : []);
    if (isNew) expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
    else expect(await snapshotOf(pid)).toEqual(untouched[at]);
  }
  if (isNew) await revertPatch(tracer, "both", { pids });
  expect(await Promise.all(pids.map(snapshotOf))).toEqual(untouched);
}, 60_000);
