// Processes that have come to the end of what they may have of memory, with a patch in them: whatever is done next works or is
// refused, nothing that was there is lost, and with room again it comes to its end. Applying is in surroundings.test.ts.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SutureError } from "../../native/errors.ts";
import { activatePatch, applyPatch, deactivatePatch, listPatches, loadPatch, recoverProcess, revertPatch, unloadPatch, verifyPatches } from "../../native/patch/mod.ts";
import { openProcess } from "../../native/patch/open-process.ts";
import { Tracer } from "../../native/tracer.ts";
import { startProgram } from "../create/live-program.ts";
import type { LiveProgram } from "../create/live-program.ts";
import { snapshotOf } from "../support/mod.ts";
import { begin } from "./begun.ts";
import { fillLedger } from "./full-ledger.ts";
import { newAnswer, newAnswers, newKeep, oldAnswers, patchOf, startAnswers } from "./situations.ts";
import type { Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const failureOf = (promise: Promise<unknown>): Promise<SutureError | undefined> => promise.then(() => undefined, (error: unknown) => error as SutureError);

/** It may have so many bytes more than it has. */
function limit(pid: number, more: number): void {
  const used = 1024 * Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  execFileSync("prlimit", ["--pid", `${pid}`, `--as=${used + more}:`]);
}
const unlimit = (pid: number): void => void execFileSync("prlimit", ["--pid", `${pid}`, "--as=unlimited:"]);

const two = (situation: Situation): Uint8Array => patchOf(situation, "two", newAnswer, ["answer"]);

interface Act {
  readonly name: string;
  readonly from: (situation: Situation) => Promise<unknown>;
  readonly act: (situation: Situation) => Promise<unknown>;
  readonly answers: string;
}
const acts: readonly Act[] = [
  { name: "revert", from: (situation) => applyPatch(tracer, two(situation), situation.pid), act: ({ pid }) => revertPatch(tracer, "two", pid), answers: oldAnswers },
  { name: "deactivate", from: (situation) => applyPatch(tracer, two(situation), situation.pid), act: ({ pid }) => deactivatePatch(tracer, "two", pid), answers: oldAnswers },
  { name: "unload", from: (situation) => loadPatch(tracer, two(situation), situation.pid), act: ({ pid }) => unloadPatch(tracer, "two", pid), answers: oldAnswers },
  { name: "activate", from: (situation) => loadPatch(tracer, two(situation), situation.pid), act: ({ pid }) => activatePatch(tracer, "two", pid), answers: newAnswers },
  { name: "recover", from: async (situation) => void await (await begin(tracer, situation)).ledger.append({ record: "activating", name: "half" }), act: ({ pid }) => recoverProcess(tracer, pid), answers: oldAnswers },
];

test.each(acts)("$name needs no memory of the process's", async ({ from, act, answers }) => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const untouched = await snapshotOf(pid);
  await from(situation);
  limit(pid, 0);
  await act(situation);
  expect(await situation.ask()).toBe(answers);
  const [listed] = await listPatches(tracer, pid);
  if (listed?.patches.some(({ state }) => state === "active")) expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
  for (const { name } of listed?.patches ?? []) await revertPatch(tracer, name, pid);
  expect(await snapshotOf(pid)).toEqual(untouched);
});

test("activatePatch() with more to say than the ledger has room for is refused where there is no room for a larger one", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  await applyPatch(tracer, patchOf(situation, "words", newKeep, ["keep"]), pid);
  await loadPatch(tracer, two(situation), pid);
  await fillLedger(tracer, pid);
  const before = await snapshotOf(pid);
  limit(pid, 0);
  expect(await failureOf(activatePatch(tracer, "two", pid, { replace: true }))).toMatchObject({ kind: "out-of-memory" });
  expect(await snapshotOf(pid)).toEqual(before);
  expect(await listPatches(tracer, pid)).toMatchObject([{ patches: [{ name: "words", state: "active" }, { name: "two", state: "loaded" }] }]);
  expect(await situation.ask()).toBe(oldAnswers);
  unlimit(pid);
  expect(await activatePatch(tracer, "two", pid, { replace: true })).toMatchObject({ result: "activated" });
  expect(await situation.ask()).toBe(newAnswers);
});

const old = "answers: 2 1001 2010 3003 whole";
const fixed = "answers: 2 1051 2010 3003 whole";

async function startThrowing(): Promise<{ readonly program: LiveProgram; readonly image: Uint8Array } & AsyncDisposable> {
  const program = await startProgram(tracer, { files: ["throws-and-catches.cc"] });
  const { image } = await program.build("thrown", [["if (n % 4 == 1) throw Refusal(n);", "if (n % 4 == 1) throw Refusal(n + 50);"]]);
  return { program, image, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

const outcomesOf = async (pid: number): Promise<readonly string[]> => (await listPatches(tracer, pid)).flatMap(({ patches }) => patches.map(({ state }) => state));

// Its unwinder is told by a call, which needs a stack of its own.
test.each(["revert", "unload"])("%s of a patch that exceptions pass through: its memory stays while there is no room for the call that would tell the unwinder", async (way) => {
  await using throwing = await startThrowing();
  const { program, image, program: { pid } } = throwing;
  const untouched = await snapshotOf(pid);
  if (way === "revert") await applyPatch(tracer, image, pid);
  else await loadPatch(tracer, image, pid);
  limit(pid, 0);
  expect(await (way === "revert" ? revertPatch : unloadPatch)(tracer, "thrown", pid)).toMatchObject({ processes: [{ memoryKept: true }] });
  expect(await program.ask()).toBe(old);
  expect(await outcomesOf(pid)).toEqual(["retired"]);
  await recoverProcess(tracer, pid);
  expect(await outcomesOf(pid)).toEqual(["retired"]);
  unlimit(pid);
  await program.returnsTo(untouched);
  await applyPatch(tracer, image, pid);
  expect(await program.ask()).toBe(fixed);
}, 120_000);

test("recoverProcess() of a patch that exceptions pass through, with no room: nothing is lost, and with room it is given back", async () => {
  await using throwing = await startThrowing();
  const { program, image, program: { pid } } = throwing;
  const untouched = await snapshotOf(pid);
  await loadPatch(tracer, image, pid);
  const { ledger } = await openProcess(tracer, await tracer.describeProcess(pid));
  await ledger?.append({ record: "released", name: "thrown" });
  limit(pid, 0);
  expect(await recoverProcess(tracer, pid)).toMatchObject({ patches: [{ name: "thrown", outcome: "undone" }] });
  expect(await program.ask()).toBe(old);
  expect(await outcomesOf(pid)).toEqual(["retired"]);
  unlimit(pid);
  await program.returnsTo(untouched);
}, 120_000);

test("applyPatch() of a patch that exceptions pass through, with room for the first, the second, … page of what it needs", async () => {
  await using throwing = await startThrowing();
  const { program, image, program: { pid } } = throwing;
  const untouched = await snapshotOf(pid);
  let refusals = 0;
  for (;; refusals++) {
    limit(pid, refusals * 8 * 4096);
    const error = await failureOf(applyPatch(tracer, image, pid));
    if (error === undefined) break;
    expect(error.kind).toBe("out-of-memory");
    // What was staged has no way back but by a call that needs room, too.
    await program.returnsTo(untouched);
  }
  // The ledger, the patch, and the stack of the call.
  expect(refusals).toBeGreaterThan(8);
  expect(await program.ask()).toBe(fixed);
}, 120_000);
