import { execFileSync } from "node:child_process";
import { openSync, writeSync, closeSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { address } from "../../native/address.ts";
import type { Address, AddressRange } from "../../native/address.ts";
import { callCode } from "../../native/patch/call-code.ts";
import { Tracer } from "../../native/tracer.ts";
import type { CallOutcome } from "../../native/tracer.ts";
import { compileTarget, sanitizedHelper, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

interface Situation extends AsyncDisposable {
  readonly target: Target;
  readonly at: (name: string) => Address;
  readonly call: (name: string, given?: readonly bigint[], options?: { readonly patience?: number; readonly avoid?: readonly AddressRange[]; readonly by?: Tracer }) => Promise<CallOutcome>;
  readonly ask: () => Promise<string>;
}

async function start(): Promise<Situation> {
  const { program } = await compileTarget("can-be-called.c", { flags: ["-O1", `-DTHROUGH=${[...callCode].join(",")}`, "-Wno-infinite-recursion"], link: ["-lm"] });
  const target = await startTarget(program);
  const { startTime } = await tracer.describeProcess(target.pid);
  const symbols = new Map(execFileSync("nm", [program], { encoding: "utf8" }).split("\n").map((line) => [line.slice(19), BigInt(`0x${line.slice(0, 16).trim() || "0"}`)]));
  const said = (name: string): bigint => BigInt(new RegExp(`${name}=(0x[0-9a-f]+)`).exec(target.readyLine)?.[1] ?? 0);
  const bias = said("adds") - (symbols.get("adds") ?? 0n);
  const at = (name: string): Address => address((symbols.get(name) ?? 0n) + bias);
  return {
    target, at,
    call: (name, given = [], { patience = 5000, avoid = [], by = tracer } = {}) => by.call(target.pid, startTime, {
      function: at(name), through: address(said("through")), errnoLocation: errnoLocation(target.pid), arguments: given, avoid, hold: avoid, patienceMilliseconds: patience,
    }),
    ask: async () => {
      const from = target.lines.length;
      target.write("ask\n");
      return target.line(/^answers/, from);
    },
    [Symbol.asyncDispose]: async () => void await target.stop(),
  };
}

function errnoLocation(pid: number): Address {
  const [line = ""] = execFileSync("grep", ["libc.so", `/proc/${pid}/maps`], { encoding: "utf8" }).split("\n");
  const symbol = execFileSync("nm", ["-D", `/proc/${pid}/root${line.slice(73)}`], { encoding: "utf8" }).split("\n").find((each) => each.includes(" __errno_location")) ?? "";
  return address(BigInt(`0x${line.split("-")[0] ?? ""}`) + BigInt(`0x${symbol.slice(0, 16)}`));
}

const unmoved = "answers 77 1 1 1";

describe("call", () => {
  test("gives the result of a function, and leaves errno, rounding and registers as they were", async () => {
    await using situation = await start();
    const before = await snapshotOf(situation.target.pid);
    expect(await situation.call("adds", [1n, 2n, 3n])).toEqual({ end: "returned", value: 123n });
    expect(await situation.call("fails", [11n])).toEqual({ end: "returned", value: BigInt.asUintN(64, -11n) });
    expect(await situation.call("needs_room")).toEqual({ end: "returned", value: 1n });
    expect(await situation.call("allocates", [300_000n])).toEqual({ end: "returned", value: 7n });
    expect(await situation.ask()).toBe(unmoved);
    expect(await snapshotOf(situation.target.pid)).toEqual(before);
  });

  test.each([
    ["a crash", "crashes", { end: "crashed", signal: 11 }],
    ["an abort", "aborts", { end: "crashed", signal: 6 }],
    ["the end of its stack", "runs_over", { end: "crashed", signal: 11 }],
    ["a function that runs for ever", "spins", { end: "late" }],
    ["a wait for a lock that the thread itself holds", "locks", { end: "late" }],
    ["the wish to end the program", "leaves", { end: "ended" }],
  ] as const)("survives %s, and the thread goes on as if nothing had been", async (_, name, outcome) => {
    await using situation = await start();
    const before = await snapshotOf(situation.target.pid);
    expect(await situation.call(name, [], { patience: 200 })).toEqual(outcome);
    expect(await situation.ask()).toBe(unmoved);
    expect(await situation.call("adds", [4n])).toEqual({ end: "returned", value: 400n });
    expect(await situation.ask()).toBe(unmoved);
    expect(await snapshotOf(situation.target.pid)).toEqual(before);
  });

  test("refuses when every thread has a frame where it must not be disturbed", async () => {
    await using situation = await start();
    const main = situation.at("main");
    const before = await snapshotOf(situation.target.pid);
    await expect(situation.call("adds", [], { avoid: [{ start: main, end: address(main + 4096n) }] })).rejects.toMatchObject({ kind: "cannot-borrow-thread", message: expect.stringContaining("for a call") });
    expect(await situation.ask()).toBe(unmoved);
    expect(await snapshotOf(situation.target.pid)).toEqual(before);
  });

  test("leads the thread home when the helper dies while the function runs", async () => {
    await using situation = await start();
    process.env["SUTURE_KILL_AT"] = "function:0";
    const dying = await Tracer.start({ program: await sanitizedHelper() }).finally(() => { delete process.env["SUTURE_KILL_AT"]; });
    await expect(situation.call("spins", [], { by: dying, patience: 50 })).rejects.toMatchObject({ kind: "tracer-failed" });
    await dying[Symbol.asyncDispose]();
    const { pid } = situation.target;
    await waitUntil("the function runs", async () => (await tracer.readMemory(pid, situation.at("entered"), 1))[0] === 1);
    const memory = openSync(`/proc/${pid}/mem`, "r+");
    writeSync(memory, Uint8Array.of(1), 0, 1, Number(situation.at("go")));
    closeSync(memory);
    expect(await situation.ask()).toBe(unmoved);
    expect(await situation.call("adds", [4n])).toEqual({ end: "returned", value: 400n });
  }, 600_000);
});
