// How long a stop may be, and what an operator forces, by the command line.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { snapshotOf, startTarget, type CompiledTarget, type Target } from "../support/mod.ts";
import { buildPatch, scratchDirectory } from "./patched-program.ts";
import { runSuture, type Run } from "./run-suture.ts";

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let busy: CompiledTarget;
let busyImage: string;
let coroutines: CompiledTarget;
let coroutinesImage: string;
let stays: CompiledTarget;
let staysImage: string;
beforeAll(async () => {
  scratch = await scratchDirectory();
  const link = ["-Wl,--build-id"];
  ({ compiled: busy, image: busyImage } = await buildPatch(scratch.path, "other", { target: "one-busy-of-many.c", options: { link }, old: "return of - 1;", replacement: "return of - 0;" }));
  ({ compiled: coroutines, image: coroutinesImage } = await buildPatch(scratch.path, "values", { target: "suspended-coroutines.c", options: { link }, old: "  return 1;", replacement: "  return 3;" }));
  ({ compiled: stays, image: staysImage } = await buildPatch(scratch.path, "stay", { target: "stays-in-function.c", options: { link }, old: "rounds++", replacement: "rounds += 2" }));
}, 120_000);
afterAll(async () => scratch[Symbol.asyncDispose]());

interface Refusal {
  readonly kind: string;
  readonly message: string;
  readonly maxStopMicroseconds: number;
  readonly scan: { readonly bytes: number };
  readonly stop: Readonly<Record<"attempts" | "workingMicroseconds" | "worstWorkingMicroseconds" | "sleepingMicroseconds" | "worstSleepingMicroseconds", number>>;
}
const errorIn = ({ out }: Run): Refusal => (JSON.parse(out) as { readonly error: Refusal }).error;

async function say(target: Target, word: string, reply: RegExp): Promise<string> {
  const from = target.lines.length;
  target.write(`${word}\n`);
  return target.line(reply, from);
}

describe("suture apply --max-stop", () => {
  it("refuses a stop that would be longer, says how often it tried and how long threads were held, and has written nothing", async () => {
    await using target = await startTarget(busy.program, { parameters: ["4", "4"] });
    const pid = ["--pid", `${target.pid}`];
    const before = await snapshotOf(target.pid);
    const words = ["apply", busyImage, ...pid, "--max-stop", "0us", "--timeout", "300ms"];
    const refused = await runSuture([...words, "--json"]);
    expect(refused.exitCode).toBe(6);
    const { kind, maxStopMicroseconds, stop } = errorIn(refused);
    expect({ kind, maxStopMicroseconds }).toEqual({ kind: "over-budget", maxStopMicroseconds: 0 });
    expect(stop.attempts).toBeGreaterThan(1);
    expect(stop.worstWorkingMicroseconds).toBeGreaterThan(0);
    expect(stop.worstWorkingMicroseconds).toBeGreaterThanOrEqual(stop.workingMicroseconds);
    expect(stop.worstSleepingMicroseconds).toBeGreaterThanOrEqual(stop.sleepingMicroseconds);
    expect(await snapshotOf(target.pid)).toEqual(before);

    const told = await runSuture(words);
    expect(told.error).toMatch(/working threads would have been held for more than 0 ms; tried \d+ times in [\d.]+ s, nothing was changed; try when the machine is less busy, or allow a longer stop/);
    // Longer than any machine needs.
    expect((await runSuture(["apply", busyImage, ...pid, "--max-stop", "10s"])).exitCode).toBe(0);
    expect((await runSuture(["revert", "other", ...pid, "--max-stop", "0us", "--timeout", "0s", "--json"])).exitCode).toBe(6);
    expect((await runSuture(["verify", ...pid])).exitCode).toBe(0);
  });

  it.each([[[], 1], [["thread"], 2]] as const)("is 20 ms and 0.1 ms for each thread by default: parameters %j", async (parameters, threads) => {
    await using target = await startTarget(coroutines.program, { parameters });
    await say(target, "spread 1500", /^spread/);
    const before = await snapshotOf(target.pid);
    // To look through so much takes longer on every machine, and that is known before anybody is held.
    const refused = await runSuture(["apply", coroutinesImage, "--pid", `${target.pid}`, "--scan", "heap", "--timeout", "0s", "--json"]);
    expect([refused.exitCode, errorIn(refused)]).toMatchObject([6, { kind: "over-budget", maxStopMicroseconds: 20_000 + 100 * threads, stop: { attempts: 1, workingMicroseconds: 0, worstWorkingMicroseconds: 0 } }]);
    expect(errorIn(refused).scan.bytes).toBeGreaterThan(1500 * 2 ** 20);
    expect(await snapshotOf(target.pid)).toEqual(before);
    expect(await say(target, "ask", /^value/)).toBe("value 1, broken 0");
    expect((await runSuture(["apply", coroutinesImage, "--pid", `${target.pid}`, "--timeout", "20s"])).exitCode).toBe(0);
    expect(await say(target, "ask", /^value/)).toBe("value 3, broken 0");
  });
});

describe("suture apply --force-active", () => {
  it("activates over a call that does not end; the ledger keeps the choice, and list shows it", async () => {
    await using target = await startTarget(stays.program, { parameters: ["60000"] });
    const pid = ["--pid", `${target.pid}`];
    const before = await snapshotOf(target.pid);
    const refused = await runSuture(["apply", staysImage, ...pid, "--timeout", "100ms"]);
    expect([refused.exitCode, refused.error]).toEqual([6, expect.stringMatching(/to force \w+ \(--force-active\)/)]);
    expect(await snapshotOf(target.pid)).toEqual(before);

    const applied = await runSuture(["apply", staysImage, ...pid, "--force-active", "stay"]);
    expect([applied.exitCode, applied.out]).toEqual([0, expect.stringContaining("forced: calls of stay that were under way go on in the old code")]);
    const listed = await runSuture(["list", ...pid, "--json"]);
    expect(JSON.parse(listed.out)).toMatchObject([{ patches: [{ name: "stay", state: "active", forced: ["stay"] }] }]);
    expect((await runSuture(["list", ...pid])).out).toContain("stay (forced)");
    expect((await runSuture(["revert", "stay", ...pid])).exitCode).toBe(0);
    expect(await snapshotOf(target.pid)).toEqual(before);
    expect(target.exit()).toBeUndefined();
  });
});
