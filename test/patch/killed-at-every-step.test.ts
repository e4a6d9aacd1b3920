// The helper is killed at every step that it takes: before and after each change of the process, between the calls that a
// borrowed thread makes for it, between the writes of a switch, one step later each time until it gets to the end. Threads run
// through all functions meanwhile. Whenever it dies, no call mixes versions, `list` and `verify` say what is, and the next run
// finishes or undoes; in the end the process is what it was, byte for byte. The helper is the one that has places to be killed at.

import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SutureError } from "../../native/errors.ts";
import { activatePatch, applyPatch, deactivatePatch, listPatches, loadPatch, recoverProcess, revertPatch, unloadPatch, verifyPatches } from "../../native/patch/mod.ts";
import type { ListedPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, sanitizedHelper, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import type { ProcessSnapshot, Target } from "../support/mod.ts";
import { patchOfAll } from "./situations.ts";

const numbers = [10, 11, 12];
/** Each says 10 * `version` + `version` with its partner of the same patch. */
const source = (version: number): string => numbers.map((n) => `
  __attribute__((noipa)) int inner_${n}(int x) { return x + ${version}; }
  __attribute__((noipa)) int outer_${n}(int x) { return 10 * (x + ${version}) + inner_${n}(x); }`).join("");

let helper: string;
let tracer: Tracer;
let module: string;
const images = new Map<string, Uint8Array>();
const imageOf = (name: string): Uint8Array => images.get(name) ?? new Uint8Array();
const versions = { old: 1, new: 2, newest: 3 } as const;
type Version = keyof typeof versions;

beforeAll(async () => {
  helper = await sanitizedHelper();
  tracer = await Tracer.start();
  ({ program: module } = await compileTarget("pairs-of-functions.c", { flags: ["-O0", "-fcf-protection"], link: ["-Wl,--build-id"] }));
  const functions = numbers.flatMap((n) => [`inner_${n}`, `outer_${n}`]);
  for (const name of ["new", "newest"] as const) images.set(name, patchOfAll(name, [{ module, kind: "program", source: source(versions[name]), functions }]));
}, 600_000);
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

interface Answers extends Record<Version, number> {
  readonly mixed: number;
}

/** What was answered since the last time. */
async function answersOf(target: Target): Promise<Answers> {
  const from = target.lines.length;
  target.write("ask\n");
  const [, old = 0, fresh = 0, mixed = 0, newest = 0] = (await target.line(/^answers/, from)).split(" ").map(Number);
  return { old, new: fresh, mixed, newest };
}

interface Act {
  /** Of the test. */
  readonly name: string;
  /** What is done to the process before. */
  readonly from: readonly Step[];
  readonly act: Step;
}

type Step = (tracer: Tracer, pid: number) => Promise<unknown>;
const applying: Step = (by, pid) => applyPatch(by, imageOf("new"), pid);
const loading: Step = (by, pid) => loadPatch(by, imageOf("new"), pid);
const activating: Step = (by, pid) => activatePatch(by, "new", pid);

const acts: readonly Act[] = [
  { name: "apply", from: [], act: applying },
  { name: "revert", from: [applying], act: (by, pid) => revertPatch(by, "new", pid) },
  { name: "apply on top", from: [applying], act: (by, pid) => applyPatch(by, imageOf("newest"), pid) },
  { name: "apply --replace", from: [applying], act: (by, pid) => applyPatch(by, imageOf("newest"), pid, { replace: true }) },
  { name: "load", from: [], act: loading },
  { name: "activate", from: [loading], act: activating },
  { name: "deactivate", from: [loading, activating], act: (by, pid) => deactivatePatch(by, "new", pid) },
  { name: "unload", from: [loading], act: (by, pid) => unloadPatch(by, "new", pid) },
];

/** A helper that dies or stops where the variables of native/tracer/fault-points.h say. */
async function faultyTracer(faults: Readonly<Record<string, string>>): Promise<Tracer> {
  Object.assign(process.env, faults);
  try {
    return await Tracer.start({ program: helper });
  } finally {
    for (const name of Object.keys(faults)) delete process.env[name];
  }
}

const patchesOf = async ({ pid }: Target): Promise<readonly ListedPatch[]> =>
  (await listPatches(tracer, pid)).flatMap(({ patches }) => patches);

/** The newest that is active. */
const versionOf = (patches: readonly ListedPatch[]): Version =>
  (["newest", "new"] as const).find((name) => patches.some((patch) => patch.name === name && patch.state === "active")) ?? "old";

const isSettled = (patches: readonly ListedPatch[]): boolean => patches.every(({ state }) => state === "active" || state === "loaded" || state === "retired");

async function expectOnly(target: Target, version: Version): Promise<void> {
  await answersOf(target);
  const answers = await waitUntil(`the ${version} functions answer`, async () => {
    const found = await answersOf(target);
    return found[version] > 0 && found;
  }, { every: 1 });
  expect(answers).toEqual({ old: 0, new: 0, newest: 0, mixed: 0, [version]: answers[version] });
}

/** What is said of the process before anything has been settled is true. */
async function expectTruth(target: Target): Promise<void> {
  const patches = await patchesOf(target);
  const { verified } = await verifyPatches(tracer, target.pid);
  const later = await patchesOf(target);
  expect((await answersOf(target)).mixed).toBe(0);
  // The guardian may have settled it between two questions.
  if (JSON.stringify(statesOf(patches)) !== JSON.stringify(statesOf(later))) return;
  expect({ patches: statesOf(patches), verified }).toEqual({ patches: statesOf(patches), verified: isSettled(patches) });
  if (isSettled(patches)) await expectOnly(target, versionOf(patches));
}

const statesOf = (patches: readonly ListedPatch[]): readonly string[] => patches.map(({ name, state }) => `${name} ${state}`);

async function takeAllBack(target: Target, untouched: ProcessSnapshot): Promise<void> {
  const patches = await patchesOf(target);
  for (const { name, state } of [...patches].reverse()) if (state !== "retired") await revertPatch(tracer, name, target.pid);
  await waitUntil("the patches' memory has been given back", async () => {
    await recoverProcess(tracer, target.pid);
    return (await patchesOf(target)).length === 0;
  });
  expect(await snapshotOf(target.pid)).toEqual(untouched);
}

/** One step later each time, until it gets to the end. */
test.each(acts)("$name: killed at every step", async ({ from, act }) => {
  await using target = await startTarget(module, { parameters: [`${numbers.length}`] });
  const untouched = await snapshotOf(target.pid);
  for (let step = 0; ; step++) {
    for (const each of from) await each(tracer, target.pid);
    await using dying = await faultyTracer({ SUTURE_KILL_AT_STEP: `${step}` });
    const failure = await act(dying, target.pid).then(() => undefined, (error: unknown) => error as SutureError);
    if (failure === undefined) {
      expect(step).toBeGreaterThan(20);
      await takeAllBack(target, untouched);
      return;
    }
    expect(failure.message).toMatch(/SIGKILL/);
    await expectTruth(target);
    await expectRecovery(target, step);
    await takeAllBack(target, untouched);
  }
}, 300_000);

/** Every second step: each costs a process. */
test.each(acts.filter(({ name }) => ["apply", "revert", "apply --replace"].includes(name)))("$name: the process ends at every step", async ({ from, act }) => {
  for (let step = 0; ; step += 2) {
    await using target = await startTarget(module, { parameters: [`${numbers.length}`] });
    for (const each of from) await each(tracer, target.pid);
    await using faulty = await faultyTracer({ SUTURE_KILL_AT_STEP: `${step}`, SUTURE_SIGNAL: "9", SUTURE_SIGNAL_TO: `${target.pid}` });
    const end = await act(faulty, target.pid).then(() => "done", (error: unknown) => (error instanceof SutureError ? error.kind : String(error)));
    if (target.exit() === undefined && end === "done") {
      expect(step).toBeGreaterThan(20);
      return;
    }
    // The switch was over, or it is said why it was not.
    expect([step, ["done", "process-gone", "no-such-process"].includes(end) ? "told" : end]).toEqual([step, "told"]);
    await waitUntil("it has ended", () => target.exit() !== undefined);
    // The helper serves the next process.
    expect(await faulty.describeProcess(process.pid)).toMatchObject({ pid: process.pid });
  }
}, 120_000);

/** Nobody has to wait or to try again: the one who recovers waits for the guardian. */
async function expectRecovery(target: Target, where: number | string): Promise<void> {
  await recoverProcess(tracer, target.pid);
  const patches = await patchesOf(target);
  expect([where, statesOf(patches), isSettled(patches)]).toEqual([where, statesOf(patches), true]);
  await expectOnly(target, versionOf(patches));
}

test.each(["borrowed:0", "calling:0", "seized:0", "half-stopped:0", "stopped:0", "park:3", "place:2"])("a helper that is stopped at %s, where it may hold threads, is ended by its guardian", async (place) => {
  await using target = await startTarget(module, { parameters: [`${numbers.length}`] });
  const untouched = await snapshotOf(target.pid);
  await using stopped = await faultyTracer({ SUTURE_STOP_AT: place });
  await expect(applying(stopped, target.pid)).rejects.toMatchObject({ message: expect.stringMatching(/SIGKILL/) as string });
  await expectTruth(target);
  await expectRecovery(target, place);
  await takeAllBack(target, untouched);
});

test.each([{}, { SUTURE_KILL_AT: "place:1" }])("nothing that a helper has started outlives it: %j", async (fault) => {
  await using target = await startTarget(module, { parameters: [`${numbers.length}`] });
  const mark = `SUTURE_TEST_MARK=${target.pid}-${Date.now()}`;
  const marked = await faultyTracer({ ...fault, SUTURE_TEST_MARK: mark.slice(mark.indexOf("=") + 1) });
  expect(await processesWith(mark)).not.toEqual([]);
  await applying(marked, target.pid).catch(() => undefined);
  await marked[Symbol.asyncDispose]();
  await waitUntil("the helper, its guardian and the guard of priorities have ended", async () => (await processesWith(mark)).length === 0);
});

/** Of processes that were started with it in their environment, and of their forks. */
async function processesWith(variable: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(pids.map(async (pid) => ({ pid, environment: await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "") })));
  return environments.filter(({ environment }) => environment.split("\0").includes(variable)).map(({ pid }) => pid);
}
