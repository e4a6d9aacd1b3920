// What is said of threads that stand in the way, and of stops that took too long.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { SutureError } from "../../native/errors.ts";
import { applyPatch, listPatches, recoverProcess, revertPatch } from "../../native/patch/mod.ts";
import type { StopReport, TransactionOptions, TransactionProgress } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted, snapshotOf, waitUntil } from "../support/mod.ts";
import { newAnswer, newStay, patchOf, startAnswers } from "./situations.ts";
import type { Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const failureOf = (promise: Promise<unknown>): Promise<SutureError> =>
  promise.then(() => { throw new Error("It did not fail"); }, (error: unknown) => error as SutureError);

const newSpin = "extern int calls; void *spin(void *unused) { calls++; return unused; }";

async function stay(situation: Situation): Promise<void> {
  const { length } = await tracer.listThreads(situation.pid);
  situation.target.write("stay\n");
  await waitUntil("one more thread waits", async () => (await tracer.listThreads(situation.pid)).length === length + 1);
}

/** However slow the machine is: enough tries for what is said of them. */
async function blockedAfterTries(situation: Situation, patch: Uint8Array, options: TransactionOptions = {}): Promise<SutureError> {
  for (let timeout = 200; ; timeout *= 2) {
    const error = await failureOf(applyPatch(tracer, patch, situation.pid, { timeout, maxStop: 2_000_000, ...options }));
    if (error.kind !== "blocked" || stopOf(error).attempts >= 3) return error;
  }
}

const stopOf = ({ data }: SutureError): StopReport => data["stop"] as unknown as StopReport;

test(lifted("X20", "a call that does not return is waited for, then named with its thread and stack; nothing was written"), async () => {
  await using situation = await startAnswers("PIE");
  await stay(situation);
  const before = await snapshotOf(situation.pid);
  const error = await blockedAfterTries(situation, patchOf(situation, "go", newStay, ["stay"]));
  const { attempts } = stopOf(error);
  expect(attempts).toBeGreaterThan(2);
  expect(error.data["blockers"]).toMatchObject([{ reason: "in-use", working: false, tries: attempts, function: "stay", functions: [{ function: "stay", tries: attempts, working: 0 }] }]);
  expect(error.message).toContain(`is in stay, on its stack in ${attempts} of ${attempts} tries, asleep in each: a call that never returns? (`);
  expect(error.message).toMatch(/a longer timeout may help, or to force stay \(--force-active\): a call that is under way will go on in the old code$/);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test.each([true, false])(lifted("X20", "a loop without end is named as one; nothing was written") + "; dry run: %s", async (dryRun) => {
  await using situation = await startAnswers("PIE");
  await situation.say("spin", /^spinning/);
  const before = await snapshotOf(situation.pid);
  const error = await blockedAfterTries(situation, patchOf(situation, "go", newSpin, ["spin"]), { dryRun });
  const { attempts, worstWorkingMicroseconds } = stopOf(error);
  expect(error.message).toMatch(new RegExp(`thread \\d+ \\(answers-by-func\\) is in spin, on its stack in ${attempts} of ${attempts} tries, at work in ${attempts} of them: a loop that never returns\\? \\(spin < `));
  expect(error.data["blockers"]).toMatchObject([{ working: true, functions: [{ function: "spin", tries: attempts, working: attempts }] }]);
  expect(worstWorkingMicroseconds).toBeGreaterThan(0);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test("applyPatch() does not count tries that ended before they came to a thread", async () => {
  await using situation = await startAnswers("PIE");
  await situation.say("spin", /^spinning/);
  await stay(situation);
  const steps: TransactionProgress[] = [];
  const patch = patchOf(situation, "go", newSpin + newStay, ["spin", "stay"]);
  const applying = failureOf(applyPatch(tracer, patch, situation.pid, { timeout: 6000, maxStop: 500_000, onProgress: (step) => void steps.push(step) }));
  const blockers = () => steps.flatMap((step) => (step.step === "blocked" ? [step.blockers] : []));
  // As long as somebody sleeps in the way, nobody who works is held.
  await waitUntil("it was blocked thrice", () => blockers().length >= 3);
  expect(blockers().slice(0, 3).every(([blocker, ...others]) => blocker?.reason === "in-use" && blocker.function === "stay" && others.length === 0)).toBe(true);
  await situation.say("leave", /^left/);
  await applying;
  const [blocker, ...others] = blockers().at(-1) ?? [];
  if (blocker?.reason !== "in-use") throw new Error("nobody was in the way at last");
  expect(others).toEqual([]);
  expect(blocker.tries).toBeLessThan(steps.filter(({ step }) => step === "blocked").length);
  expect(blocker.functions).toEqual([{ function: "spin", tries: blocker.tries, working: blocker.tries }]);
});

test("applyPatch() lets everyone go when working threads would be held too long, and tries again until there is time", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  await situation.say("spin", /^spinning/);
  const before = await snapshotOf(pid);
  const patch = patchOf(situation, "two", newAnswer, ["answer"]);
  const error = await failureOf(applyPatch(tracer, patch, pid, { timeout: 60, maxStop: 0 }));
  expect([error.kind, error.exitCode]).toEqual(["over-budget", 6]);
  expect(error.message).toMatch(/working threads would have been held for more than 0 ms; tried \d+ times in .* nothing was changed/);
  expect(stopOf(error).attempts).toBeGreaterThan(1);
  expect(stopOf(error).worstWorkingMicroseconds).toBeGreaterThanOrEqual(stopOf(error).workingMicroseconds);
  expect(await snapshotOf(pid)).toEqual(before);

  const over: number[] = [];
  const applying = applyPatch(tracer, patch, pid, { timeout: 30_000, maxStop: 0, onProgress: (step) => { if (step.step === "over-budget") over.push(step.attempt); } });
  await waitUntil("it was over its budget twice", () => over.length >= 2);
  await situation.say("rest", /^rested/);
  const { stop } = await applying;
  expect(stop.attempts).toBeGreaterThan(over.length);
  expect(stop.worstWorkingMicroseconds).toBeGreaterThan(0);
  expect(stop.workingMicroseconds).toBe(0);
});

test("revertPatch() waits for a thread that is inside the patch's code, and commits when it has left it", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const untouched = await snapshotOf(pid);
  await applyPatch(tracer, patchOf(situation, "go", newStay, ["stay"]), pid);
  await stay(situation);
  const patched = await snapshotOf(pid);
  const waiting: number[] = [];
  const reverting = revertPatch(tracer, "go", pid, { timeout: 60_000, maxStop: 2_000_000, onProgress: (step) => { if (step.step === "blocked") waiting.push(step.blockers.length); } });
  await waitUntil("it was blocked thrice", () => waiting.length >= 3);
  expect(await snapshotOf(pid)).toMatchObject({ code: patched.code, mappings: patched.mappings });
  await situation.say("leave", /^left/);
  const { result, stop } = await reverting;
  expect([result, stop.attempts > waiting.length]).toEqual(["reverted", true]);
  await waitUntil("its memory has been given back", async () => {
    await recoverProcess(tracer, pid);
    return (await listPatches(tracer, pid))[0]?.patches.length === 0;
  });
  expect(await snapshotOf(pid)).toEqual(untouched);
});
