// The real program is killed in the middle, alone or together with its helper, and two programs come at once: the process
// runs on, and the next `suture` finishes or undoes what was begun.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTwoFilesPatch } from "diff";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileTarget, sanitizedHelper, snapshotOf, startTarget, waitUntil, type CompiledTarget, type Target } from "../support/mod.ts";
import { buildPatch, buildWords, scratchDirectory } from "./patched-program.ts";
import { endOfSuture, runSuture } from "./run-suture.ts";

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let answers: CompiledTarget;
let image: string;
let helper: string;
beforeAll(async () => {
  scratch = await scratchDirectory();
  helper = await sanitizedHelper();
  ({ compiled: answers, image } = await buildPatch(scratch.path, "triple", { target: "answers-in-a-loop.c", old: "i < 2", replacement: "i < 3" }));
}, 600_000);
afterAll(async () => scratch[Symbol.asyncDispose]());

const activePatches = async ({ pid }: Target): Promise<readonly string[]> => {
  const { out } = await runSuture(["list", "--pid", `${pid}`, "--json"]);
  const [listed] = JSON.parse(out) as readonly { readonly patches: readonly { readonly name: string; readonly state: string }[] }[];
  return (listed?.patches ?? []).map(({ name, state }) => `${name} ${state}`);
};

describe("suture apply", () => {
  // The library's own test walks all steps; of these each costs a start of Node.
  it.each([["both", "SIGKILL"], ["tool", "SIGKILL"]])("killed in the middle (%s): recover settles it, and the process is what it was or has the patch", async (who, end) => {
    await using target = await startTarget(answers.program);
    const untouched = await snapshotOf(target.pid);
    const pid = ["--pid", `${target.pid}`];
    for (let step = 0; ; step += 6) {
      const ended = await endOfSuture(["apply", image, ...pid], { SUTURE_TRACER: helper, SUTURE_KILL: who, SUTURE_KILL_AT_STEP: `${step}` });
      if (ended !== end) {
        expect([step, ended]).toEqual([step, 0]);
        expect(step).toBeGreaterThan(20);
        expect(await activePatches(target)).toEqual(["triple active"]);
        return;
      }
      const recovered = await runSuture(["recover", ...pid]);
      expect({ step, ...recovered }).toMatchObject({ step, exitCode: 0, error: "" });
      const left = await activePatches(target);
      expect([[], ["triple active"]]).toContainEqual(left);
      expect((await runSuture(["verify", ...pid])).exitCode).toBe(0);
      if (left.length > 0) expect((await runSuture(["revert", "triple", ...pid])).exitCode).toBe(0);
      expect(await snapshotOf(target.pid)).toEqual(untouched);
    }
  }, 120_000);

  it("twice at once: one wins, one is told", async () => {
    await using target = await startTarget(answers.program);
    const pid = ["--pid", `${target.pid}`];
    const told: (number | null)[] = [];
    for (let round = 0; round < 10; round++) {
      const runs = await Promise.all([runSuture(["apply", image, ...pid]), runSuture(["apply", image, ...pid])]);
      const codes = runs.map(({ exitCode }) => exitCode).sort();
      // Locked, or applied already when it was its turn.
      expect([[0, 6], [0, 4]]).toContainEqual(codes);
      told.push(...codes.slice(1));
      const applied = await activePatches(target);
      expect(applied).toEqual(["triple active"]);
      // One takes it back while the other applies it: whoever comes first, the process is in one of the two states.
      const [reverted, again] = await Promise.all([runSuture(["revert", "triple", ...pid]), runSuture(["apply", image, ...pid])]);
      expect([0, 6]).toContain(reverted.exitCode);
      expect([0, 4, 6]).toContain(again.exitCode);
      const isThere = reverted.exitCode !== 0 || again.exitCode === 0;
      expect(await activePatches(target)).toEqual(isThere ? ["triple active"] : []);
      if (isThere) expect((await runSuture(["revert", "triple", ...pid])).exitCode).toBe(0);
    }
    expect(told).toHaveLength(10);
  }, 120_000);
});

/** Of pairs-of-functions.c, whose functions call a mix what is not of one version, and a value that is not theirs. */
describe("a patch of a hundred functions that want a value", () => {
  let pairs: CompiledTarget;
  let withValue: string;
  beforeAll(async () => {
    pairs = await compileTarget("pairs-of-functions.c", { flags: ["-g", "-O2"], link: ["-Wl,--build-id"] });
    const changes = [["return x + 1;", "return x + 2;"], ["10 * (x + 1) + inner_##n(x) + 100 * (setting - 1)", "10 * (x + 2) + inner_##n(x) + 100 * (setting - 2)"]] as const;
    const before = await readFile(pairs.source, "utf8");
    const after = changes.reduce((text, [from, to]) => text.replace(from, to), before);
    const diff = join(scratch.path, "pairs.patch");
    await writeFile(diff, createTwoFilesPatch("a/pairs-of-functions.c", "b/pairs-of-functions.c", before, after, "", ""));
    withValue = join(scratch.path, "pairs.suture");
    await mustRun([...buildWords(pairs, diff, withValue), "--set", "setting=2 if 1"]);
  }, 120_000);

  async function answersOf(target: Target): Promise<{ readonly old: number; readonly new: number; readonly mixed: number }> {
    const from = target.lines.length;
    target.write("ask\n");
    const [, old = 0, fresh = 0, mixed = 0] = (await target.line(/^answers/, from)).split(" ").map(Number);
    return { old, new: fresh, mixed };
  }

  it.each(["apply", "revert"])("%s killed in the middle: no call finds half of it, and afterwards all of it is there or nothing", async (act) => {
    await using target = await startTarget(pairs.program);
    const untouched = await snapshotOf(target.pid);
    const pid = ["--pid", `${target.pid}`];
    for (let death = 0; ; death++) {
      if (act === "revert") await mustRun(["apply", withValue, ...pid]);
      const words = act === "apply" ? ["apply", withValue, ...pid] : ["revert", "pairs", ...pid];
      const ended = await endOfSuture(words, { SUTURE_TRACER: helper, SUTURE_KILL: death % 2 === 0 ? "both" : "tool", SUTURE_KILL_AT_STEP: `${death * 97 + 20}` });
      await mustRun(["recover", ...pid]);
      const left = await activePatches(target);
      const version = left.length === 0 ? "old" : "new";
      expect([[], ["pairs active"]]).toContainEqual(left);
      await answersOf(target);
      const answers = await waitUntil(`the ${version} functions answer`, async () => {
        const found = await answersOf(target);
        return found[version] > 0 && found;
      });
      expect(answers).toEqual({ old: 0, new: 0, mixed: 0, [version]: answers[version] });
      await mustRun(["verify", ...pid]);
      if (version === "new") await mustRun(["revert", "pairs", ...pid]);
      expect(await snapshotOf(target.pid)).toEqual(untouched);
      if (ended === 0) {
        expect(death).toBeGreaterThan(2);
        return;
      }
      expect([death, ended]).toEqual([death, "SIGKILL"]);
    }
  }, 120_000);
});

