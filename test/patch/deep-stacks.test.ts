// Most of a deep stack is looked at before the stop (native/tracer/stacks-ahead.h). A thread that has gone on since may stand somewhere else by then.

import { expect, test } from "vitest";
import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, startTarget, type Target } from "../support/mod.ts";
import { patchOfAll } from "./situations.ts";

const rounds = 60;
const timeout = 30_000;

const newer = `
  extern void descend(int left);
  __attribute__((noipa)) int version(void) { return 2; }
  __attribute__((noipa)) int passage(int left) {
    int first = version();
    descend(left);
    return 5 * first + version() + 5 * first;
  }`;

async function answersOf(target: Target): Promise<{ readonly old: number; readonly newer: number; readonly wrong: number }> {
  const from = target.lines.length;
  target.write("ask\n");
  const [, old = 0, fresh = 0, wrong = Number.NaN] = (await target.line(/^answers/, from)).split(" ").map(Number);
  return { old, newer: fresh, wrong };
}

test("two dozen threads that come and go far below the function never see old code with new, in sixty applies and reverts", async () => {
  await using tracer = await Tracer.start();
  const { program } = await compileTarget("passes-by-deep-down.c", { flags: ["-O1"], link: ["-Wl,--build-id"] });
  const image = patchOfAll("deep", [{ module: program, kind: "program", source: newer, functions: ["version", "passage"] }]);
  await using target = await startTarget(program, { parameters: ["24"] });
  const total = { old: 0, newer: 0, wrong: 0 };
  const count = async (): Promise<void> => {
    const answers = await answersOf(target);
    total.old += answers.old;
    total.newer += answers.newer;
    total.wrong += answers.wrong;
  };
  for (let round = 0; round < rounds; round++) {
    await applyPatch(tracer, image, target.pid, { timeout });
    await count();
    await revertPatch(tracer, "deep", target.pid, { timeout });
    await count();
  }
  expect(total.wrong).toBe(0);
  expect(total.old).toBeGreaterThan(0);
  expect(total.newer).toBeGreaterThan(0);
}, 180_000);
