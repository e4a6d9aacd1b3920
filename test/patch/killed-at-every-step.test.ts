// The helper is killed at every step that it takes: before and after each change of the process, between the calls that a
// borrowed thread makes for it, between the writes of a switch, one step later each time until it gets to the end. Threads run
// through all functions meanwhile. Whenever it dies, no call mixes versions, `list` and `verify` say what is, and the next run
// finishes or undoes; in the end the process is what it was, byte for byte. The helper is the one that has places to be killed at.

import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SutureError } from "../../native/errors.ts";
import { activatePatch, applyPatch, deactivatePatch, loadPatch, revertPatch, unloadPatch } from "../../native/patch/mod.ts";
import { snapshotOf, waitUntil } from "../support/mod.ts";
import { Pairs } from "./pairs.ts";
import type { Act, Mortal, Step } from "./pairs.ts";

let pairs: Pairs;
beforeAll(async () => { pairs = await Pairs.prepare(); }, 600_000);
afterAll(async () => { await pairs[Symbol.asyncDispose](); });

const applying: Step = (by, pids) => applyPatch(by, pairs.image("new"), { pids });
const loading: Step = (by, pids) => loadPatch(by, pairs.image("new"), { pids });
const activating: Step = (by, pids) => activatePatch(by, "new", { pids });

const acts: readonly Act[] = [
  { name: "apply", from: [], act: applying },
  { name: "revert", from: [applying], act: (by, pids) => revertPatch(by, "new", { pids }) },
  { name: "apply on top", from: [applying], act: (by, pids) => applyPatch(by, pairs.image("newest"), { pids }) },
  { name: "apply --replace", from: [applying], act: (by, pids) => applyPatch(by, pairs.image("newest"), { pids }, { replace: true }) },
  { name: "load", from: [], act: loading },
  { name: "activate", from: [loading], act: activating },
  { name: "deactivate", from: [loading, activating], act: (by, pids) => deactivatePatch(by, "new", { pids }) },
  { name: "unload", from: [loading], act: (by, pids) => unloadPatch(by, "new", { pids }) },
];

const helperDies: Mortal = async (step) => {
  const client = await pairs.faultyTracer({ SUTURE_KILL_AT_STEP: `${step}` });
  return { client, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
};

test.each(acts)("$name: killed at every step", async (act) => {
  expect(await pairs.dieAtEveryStep(act, helperDies)).toBeGreaterThan(12);
}, 300_000);

test.each(acts.filter(({ name }) => ["load", "unload"].includes(name)))("$name by a thread that can make no calls in a row: killed at every step", async (act) => {
  expect(await pairs.dieAtEveryStep(act, helperDies, { isContinued: true })).toBeGreaterThan(12);
}, 300_000);

/** Every second step: each costs a process. */
test.each(acts.filter(({ name }) => ["apply", "revert", "apply --replace"].includes(name)))("$name: the process ends at every step", async ({ from, act }) => {
  for (let step = 0; ; step += 2) {
    await using target = await pairs.start();
    for (const each of from) await each(pairs.tracer, [target.pid]);
    await using faulty = await pairs.faultyTracer({ SUTURE_KILL_AT_STEP: `${step}`, SUTURE_SIGNAL: "9", SUTURE_SIGNAL_TO: `${target.pid}` });
    const end = await act(faulty, [target.pid]).then(() => "done", (error: unknown) => (error instanceof SutureError ? error.kind : String(error)));
    if (target.exit() === undefined && end === "done") {
      expect(step).toBeGreaterThan(12);
      return;
    }
    // The switch was over, or it is said why it was not.
    expect([step, ["done", "process-gone", "no-such-process"].includes(end) ? "told" : end]).toEqual([step, "told"]);
    await waitUntil("it has ended", () => target.exit() !== undefined);
    // The helper serves the next process.
    expect(await faulty.describeProcess(process.pid)).toMatchObject({ pid: process.pid });
  }
}, 120_000);

test.each(["borrowed:0", "calling:0", "row:0", "passing:0", "gate:0", "seized:0", "half-stopped:0", "stopped:0", "park:3", "place:2"])("a helper that is stopped at %s, where it may hold threads, is ended by its guardian", async (place) => {
  await using target = await pairs.start();
  const untouched = await snapshotOf(target.pid);
  await using stopped = await pairs.faultyTracer({ SUTURE_STOP_AT: place });
  await expect(applying(stopped, [target.pid])).rejects.toMatchObject({ message: expect.stringMatching(/SIGKILL/) as string });
  await pairs.expectTruth(target);
  await pairs.expectRecovery(target, place);
  await pairs.takeAllBack(target, untouched);
});

test.each([{}, { SUTURE_KILL_AT: "place:1" }])("nothing that a helper has started outlives it: %j", async (fault) => {
  await using target = await pairs.start();
  const mark = `SUTURE_TEST_MARK=${target.pid}-${Date.now()}`;
  const marked = await pairs.faultyTracer({ ...fault, SUTURE_TEST_MARK: mark.slice(mark.indexOf("=") + 1) });
  expect(await processesWith(mark)).not.toEqual([]);
  await applying(marked, [target.pid]).catch(() => undefined);
  await marked[Symbol.asyncDispose]();
  await waitUntil("the helper, its guardian and the guard of priorities have ended", async () => (await processesWith(mark)).length === 0);
});

/** Of processes that were started with it in their environment, and of their forks. */
async function processesWith(variable: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(pids.map(async (pid) => ({ pid, environment: await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "") })));
  return environments.filter(({ environment }) => environment.split("\0").includes(variable)).map(({ pid }) => pid);
}
