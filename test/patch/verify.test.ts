import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPatch, listPatches, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted } from "../support/mod.ts";
import { flipped } from "./memory.ts";
import { newAnswer, newAnswers, newKeep, patchOf, startAnswers } from "./situations.ts";
import type { Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

async function patched(): Promise<Situation> {
  const situation = await startAnswers("PIE");
  await applyPatch(tracer, patchOf(situation, "both", newAnswer + newKeep, ["answer", "keep"]), situation.pid);
  return situation;
}

const mappingsNamed = (pid: number, name: string): readonly { readonly start: bigint; readonly protection: string }[] =>
  readFileSync(`/proc/${pid}/maps`, "utf8").split("\n").filter((line) => line.includes(name))
    .map((line) => ({ start: BigInt(`0x${line.split("-")[0] ?? ""}`), protection: line.split(" ")[1] ?? "" }));

test("verifyPatches() says nothing is applied where nothing is", async () => {
  await using situation = await startAnswers("PIE");
  expect(await verifyPatches(tracer, situation.pid)).toMatchObject({ pid: situation.pid, verified: true, patches: [] });
});

test("verifyPatches() notices an entry that was changed behind our back", async () => {
  await using situation = await patched();
  const functions = (await listPatches(tracer, situation.pid))[0]?.patches[0]?.functions ?? [];
  const keep = functions.find(({ name }) => name === "keep");
  {
    await using _ = await flipped(situation.pid, (keep?.old ?? 0n) + 4n);
    const report = await verifyPatches(tracer, situation.pid);
    expect(report).toMatchObject({ verified: false, patches: [{ codeMatches: true, functions: [{ name: "answer", matches: true }, { name: "keep", matches: false }] }] });
    const [, changed] = report.patches[0]?.functions ?? [];
    expect(changed?.found).not.toEqual(changed?.expected);
  }
  expect(await verifyPatches(tracer, situation.pid)).toMatchObject({ verified: true });
});

test.each(["r--p", "r-xp"])("verifyPatches() notices a change of the patch's own %s pages", async (protection) => {
  await using situation = await patched();
  const mapping = mappingsNamed(situation.pid, "suture-both").find((each) => each.protection === protection);
  await using _ = await flipped(situation.pid, (mapping?.start ?? 0n) + 0x20n);
  expect(await verifyPatches(tracer, situation.pid)).toMatchObject({ verified: false, patches: [{ codeMatches: false }] });
});

test("verifyPatches() lets the patch change its own data", async () => {
  await using situation = await patched();
  expect(await situation.ask()).toBe(newAnswers);
  expect(await verifyPatches(tracer, situation.pid)).toMatchObject({ verified: true });
});

test(lifted("X4", "a list of all processes that carry patches, with nothing kept on disk"), async () => {
  await using one = await patched();
  await using other = await startAnswers("library");
  await using without = await startAnswers("PIE");
  await applyPatch(tracer, patchOf(other, "ledger-like", newAnswer, ["answer"]), other.pid);
  const all = await listPatches(tracer);
  expect(all.filter(({ pid }) => [one.pid, other.pid, without.pid].includes(pid)).map(({ pid, patches }) => [pid, patches.map(({ name }) => name)]))
    .toEqual([[one.pid, ["both"]], [other.pid, ["ledger-like"]]].sort(([a], [b]) => Number(a) - Number(b)));
});

test.each([
  ["its head", 0n, /does not begin as a ledger does/],
  ["a record", 200n, /the record at 64 is damaged/],
])("listPatches() does not believe a ledger that is damaged in %s, and goes on with others", async (_, offset, message) => {
  await using situation = await patched();
  await using other = await patched();
  const ledger = mappingsNamed(situation.pid, "suture-ledger")[0]?.start ?? 0n;
  await using _changed = await flipped(situation.pid, ledger + offset);
  await expect(listPatches(tracer, situation.pid)).rejects.toMatchObject({ kind: "bad-ledger", message: expect.stringMatching(message) });
  await expect(verifyPatches(tracer, situation.pid)).rejects.toMatchObject({ kind: "bad-ledger" });
  const all = await listPatches(tracer);
  expect(all.find(({ pid }) => pid === situation.pid)).toMatchObject({ patches: [], problem: expect.stringMatching(message) });
  expect(all.find(({ pid }) => pid === other.pid)).toMatchObject({ patches: [{ name: "both" }] });
});
