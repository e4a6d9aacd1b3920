// A live process is told addresses, keeps them in its data, on its heap, on its stack or in a register, and forgets them.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";

import { address, type AddressRange } from "../../native/address.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, startTarget, type Target } from "../support/mod.ts";

// Nothing is mapped there; no other word of the process points there by chance.
const elsewhere: AddressRange = { start: address(0x5afe_0000_1000n), end: address(0x5afe_0000_3000n) };
const inside = 0x5afe_0000_2468n;

let tracer: Tracer;
let target: Target;
let startTime: bigint;
beforeAll(async () => {
  tracer = await Tracer.start();
  target = await startTarget((await compileTarget("remembers-pointers.c")).program);
  ({ startTime } = await tracer.describeProcess(target.pid));
});
afterAll(async () => {
  await target.stop();
  await tracer[Symbol.asyncDispose]();
});

async function tell(line: string): Promise<void> {
  const seen = target.lines.length;
  target.write(`${line}\n`);
  await target.line(/^ok/, seen);
}

const references = async () => tracer.references(target.pid, startTime, { into: [elsewhere], except: [], code: [] });
const complement = (value: bigint): string => BigInt.asUintN(64, ~value).toString(16);

test("Tracer.references() finds nothing where nothing points", async () => {
  expect(await references()).toEqual({ references: [], complete: true });
});

test.each(["data", "heap", "stack"])("Tracer.references() finds an address in the target's %s, and not any more when it is forgotten", async (where) => {
  await tell(`${where} ${complement(inside)}`);
  const found = await references();
  expect(found.references.map(({ value }) => value)).toEqual([inside]);
  const [at] = found.references.map((reference) => reference.at);
  expect(at).toBeDefined();
  const bytes = await tracer.readMemory(target.pid, at ?? address(0n), 8);
  expect(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)).toBe(inside);

  await tell("forget");
  expect((await references()).references).toEqual([]);
});

const registers = ["general", "vector", ...(/ avx /.test(readFileSync("/proc/cpuinfo", "utf8")) ? ["upper"] : [])];
test.each(registers)("Tracer.references() finds an address in a %s register of a thread that works", async (where) => {
  await tell(`${where} ${complement(inside)}`);
  expect((await references()).references).toEqual([{ value: inside }]);
  await tell("forget");
  expect((await references()).references).toEqual([]);
});

test("Tracer.references() does not take the end of a range for a part of it", async () => {
  await tell(`heap ${complement(elsewhere.end)}`);
  expect((await references()).references).toEqual([]);
  await tell("forget");
});

/** By a stop that is made for something else. */
async function isReferredToInPassing({ pid }: Target): Promise<boolean> {
  const { startTime: started } = await tracer.describeProcess(pid);
  const leaving = { into: [elsewhere], except: [], code: [] };
  const outcome = await tracer.transition({ processes: [{ pid, startTime: started, forbidden: [], writes: [], leaving }], maxStopMicroseconds: 1_000_000 });
  if (outcome.outcome !== "done") throw new Error(`the stop ended with ${outcome.outcome}`);
  return !outcome.unreferenced.includes(pid);
}

test.each(["data", "heap", "stack", ...registers])("Tracer.transition() sees in passing that an address is kept: %s", async (where) => {
  expect(await isReferredToInPassing(target)).toBe(false);
  await tell(`${where} ${complement(inside)}`);
  expect(await isReferredToInPassing(target)).toBe(true);
  await tell("forget");
  expect(await isReferredToInPassing(target)).toBe(false);
});

test.each([[5, false], [20, true]])("Tracer.transition() does not claim to have seen in passing what it did not copy: %i threads", async (threads, expected) => {
  const { program } = await compileTarget("one-busy-of-many.c");
  const many = await startTarget(program, { parameters: [String(threads), "1"] });
  try {
    expect(await isReferredToInPassing(many)).toBe(expected);
  } finally {
    await many.stop();
  }
});
