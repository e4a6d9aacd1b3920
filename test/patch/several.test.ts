// Several processes in one commit: all of them or none, and whoever is forked in the middle.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { activatePatch, applyPatch, deactivatePatch, listPatches, loadPatch, revertPatch, unloadPatch, verifyPatches } from "../../native/patch/mod.ts";
import { findProcesses, isStillThere } from "../../native/patch/processes.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, lifted, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { newAnswer, newAnswers, newStay, oldAnswers, patchOf, startAnswers } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const plainAnswer = "int answer(int worker) { return 2; }";

interface Master {
  readonly target: Target;
  readonly module: string;
}

async function startMaster(): Promise<Master> {
  const { program } = await compileTarget("forks-workers.c", { flags: ["-O1"], link: ["-Wl,--build-id"] });
  const target = await startTarget(program);
  await waitUntil("it has workers", async () => (await findProcesses({ trees: [target.pid] })).length > 10);
  return { target, module: program };
}

/** What was answered since the last time. */
async function answersOf(target: Target): Promise<{ readonly old: number; readonly new: number }> {
  const from = target.lines.length;
  target.write("ask\n");
  const [, old, fresh] = (await target.line(/^answers/, from)).split(" ").map(Number);
  return { old: old ?? 0, new: fresh ?? 0 };
}

/** Nothing of this process goes on, but the target does. */
const holdUp = (milliseconds: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

test(lifted("X24", "several processes in one stop"), async () => {
  await using one = await startAnswers("PIE");
  await using other = await startAnswers("PIE");
  const before = [await snapshotOf(one.pid), await snapshotOf(other.pid)];
  const pids = [one.pid, other.pid];
  const applied = await applyPatch(tracer, patchOf(one, "two", newAnswer, ["answer"]), { pids });
  expect(applied).toMatchObject({ result: "committed", processes: [...pids].sort((a, b) => a - b).map((pid) => ({ pid, functions: [{ name: "answer" }] })), stop: { attempts: 1 } });
  expect([await one.ask(), await other.ask()]).toEqual([newAnswers, newAnswers]);
  for (const pid of pids) expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true, patches: [{ name: "two" }] });

  expect((await revertPatch(tracer, "two", { pids })).processes).toHaveLength(2);
  expect([await snapshotOf(one.pid), await snapshotOf(other.pid)]).toEqual(before);
});

test.each(["apply", "revert", "dry run"])(lifted("X24", "one of several that is blocked means none") + ": %s", async (act) => {
  await using one = await startAnswers("PIE");
  await using other = await startAnswers("PIE");
  const pids = [one.pid, other.pid];
  const patch = patchOf(one, "go", newStay + newAnswer, ["stay", "answer"]);
  if (act === "revert") await applyPatch(tracer, patch, { pids });
  other.target.write("stay\n");
  await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(other.pid)).length === 10);
  const before = [await snapshotOf(one.pid), await snapshotOf(other.pid)];
  const options = { timeout: 50, dryRun: act === "dry run" };
  const acting = act === "revert" ? revertPatch(tracer, "go", { pids }, options) : applyPatch(tracer, patch, { pids }, options);
  await expect(acting).rejects.toMatchObject({
    kind: "blocked", message: expect.stringMatching(/pids \d+, \d+: thread \d+ \(answers-by-func\) is in stay/), data: { blockers: [{ pid: other.pid }] },
  });
  expect([await snapshotOf(one.pid), await snapshotOf(other.pid)]).toEqual(before);
  expect(await one.ask()).toBe(act === "revert" ? newAnswers : oldAnswers);
  await other.say("leave", /^left/);
});

test("applyPatch() stages nothing anywhere when the patch does not belong to one of the processes", async () => {
  await using one = await startAnswers("PIE");
  await using other = await startAnswers("non-PIE");
  const before = [await snapshotOf(one.pid), await snapshotOf(other.pid)];
  const steps: string[] = [];
  await expect(applyPatch(tracer, patchOf(one, "two", newAnswer, ["answer"]), { pids: [one.pid, other.pid] }, { onProgress: ({ step }) => steps.push(step) }))
    .rejects.toMatchObject({ kind: "build-id-mismatch", data: { pid: other.pid } });
  expect(steps).toEqual([]);
  expect([await snapshotOf(one.pid), await snapshotOf(other.pid)]).toEqual(before);
});

test("applyPatch() gives back what it staged in the others when one process ends in the middle", async () => {
  await using one = await startAnswers("PIE");
  await using other = await startAnswers("PIE");
  const before = await snapshotOf(one.pid);
  let staged = 0;
  await expect(applyPatch(tracer, patchOf(one, "two", newAnswer, ["answer"]), { pids: [one.pid, other.pid] }, {
    onProgress: ({ step }) => { if (step === "staged" && ++staged === 2) { other.target.signal("SIGKILL"); holdUp(50); } },
  })).rejects.toMatchObject({ kind: expect.stringMatching(/process-gone|no-such-process/) });
  expect(await snapshotOf(one.pid)).toEqual(before);
});

test("applyPatch() refuses a selection that nobody is in", async () => {
  const { program } = await compileTarget("forks-workers.c", { flags: ["-O1"], link: ["-Wl,--build-id"] });
  await expect(applyPatch(tracer, new Uint8Array(), { programs: [program] })).rejects.toMatchObject({ kind: expect.stringMatching(/bad-image/) });
  await expect(revertPatch(tracer, "two", { programs: [program] })).rejects.toMatchObject({ kind: "no-such-process", message: expect.stringContaining("none that can be looked into runs") });
  await expect(revertPatch(tracer, "two", { programs: ["/no/such/file"] })).rejects.toMatchObject({ kind: "file-not-found" });
});

