// Processes that were to be switched together, as a helper and a guardian leave them that die at the same time: whichever is
// recovered, all end in the same state. The way there through real deaths is in peers.test.ts.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { LedgerPatch } from "../../native/patch/ledger-records.ts";
import { listPatches, recoverProcess, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { snapshotOf } from "../support/mod.ts";
import { begin } from "./begun.ts";
import type { Begun } from "./begun.ts";
import { poke } from "./memory.ts";
import { newAnswers, oldAnswers, startAnswers } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

type Held = "old" | "parked" | "new";

/** What the helper parks an entry with. */
const parked = Uint8Array.of(0xeb, 0xfe);

async function hold(pid: number, { functions }: LedgerPatch, held: readonly Held[]): Promise<void> {
  for (const [at, each] of functions.entries()) {
    const bytes = { old: each.saved, parked, new: each.jump }[held[at] ?? "old"];
    await poke(pid, each.at, bytes);
  }
}

interface Case {
  readonly act: "activating" | "deactivating";
  readonly first: readonly Held[];
  readonly second: readonly Held[] | "ended" | "recorded";
  readonly ends: "new" | "old";
}
const cases: readonly Case[] = [
  { act: "activating", first: ["parked", "parked"], second: ["new", "parked"], ends: "new" },
  { act: "activating", first: ["parked", "parked"], second: ["parked", "old"], ends: "old" },
  { act: "activating", first: ["new", "parked"], second: ["parked", "parked"], ends: "new" },
  { act: "activating", first: ["parked", "parked"], second: "recorded", ends: "new" },
  { act: "activating", first: ["parked", "parked"], second: "ended", ends: "old" },
  { act: "deactivating", first: ["parked", "parked"], second: ["old", "parked"], ends: "old" },
  { act: "deactivating", first: ["parked", "new"], second: ["parked", "parked"], ends: "new" },
  { act: "deactivating", first: ["parked", "parked"], second: "ended", ends: "new" },
];

test.each(cases)("recoverProcess() of $first, $act together with $second: both are $ends", async ({ act, first, second, ends }) => {
  await using one = await startAnswers("PIE");
  await using other = await startAnswers("PIE");
  const untouched = [await snapshotOf(one.pid), await snapshotOf(other.pid)];
  const begun: readonly Begun[] = [await begin(tracer, one), await begin(tracer, other)];
  const peers = begun.map(({ process }) => process);
  for (const { ledger } of begun) {
    if (act === "deactivating") await ledger.append({ record: "active", name: "half" });
    await ledger.append({ record: act, name: "half", peers });
  }
  const [mine, theirs] = begun;
  if (mine === undefined || theirs === undefined) throw new Error("nothing was begun");
  await hold(one.pid, mine.patch, first);
  if (second === "ended") await other.target.stop();
  else await hold(other.pid, theirs.patch, second === "recorded" ? ["new", "new"] : second);
  if (second === "recorded") await theirs.ledger.append({ record: "active", name: "half" });

  const report = await recoverProcess(tracer, one.pid);
  const outcome = ends === "new" ? "finished" : "undone";
  expect(report).toMatchObject({ patches: [{ name: "half", outcome }] });
  expect(report.peers ?? []).toMatchObject(second === "ended" ? [] : [{ pid: other.pid, patches: second === "recorded" ? [] : [{ outcome }] }]);
  for (const [at, { ask, pid }] of [one, other].entries()) {
    if (second === "ended" && at === 1) continue;
    expect(await ask()).toBe(ends === "new" ? newAnswers : oldAnswers);
    if (ends === "new") {
      expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true, patches: [{ state: "active" }] });
      await revertPatch(tracer, "half", pid);
    }
    expect(await listPatches(tracer, pid)).toMatchObject([{ patches: [] }]);
    expect(await snapshotOf(pid)).toEqual(untouched[at]);
  }
});
