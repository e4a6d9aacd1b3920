// The helper is killed at every sort of place in the middle of a switch of a hundred entries, while threads run through
// all of them. No thread may ever see an old function call a new one or the other way round; whoever comes next finishes
// or undoes what was begun. The helper is the sanitized one, which has places to be killed at.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SutureError } from "../../native/errors.ts";
import { applyPatch, listPatches, recoverProcess, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, sanitizedHelper, snapshotOf, startTarget } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { faultyTracer } from "./dying-tool.ts";
import { patchOfAll } from "./situations.ts";

const numbers = Array.from({ length: 50 }, (_, index) => index + 10);
const fixed = numbers.map((n) => `
  __attribute__((noipa)) int inner_${n}(int x) { return x + 2; }
  __attribute__((noipa)) int outer_${n}(int x) { return 10 * (x + 2) + inner_${n}(x); }`).join("");

let helper: string;
let tracer: Tracer;
let module: string;
let image: Uint8Array;
beforeAll(async () => {
  helper = await sanitizedHelper();
  tracer = await Tracer.start();
  ({ program: module } = await compileTarget("pairs-of-functions.c", { flags: ["-O0", "-fcf-protection"], link: ["-Wl,--build-id"] }));
  image = patchOfAll("pairs", [{ module, kind: "program", source: fixed, functions: numbers.flatMap((n) => [`inner_${n}`, `outer_${n}`]) }]);
}, 600_000);
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

interface Answers {
  readonly old: number;
  readonly new: number;
  readonly mixed: number;
}

/** What was answered since the last time. */
async function answersOf(target: Target): Promise<Answers> {
  const from = target.lines.length;
  target.write("ask\n");
  const [, old, fresh, mixed] = (await target.line(/^answers/, from)).split(" ").map(Number);
  return { old: old ?? 0, new: fresh ?? 0, mixed: mixed ?? 0 };
}

const carriedBy = async ({ pid }: Target): Promise<readonly string[]> => (await listPatches(tracer, pid)).flatMap(({ patches }) => patches.map(({ name }) => name));

/** The guardian may be at work on what the dead helper held, and a process has one tracer at a time; or it finishes it just now. */
async function onceFree<Value>(act: () => Promise<Value>): Promise<Value> {
  for (let tries = 0; ; tries++) {
    try {
      return await act();
    } catch (error) {
      if (tries === 500 || !(error instanceof SutureError) || !["already-traced", "bytes-mismatch"].includes(error.kind)) throw error;
      await sleep(20);
    }
  }
}

const places = ["stopped:0", "parking:0", "park:0", "park:49", "park:99", "placing:0", "tail:0", "place:0", "tail:50", "place:50", "place:99", "done:0", "released:0"];

interface Death {
  readonly act: "apply" | "revert";
  readonly place: string;
  readonly guardian: "lives" | "dies";
}
const deaths: readonly Death[] = (["apply", "revert"] as const).flatMap((act) =>
  (["lives", "dies"] as const).flatMap((guardian) => places.map((place) => ({ act, place, guardian }))));

test.each(deaths)("$act killed at $place, the guardian $guardian: no call mixes old and new, and the next run settles it", async ({ act, place, guardian }) => {
  await using target = await startTarget(module);
  const untouched = await snapshotOf(target.pid);
  if (act === "revert") await applyPatch(tracer, image, target.pid);
  const before = act === "apply" ? "old" : "new";
  await expect.poll(async () => (await answersOf(target))[before]).toBeGreaterThan(0);

  await using dying = await faultyTracer(helper, { SUTURE_KILL_AT: place, ...(guardian === "dies" ? { SUTURE_FAULT: "guardian" } : {}) });
  const switching = act === "apply" ? applyPatch(dying, image, target.pid) : revertPatch(dying, "pairs", target.pid);
  await expect(switching).rejects.toMatchObject({ kind: "unfinished-transaction" });

  // Somebody asks before anything is settled: the truth is that something was begun, or that it is done.
  expect(await onceFree(() => carriedBy(target))).toEqual(["pairs"]);
  expect((await answersOf(target)).mixed).toBe(0);
  await onceFree(() => recoverProcess(tracer, target.pid));

  const now = (await onceFree(() => carriedBy(target))).length === 0 ? "old" : "new";
  await answersOf(target);
  await expect.poll(async () => (await answersOf(target))[now]).toBeGreaterThan(0);
  const { mixed, [now === "old" ? "new" : "old"]: others } = await answersOf(target);
  expect({ mixed, others }).toEqual({ mixed: 0, others: 0 });
  if (now === "new") {
    expect(await onceFree(() => verifyPatches(tracer, target.pid))).toMatchObject({ verified: true });
    await onceFree(() => revertPatch(tracer, "pairs", target.pid));
  }
  expect(await snapshotOf(target.pid)).toEqual(untouched);
}, 60_000);