/** Asks until `wanted` was answered a hundred times; nobody may have given the other answer meanwhile. */
async function expectOnly(target: Target, wanted: "old" | "new"): Promise<void> {
  await answersOf(target);
  const seen = { old: 0, new: 0 };
  await waitUntil(`a hundred ${wanted} answers`, async () => {
    const { old, new: fresh } = await answersOf(target);
    seen.old += old;
    seen.new += fresh;
    return seen[wanted] > 100;
  });
  expect(seen).toMatchObject({ [wanted === "old" ? "new" : "old"]: 0 });
}

const childrenOf = (pid: number): readonly string[] => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");

/** Nothing of this process goes on until another worker is there. */
function holdUntilForked(pid: number): void {
  const before = new Set(childrenOf(pid));
  while (childrenOf(pid).every((child) => before.has(child))) holdUp(5);
}

test(lifted("X24", "a master and its workers, those that are forked meanwhile too"), async () => {
  const { target, module } = await startMaster();
  await using _target = target;
  const image = patchOf({ module, kind: "program" }, "fork", plainAnswer, ["answer"]);
  let caught = 0;
  // A worker that is born with a patch that is staged and not active may end before it is told to stay: then another round.
  for (let round = 0; round < 3 || (caught === 0 && round < 15); round++) {
    let isHeldUp = false;
    const hold = (): void => {
      if (isHeldUp) return;
      isHeldUp = true;
      holdUntilForked(target.pid);
      target.write("linger\n");
    };
    const applied = await applyPatch(tracer, image, { trees: [target.pid] }, { onProgress: ({ step }) => { if (step === "staged") hold(); } });
    await expectOnly(target, "new");
    expect(applied.processes.map(({ pid }) => pid)).toContain(target.pid);
    caught += applied.processes.filter(({ forkedMeanwhile }) => forkedMeanwhile).length;
    target.write("hurry\n");

    expect(await revertPatch(tracer, "fork", { trees: [target.pid] })).toMatchObject({ result: "reverted" });
    await expectOnly(target, "old");
  }
  expect(caught).toBeGreaterThan(0);
  const from = target.lines.length;
  target.write("pause\n");
  await target.line(/^paused/, from);
  expect(await listPatches(tracer, target.pid)).toMatchObject([{ patches: [] }]);
  expect(target.errorText()).toBe("");
}, 120_000);

test("a tree has those whose parent has ended, of its own and of nobody else", async () => {
  const { program: module } = await compileTarget("leaves-orphans.c", { flags: ["-O1"], link: ["-Wl,--build-id"] });
  await using one = await startTarget(module);
  await using other = await startTarget(module);
  const [, child = 0, orphan = 0] = (/child=(\d+) orphan=(\d+)/.exec(one.readyLine) ?? []).map(Number);
  const treeOf = async (root: number): Promise<readonly number[]> => (await findProcesses({ trees: [root] })).map(({ pid }) => pid);
  const whole = [one.pid, child, orphan].sort((a, b) => a - b);
  expect(await treeOf(one.pid)).toEqual(whole);
  // Whose they were nobody can tell any more.
  expect(await treeOf(child)).toEqual([child]);
  expect(await treeOf(orphan)).toEqual([orphan]);

  const ask = async (target: Target): Promise<string> => {
    const from = target.lines.length;
    target.write("ask\n");
    return target.line(/^answers/, from);
  };
  const image = patchOf({ module, kind: "program" }, "orphans", plainAnswer, ["answer"]);
  expect((await applyPatch(tracer, image, { trees: [one.pid] })).processes.map(({ pid }) => pid)).toEqual(whole);
  expect([await ask(one), await ask(other)]).toEqual(["answers: 2 2 2", "answers: 1 1 1"]);
  await revertPatch(tracer, "orphans", { trees: [one.pid] });
  expect(await ask(one)).toBe("answers: 1 1 1");
});

test("the four steps of a tree reach the workers that are forked between them and meanwhile", async () => {
  const { target, module } = await startMaster();
  await using _target = target;
  const tree = { trees: [target.pid] };
  const image = patchOf({ module, kind: "program" }, "fork", plainAnswer, ["answer"]);
  const states = async (): Promise<ReadonlySet<string>> => {
    // One that is ending has no memory any more, and so no ledger.
    const found = await Promise.all((await findProcesses(tree)).map(async (each) => {
      const listed = await listPatches(tracer, each.pid).catch(() => []);
      return await isStillThere(each) ? listed : [];
    }));
    return new Set(found.flat().map(({ patches }) => patches.map(({ state }) => state).join()));
  };
  expect((await loadPatch(tracer, image, tree)).processes.map(({ pid }) => pid)).toContain(target.pid);
  expect(await states()).toEqual(new Set(["loaded"]));
  await expectOnly(target, "old");
  expect(await activatePatch(tracer, "fork", tree)).toMatchObject({ result: "activated" });
  await expectOnly(target, "new");
  expect(await states()).toEqual(new Set(["active"]));
  expect(await deactivatePatch(tracer, "fork", tree)).toMatchObject({ result: "deactivated" });
  await expectOnly(target, "old");
  expect(await states()).toEqual(new Set(["loaded"]));
  expect(await unloadPatch(tracer, "fork", tree)).toMatchObject({ result: "unloaded" });
  expect(await states()).toEqual(new Set([""]));
  await expectOnly(target, "old");
}, 120_000);

test("applyPatch() of a program reaches every process that runs it, whoever its parent is", async () => {
  const one = await startMaster();
  await using _one = one.target;
  const other = await startMaster();
  await using _other = other.target;
  await applyPatch(tracer, patchOf({ module: one.module, kind: "program" }, "fork", plainAnswer, ["answer"]), { programs: [one.module] });
  for (const { target } of [one, other]) await expectOnly(target, "new");
}, 60_000);
