// Writes of a switch that do not succeed, or that leave other bytes than they should, each in its turn, while threads run through
// all functions: everything is put back in the same stop, and said. Where that fails too, the next run settles it. The helper is
// the one that can be made to fail.

import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPatch, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { snapshotOf } from "../support/mod.ts";
import { expectOnly, Pairs } from "./pairs.ts";
import type { Step, Version } from "./pairs.ts";

let pairs: Pairs;
beforeAll(async () => { pairs = await Pairs.prepare(); }, 600_000);
afterAll(async () => { await pairs[Symbol.asyncDispose](); });

const entries = 6;
/** An entry is parked, and gets its tail and its head; a value; the ledger's record. */
const writes = 3 * entries + 2;

interface Act {
  readonly name: string;
  readonly act: Step;
  readonly opposite: Step;
  readonly before: Version;
}
const applying: Step = (by, pids) => applyPatch(by, pairs.image("set"), { pids });
const reverting: Step = (by, pids) => revertPatch(by, "set", { pids });
const acts: readonly Act[] = [
  { name: "apply", act: applying, opposite: reverting, before: "old" },
  { name: "revert", act: reverting, opposite: applying, before: "new" },
];

const failureOf = (promise: Promise<unknown>): Promise<Error | undefined> => promise.then(() => undefined, (error: unknown) => error as Error);

const faults = [
  // What only parks an entry is written over.
  { fault: "alters", message: /Cannot switch: other bytes were read back than were written; everything has been put back/, failures: writes - entries },
  { fault: "fails", message: /Cannot switch: a write failed; everything has been put back/, failures: writes },
] as const;

test.each(acts.flatMap((act) => faults.map((fault) => ({ ...act, ...fault }))))("$name: each write $fault in its turn, the process is what it was, and that is said", async ({ act, opposite, before, fault, message, failures }) => {
  await using target = await pairs.start();
  if (before === "new") await applying(pairs.tracer, [target.pid]);
  await using faulty = await pairs.faultyTracer({ SUTURE_WRITE_FAULT: fault });
  let failed = 0;
  for (let write = 0; write < writes; write++) {
    const untouched = await snapshotOf(target.pid);
    const error = await failureOf(act(faulty, [target.pid]));
    if (error === undefined) await opposite(pairs.tracer, [target.pid]);
    else {
      failed++;
      expect(error.message).toMatch(message);
      expect(await snapshotOf(target.pid)).toEqual(untouched);
    }
    await expectOnly(target, before);
    expect(await verifyPatches(pairs.tracer, target.pid)).toMatchObject({ verified: true, patches: before === "old" ? [] : [{ state: "active" }] });
  }
  expect(failed).toBe(failures);
  // All writes of the next one succeed.
  await act(faulty, [target.pid]);
}, 120_000);

test.each(acts)("$name: from some write on none succeeds, and nothing can be put back: no call mixes versions, and the next run settles it", async ({ act, before }) => {
  await using target = await pairs.start();
  const untouched = await snapshotOf(target.pid);
  await using faulty = await pairs.faultyTracer({ SUTURE_WRITE_FAULT: "fails-on" });
  for (let write = 0; write < writes; write++) {
    if (before === "new") await applying(pairs.tracer, [target.pid]);
    const error = await failureOf(act(faulty, [target.pid]));
    expect(error?.message).toMatch(/Cannot switch: a write failed, and putting it back failed too; recover the process/);
    await pairs.expectTruth(target);
    await pairs.expectRecovery(target, write);
    await pairs.takeAllBack(target, untouched);
  }
}, 120_000);
