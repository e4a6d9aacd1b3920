// Deaths in the middle of what is more than one patch's code in one process: values that are set with it, several processes,
// a recovery; and the tool's death without its helper's. As in killed-at-every-step.test.ts, whose stride is one; here each death
// of a helper comes a few steps after the one before, because a helper takes a while to start.

import { afterAll, beforeAll, expect, test } from "vitest";
import { SutureError } from "../../native/errors.ts";
import { activatePatch, applyPatch, deactivatePatch, loadPatch, recoverProcess, revertPatch, unloadPatch } from "../../native/patch/mod.ts";
import { dyingAfter } from "./dying-tool.ts";
import { Pairs } from "./pairs.ts";
import type { Act, Mortal, PatchName, Step } from "./pairs.ts";

let pairs: Pairs;
beforeAll(async () => { pairs = await Pairs.prepare(); }, 600_000);
afterAll(async () => { await pairs[Symbol.asyncDispose](); });

const apply = (name: PatchName, replace = false): Step => (by, pids) => applyPatch(by, pairs.image(name), { pids }, { replace });
const revert = (name: PatchName): Step => (by, pids) => revertPatch(by, name, { pids });

const helperDies: Mortal = async (step) => {
  const client = await pairs.faultyTracer({ SUTURE_KILL_AT_STEP: `${step}` });
  return { client, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
};

const withValues: readonly Act[] = [
  { name: "apply", from: [], act: apply("set") },
  { name: "revert", from: [apply("set")], act: revert("set") },
  { name: "apply --replace", from: [apply("set")], act: apply("setNewest", true) },
];

test.each(withValues)("$name of code that wants a value: killed at every third step, no call finds another value than its own", async (act) => {
  expect(await pairs.dieAtEveryStep(act, helperDies, { stride: 3 })).toBeGreaterThan(20);
}, 300_000);

const ofSeveral: readonly Act[] = [
  { name: "apply", from: [], act: apply("new") },
  { name: "revert", from: [apply("new")], act: revert("new") },
  { name: "apply --replace with a value", from: [apply("set")], act: apply("setNewest", true) },
];

test.each(ofSeveral)("$name of two processes: killed at every seventh step, both end the same", async (act) => {
  expect(await pairs.dieAtEveryStep(act, helperDies, { processes: 2, stride: 7 })).toBeGreaterThan(40);
}, 300_000);

/** What a helper leaves that dies together with its guardian. */
const leftAt = (place: string, act: Step): Step => async (_, pids) => {
  await using dead = await pairs.faultyTracer({ SUTURE_KILL_AT: place, SUTURE_FAULT: "guardian" });
  await expect(act(dead, pids)).rejects.toBeInstanceOf(SutureError);
};

const recovering: Step = async (by, pids) => {
  for (const pid of pids) await recoverProcess(by, pid);
};

const recoveries: readonly Act[] = [
  { name: "an apply with parked entries", from: [leftAt("park:3", apply("set"))], act: recovering },
  { name: "an apply with new entries", from: [leftAt("place:2", apply("set"))], act: recovering },
  { name: "a revert with parked entries", from: [apply("set"), leftAt("placing:0", revert("set"))], act: recovering },
  { name: "a revert with new entries", from: [apply("set"), leftAt("place:0", revert("set"))], act: recovering },
];

test.each(recoveries)("recover, of $name: killed at every second step, the next one settles it", async (act) => {
  // One that waits at a parked entry never sleeps.
  expect(await pairs.dieAtEveryStep(act, helperDies, { threads: 1, stride: 2 })).toBeGreaterThan(14);
}, 300_000);

const toolDies: Mortal = async (requests) => ({ client: dyingAfter(pairs.tracer, requests), [Symbol.asyncDispose]: async () => undefined });

const ofTools: readonly Act[] = [
  ...withValues,
  { name: "load", from: [], act: (by, pids) => loadPatch(by, pairs.image("set"), { pids }) },
  { name: "activate", from: [(by, pids) => loadPatch(by, pairs.image("set"), { pids })], act: (by, pids) => activatePatch(by, "set", { pids }) },
  { name: "deactivate", from: [apply("set")], act: (by, pids) => deactivatePatch(by, "set", { pids }) },
  { name: "unload", from: [(by, pids) => loadPatch(by, pairs.image("set"), { pids })], act: (by, pids) => unloadPatch(by, "set", { pids }) },
  ...recoveries.map(({ name, ...act }) => ({ name: `recover, of ${name}`, ...act })),
];

test.each(ofTools)("$name: the tool dies after each request that changes the process, its helper lives to the end of it", async (act) => {
  expect(await pairs.dieAtEveryStep(act, toolDies, { threads: 1 })).toBeGreaterThan(1);
}, 120_000);

test.each(ofSeveral)("$name of two processes: the tool dies after each request that changes one", async (act) => {
  expect(await pairs.dieAtEveryStep(act, toolDies, { processes: 2 })).toBeGreaterThan(8);
}, 120_000);
