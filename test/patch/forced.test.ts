// The operator's choice to activate over calls that are under way.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { SutureError } from "../../native/errors.ts";
import { activatePatch, applyPatch, deactivatePatch, listPatches, loadPatch, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, lifted, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import { newAnswer, newAnswers, newStay, oldAnswers, patchOf, startAnswers } from "./situations.ts";
import type { Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const failureOf = (promise: Promise<unknown>): Promise<SutureError> =>
  promise.then(() => { throw new Error("It did not fail"); }, (error: unknown) => error as SutureError);

async function oneMoreThread(pid: number, start: () => void): Promise<void> {
  const { length } = await tracer.listThreads(pid);
  start();
  await waitUntil("one more thread sleeps", async () => {
    const threads = await tracer.listThreads(pid);
    return threads.length === length + 1 && threads.every(({ state }) => state === "S");
  });
}

const stay = (situation: Situation): Promise<void> => oneMoreThread(situation.pid, () => situation.target.write("stay\n"));

test(lifted("X20", "a function that never returns, committed all the same by an explicit choice (--force-active), which the ledger keeps"), async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  await stay(situation);
  const patch = patchOf(situation, "go", newAnswer + newStay, ["answer", "stay"]);
  const before = await snapshotOf(pid);
  expect((await failureOf(applyPatch(tracer, patch, pid, { timeout: 30 }))).kind).toBe("blocked");
  expect(await applyPatch(tracer, patch, pid, { forceActive: ["stay"], dryRun: true })).toMatchObject({ result: "checked", processes: [{ forced: ["stay"] }] });
  expect(await snapshotOf(pid)).toEqual(before);

  expect(await applyPatch(tracer, patch, pid, { forceActive: ["stay"] })).toMatchObject({ result: "committed", processes: [{ forced: ["stay"] }] });
  expect(await situation.ask()).toBe(newAnswers);
  expect(await listPatches(tracer, pid)).toMatchObject([{ patches: [{ name: "go", state: "active", forced: ["stay"] }] }]);
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });

  // The old call is still there, and ends as it began; then back to where everything came from.
  expect(await revertPatch(tracer, "go", pid)).toMatchObject({ result: "reverted" });
  await situation.say("leave", /^left/);
  expect(await situation.ask()).toBe(oldAnswers);
  expect(await snapshotOf(pid)).toEqual(before);
});

test("activatePatch() forgets the choice when the patch is inactive again", async () => {
  await using situation = await startAnswers("non-PIE");
  const { pid } = situation;
  await loadPatch(tracer, patchOf(situation, "go", newStay, ["stay"]), pid);
  await stay(situation);
  await activatePatch(tracer, "go", pid, { forceActive: ["stay"] });
  await deactivatePatch(tracer, "go", pid);
  const [listed] = await listPatches(tracer, pid);
  expect(listed?.patches[0]).toMatchObject({ name: "go", state: "loaded" });
  expect(listed?.patches[0]).not.toHaveProperty("forced");
  expect((await failureOf(activatePatch(tracer, "go", pid, { timeout: 30 }))).kind).toBe("blocked");
  await situation.say("leave", /^left/);
});

test("applyPatch() forces over an older patch, whose code stays under the call that is in it", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  await applyPatch(tracer, patchOf(situation, "older", newStay, ["stay"]), pid);
  await stay(situation);
  const newer = patchOf(situation, "newer", newStay, ["stay"]);
  expect((await failureOf(applyPatch(tracer, newer, pid, { timeout: 30 }))).kind).toBe("blocked");
  await applyPatch(tracer, newer, pid, { forceActive: ["stay"] });
  expect((await failureOf(revertPatch(tracer, "older", pid, { timeout: 30 })))).toMatchObject({ kind: "blocked", data: { blockers: [{ function: "stay" }] } });
  const refused = await failureOf(revertPatch(tracer, "older", pid, { forceActive: ["stay"] }));
  expect([refused.kind, refused.message]).toEqual(["usage", expect.stringMatching(/a call of stay that is under way cannot be passed over: it is in the code that goes/)]);
  // All that goes in the same stop is code that goes, too.
  expect((await failureOf(applyPatch(tracer, patchOf(situation, "all", newStay, ["stay"]), pid, { forceActive: ["stay"], replace: true, timeout: 30 }))).kind).toBe("blocked");
  await situation.say("leave", /^left/);
  expect(await revertPatch(tracer, "older", pid)).toMatchObject({ result: "reverted" });
});

test("applyPatch() refuses to force what the patch does not change", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const patch = patchOf(situation, "go", "extern int calls; void *spin(void *unused) { calls++; return unused; }", ["spin"]);
  const before = await snapshotOf(pid);
  expect(await failureOf(applyPatch(tracer, patch, pid, { forceActive: ["answer"] }))).toMatchObject({
    kind: "usage", message: expect.stringMatching(/it does not change "answer", which was to be forced; it changes spin$/) as string,
  });
  expect(await snapshotOf(pid)).toEqual(before);
});

/** Those that wait in their very first bytes are in the way, forced or not. */
test.each([["call", "callsAtOnce", "int callsAtOnce(void (*wait)(void)) { wait(); return 2; }"], ["read", "readsAtOnce", "long readsAtOnce(int from, void *into, unsigned long length) { return 7; }"]])(
  "applyPatch() with a forced function waits for who stands in the bytes that are overwritten: %s", async (word, name, source) => {
    const { program } = await compileTarget("leads-back.c", { flags: ["-O1", "-fcf-protection=none"], link: ["-Wl,--build-id"] });
    await using target = await startTarget(program);
    await oneMoreThread(target.pid, () => target.write(`${word}\n`));
    const patch = patchOf({ module: program, kind: "program" }, "go", source, [name]);
    const before = await snapshotOf(target.pid);
    const error = await failureOf(applyPatch(tracer, patch, target.pid, { forceActive: [name], timeout: 30 }));
    expect(error).toMatchObject({ kind: "blocked", data: { blockers: [{ reason: "in-use", function: name }] } });
    expect(await snapshotOf(target.pid)).toEqual(before);
    target.write("go\n");
    await target.line(word === "call" ? /^called: 1/ : /^read: 1/);
    await applyPatch(tracer, patch, target.pid, { forceActive: [name] });
  });

test("applyPatch() refuses to force a loop that begins where the jump is written", async () => {
  const { program } = await compileTarget("leads-back.c", { flags: ["-O1", "-fcf-protection=none"], link: ["-Wl,--build-id"] });
  await using target = await startTarget(program);
  const before = await snapshotOf(target.pid);
  const patch = patchOf({ module: program, kind: "program" }, "go", "void byDistance(void) {}", ["byDistance"]);
  const error = await failureOf(applyPatch(tracer, patch, target.pid, { forceActive: ["byDistance"] }));
  expect([error.kind, error.message]).toEqual(["blocked", expect.stringMatching(/function byDistance cannot be forced: 0x[0-9a-f]+ leads back to its beginning, which is overwritten/)]);
  expect(await snapshotOf(target.pid)).toEqual(before);
});