const pidWords = (targets: readonly Target[]): readonly string[] => targets.flatMap(({ pid }) => ["--pid", `${pid}`]);

interface Act {
  readonly name: string;
  readonly processes: number;
  /** What is done before. */
  readonly from?: (pids: readonly string[]) => Promise<unknown>;
  readonly words: (pids: readonly string[]) => readonly string[];
}

const mustRun = async (words: readonly string[]): Promise<void> => expect({ words, ...await runSuture(words) }).toMatchObject({ exitCode: 0 });

const acts: readonly Act[] = [
  { name: "suture revert", processes: 1, from: (pids) => mustRun(["apply", image, ...pids]), words: (pids) => ["revert", "triple", ...pids] },
  { name: "suture apply to two processes", processes: 2, words: (pids) => ["apply", image, ...pids] },
  { name: "suture revert in two processes", processes: 2, from: (pids) => mustRun(["apply", image, ...pids]), words: (pids) => ["revert", "triple", ...pids] },
  {
    name: "suture recover", processes: 1, words: (pids) => ["recover", ...pids],
    from: (pids) => endOfSuture(["apply", image, ...pids], { SUTURE_TRACER: helper, SUTURE_KILL: "both", SUTURE_KILL_AT: "park:0", SUTURE_FAULT: "guardian" }),
  },
];

it("list and verify say that something was begun, and what settles it, until it is settled", async () => {
  await using target = await startTarget(answers.program);
  const untouched = await snapshotOf(target.pid);
  const pid = ["--pid", `${target.pid}`];
  expect(await endOfSuture(["apply", image, ...pid], { SUTURE_TRACER: helper, SUTURE_KILL: "both", SUTURE_KILL_AT: "park:0", SUTURE_FAULT: "guardian" })).toBe("SIGKILL");
  expect(await activePatches(target)).toEqual(["triple activating"]);
  const advice = new RegExp(`triple is activating in pid ${target.pid}: .*then "suture recover --pid ${target.pid}" finishes or undoes it`);
  const listed = await runSuture(["list", ...pid]);
  expect([listed.exitCode, listed.out + listed.error]).toEqual([0, expect.stringMatching(advice)]);
  const verified = await runSuture(["verify", ...pid]);
  expect([verified.exitCode, verified.out + verified.error]).toEqual([7, expect.stringContaining("activating")]);
  await mustRun(["recover", ...pid]);
  expect(await activePatches(target)).toEqual([]);
  await mustRun(["verify", ...pid]);
  expect(await snapshotOf(target.pid)).toEqual(untouched);
});

// As above, at fewer places, with its helper and alone in turn.
describe.each(acts)("$name", ({ processes, from, words }) => {
  it("killed in the middle: recover settles it, and each process is what it was or has the patch, all of them the same", async () => {
    const targets: Target[] = [];
    try {
      for (let count = 0; count < processes; count++) targets.push(await startTarget(answers.program));
      const pids = pidWords(targets);
      const untouched = await Promise.all(targets.map(({ pid }) => snapshotOf(pid)));
      for (let death = 0; ; death++) {
        await from?.(pids);
        const ended = await endOfSuture(words(pids), { SUTURE_TRACER: helper, SUTURE_KILL: death % 2 === 0 ? "both" : "tool", SUTURE_KILL_AT_STEP: `${death * 11 + 3}` });
        for (const each of targets) await mustRun(["recover", ...pidWords([each])]);
        const left = await Promise.all(targets.map(activePatches));
        expect([[], ["triple active"]]).toContainEqual(left[0]);
        for (const each of left) expect(each).toEqual(left[0]);
        await mustRun(["verify", ...pids]);
        if (left[0]?.length !== 0) await mustRun(["revert", "triple", ...pids]);
        expect(await Promise.all(targets.map(({ pid }) => snapshotOf(pid)))).toEqual(untouched);
        if (ended === 0) {
          expect(death).toBeGreaterThan(1);
          return;
        }
        expect([death, ended]).toEqual([death, "SIGKILL"]);
      }
    } finally {
      for (const each of targets) await each.stop();
    }
  }, 120_000);
});
