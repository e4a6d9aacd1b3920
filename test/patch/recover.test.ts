// A tool that dies leaves the process running; the next one finishes or undoes what was begun. Each test stops in
// another place of the way.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureLedger, Ledger } from "../../native/patch/ledger.ts";
import type { LedgerFunction } from "../../native/patch/ledger-records.ts";
import { applyPatch, listPatches, recoverProcess, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { openProcess } from "../../native/patch/open-process.ts";
import { Tracer } from "../../native/tracer.ts";
import { snapshotOf, waitUntil } from "../support/mod.ts";
import { begin } from "./begun.ts";
import { poke } from "./memory.ts";
import { newAnswer, newAnswers, newStay, oldAnswers, patchOf, startAnswers } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const redirect = (pid: number, { at, jump }: LedgerFunction): Promise<void> => poke(pid, at, jump);
const outcomes = async (pid: number): Promise<readonly string[]> => (await recoverProcess(tracer, pid)).patches.map(({ name, outcome }) => `${name} ${outcome}`);

test("recoverProcess() has nothing to do in a process that is in order", async () => {
  await using situation = await startAnswers("PIE");
  expect(await outcomes(situation.pid)).toEqual([]);
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  const before = await snapshotOf(situation.pid);
  expect(await outcomes(situation.pid)).toEqual([]);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test.each(["staged", "activating", "deactivating"] as const)("recoverProcess() gives back a patch that was %s with every entry old", async (state) => {
  await using situation = await startAnswers("PIE");
  const before = await snapshotOf(situation.pid);
  const { ledger } = await begin(tracer, situation);
  if (state !== "staged") await ledger.append({ record: state, name: "half" });
  expect(await listPatches(tracer, situation.pid)).toMatchObject([{ patches: [{ name: "half", state }] }]);
  expect(await verifyPatches(tracer, situation.pid)).toMatchObject({ verified: false });

  expect(await outcomes(situation.pid)).toEqual(["half undone"]);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test.each(["activating", "deactivating"] as const)("recoverProcess() keeps a patch that was %s with every entry new", async (state) => {
  await using situation = await startAnswers("PIE");
  const before = await snapshotOf(situation.pid);
  const { ledger, patch } = await begin(tracer, situation);
  await ledger.append({ record: state, name: "half" });
  for (const each of patch.functions) await redirect(situation.pid, each);

  expect(await outcomes(situation.pid)).toEqual(["half finished"]);
  expect(await situation.ask()).toBe(newAnswers);
  expect(await verifyPatches(tracer, situation.pid)).toMatchObject({ verified: true });
  await revertPatch(tracer, "half", situation.pid);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test("recoverProcess() puts entries back when only some are new", async () => {
  await using situation = await startAnswers("non-PIE");
  const before = await snapshotOf(situation.pid);
  const { ledger, patch } = await begin(tracer, situation);
  await ledger.append({ record: "activating", name: "half" });
  const [first] = patch.functions;
  if (first !== undefined) await redirect(situation.pid, first);
  expect(await situation.ask()).toBe(newAnswers);

  expect(await outcomes(situation.pid)).toEqual(["half undone"]);
  expect(await situation.ask()).toBe(oldAnswers);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test("recoverProcess() touches nothing when an entry holds neither the old nor the new bytes", async () => {
  await using situation = await startAnswers("PIE");
  const { ledger, patch } = await begin(tracer, situation);
  await ledger.append({ record: "activating", name: "half" });
  const [, second] = patch.functions;
  await poke(situation.pid, second?.at ?? 0n, Uint8Array.of(0xcc));
  const before = await snapshotOf(situation.pid);
  await expect(recoverProcess(tracer, situation.pid)).rejects.toMatchObject({
    kind: "unfinished-transaction", message: expect.stringMatching(/the entry of keep holds neither the old nor the new bytes/),
  });
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test("applyPatch() settles what another tool left before it begins", async () => {
  await using situation = await startAnswers("PIE");
  const before = await snapshotOf(situation.pid);
  const { ledger } = await begin(tracer, situation);
  await ledger.append({ record: "activating", name: "half" });
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  expect((await listPatches(tracer, situation.pid))[0]?.patches.map(({ name }) => name)).toEqual(["two"]);
  await revertPatch(tracer, "two", situation.pid);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test("recoverProcess() gives back an empty ledger, and one that a larger one has replaced", async () => {
  await using situation = await startAnswers("PIE");
  const before = await snapshotOf(situation.pid);
  const { startTime } = await tracer.describeProcess(situation.pid);
  const identity = { pid: situation.pid, startTime };
  const { target } = await openProcess(tracer, identity);
  await ensureLedger(tracer, target, identity, undefined, 0);
  expect(await snapshotOf(situation.pid)).not.toEqual(before);
  await recoverProcess(tracer, situation.pid);
  expect(await snapshotOf(situation.pid)).toEqual(before);

  await ensureLedger(tracer, target, identity, undefined, 0);
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  const { ledger } = await openProcess(tracer, identity);
  await Ledger.create(tracer, target, identity, ledger?.state ?? { patches: [], retired: [] }, 2, 0);
  expect(await verifyPatches(tracer, situation.pid)).toMatchObject({ verified: true, patches: [{ name: "two" }] });
  await recoverProcess(tracer, situation.pid);
  expect((await openProcess(tracer, identity)).ledger?.generation).toBe(2);
  await revertPatch(tracer, "two", situation.pid);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test("ensureLedger() makes a larger ledger when the old one is full, and says the same in it", async () => {
  await using situation = await startAnswers("PIE");
  const before = await snapshotOf(situation.pid);
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  const { startTime } = await tracer.describeProcess(situation.pid);
  const identity = { pid: situation.pid, startTime };
  const { target, ledger } = await openProcess(tracer, identity);
  const [generation, state] = [ledger?.generation ?? 0, ledger?.state];
  const larger = await ensureLedger(tracer, target, identity, ledger, 100_000);
  expect(larger.generation).toBe(generation + 1);
  expect(larger.state).toEqual(state);
  expect(await ensureLedger(tracer, target, identity, larger, 100_000)).toBe(larger);
  await revertPatch(tracer, "two", situation.pid);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test("recoverProcess() undoes what a tool that was killed had begun", async () => {
  await using situation = await startAnswers("PIE");
  const directory = mkdtempSync(join(tmpdir(), "suture-killed-"));
  try {
    situation.target.write("stay\n");
    await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(situation.pid)).length === 10);
    const before = await snapshotOf(situation.pid);
    const image = join(directory, "go.suture");
    writeFileSync(image, patchOf(situation, "go", newStay, ["stay"]));
    const tool = spawn(process.execPath, ["--import", "tsx", fileURLToPath(new URL("applies-for-ever.ts", import.meta.url)), image, `${situation.pid}`], { stdio: ["ignore", "pipe", "inherit"] });
    await once(tool.stdout, "data"); // blocked for the first time
    expect(await listPatches(tracer, situation.pid)).toMatchObject([{ patches: [{ name: "go", state: "activating" }] }]);
    tool.kill("SIGKILL");
    await once(tool, "close");

    expect(await outcomes(situation.pid)).toEqual(["go undone"]);
    expect(await snapshotOf(situation.pid)).toEqual(before);
    await situation.say("leave", /^left/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
