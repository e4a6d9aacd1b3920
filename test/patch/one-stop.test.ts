// What is one stop is seen as one by the program itself: functions of several modules, of several processes, the patches that go and the
// one that takes their place. Six threads of three processes call both functions all the time and know from each other what was
// answered before: once anybody has got the new answer, nobody may get an old one, and nobody ever one that is neither.

import { afterAll, beforeAll, expect, test } from "vitest";
import { activatePatch, applyPatch, deactivatePatch, revertPatch } from "../../native/patch/mod.ts";
import { findProcesses } from "../../native/patch/processes.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, startTarget, waitUntil } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { patchOfAll } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

interface Situation extends AsyncDisposable {
  readonly target: Target;
  /** Of the program and its library. */
  readonly image: (name: string, answer: number) => Uint8Array;
}

async function start(): Promise<Situation> {
  const link = ["-Wl,--build-id"];
  const { program } = await compileTarget("answers-in-order.c", { flags: ["-O1"], link });
  const { program: library } = await compileTarget("answers-in-order.c", { flags: ["-O1", "-fPIC", "-DLIBRARY"], link: ["-shared", ...link] });
  const target = await startTarget(program, { parameters: [library] });
  const part = (module: string, kind: "program" | "library", called: string, answer: number) =>
    ({ module, kind, functions: [called], source: `int ${called}(int of) { return of < 1000 ? ${answer} : 4; }` });
  return {
    target,
    image: (name, answer) => patchOfAll(name, [part(program, "program", "answer", answer), part(library, "library", "libraryAnswer", answer)]),
    [Symbol.asyncDispose]: async () => void await target.stop(),
  };
}

async function say(target: Target, words: string, reply: RegExp): Promise<readonly number[]> {
  const from = target.lines.length;
  target.write(`${words}\n`);
  return (await target.line(reply, from)).split(" ").slice(1).map(Number);
}

/** `act` is what makes everybody answer `to` in the place of `from`. */
async function expectInOrder({ target }: Situation, from: 1 | 2 | 3, to: 1 | 2 | 3, act: () => Promise<unknown>): Promise<void> {
  await say(target, `await ${to}`, /^awaiting/);
  await say(target, "seen", /^seen/);
  await act();
  // Among them is what was answered while it happened.
  const during = await say(target, "seen", /^seen/);
  const neither = during.filter((_, index) => index < 3 && index + 1 !== from && index + 1 !== to);
  expect({ neither, late: during[3] }).toEqual({ neither: neither.map(() => 0), late: 0 });
  await waitUntil(`everybody answers ${to}`, async () => ((await say(target, "seen", /^seen/))[to - 1] ?? 0) > 0);
  const after = await say(target, "seen", /^seen/);
  expect(after.map((count, index) => (index === to - 1 ? 0 : count))).toEqual([0, 0, 0, 0]);
}

test("a program and its library, in three processes: whoever has seen the new of one sees the old of none", async () => {
  await using situation = await start();
  const tree = { trees: [situation.target.pid] };
  const two = situation.image("two", 2);
  const three = situation.image("three", 3);
  for (let round = 0; round < 10; round++) {
    await expectInOrder(situation, 1, 2, () => applyPatch(tracer, two, tree));
    await expectInOrder(situation, 2, 3, () => applyPatch(tracer, three, tree, { replace: true }));
    await expectInOrder(situation, 3, 1, () => deactivatePatch(tracer, "three", tree));
    await expectInOrder(situation, 1, 3, () => activatePatch(tracer, "three", tree));
    await expectInOrder(situation, 3, 1, () => revertPatch(tracer, "three", tree));
  }
}, 60_000);

test("what is done in two stops would be noticed", async () => {
  await using situation = await start();
  const { target } = situation;
  const two = situation.image("two", 2);
  const pids = (await findProcesses({ trees: [target.pid] })).map(({ pid }) => pid);
  let late = 0;
  for (let round = 0; round < 20 && late === 0; round++) {
    await say(target, "await 2", /^awaiting/);
    for (const pid of pids) await applyPatch(tracer, two, pid);
    late = (await say(target, "seen", /^seen/))[3] ?? 0;
    for (const pid of pids) await revertPatch(tracer, "two", pid);
  }
  expect(late).toBeGreaterThan(0);
});
