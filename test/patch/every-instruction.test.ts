// A thread stands at an instruction, any instruction, of a function, of its callers and of its callee, plainly or in a
// signal handler above it, when a patch comes or goes. Inside the function, the transaction is refused, says which function it is,
// and has changed nothing; anywhere else it is done, and the call in flight gives the whole old answer or the whole new one.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { address, fileAddress } from "../../native/address.ts";
import type { Address, AddressRange } from "../../native/address.ts";
import { readElf } from "../../native/elf/mod.ts";
import type { ElfFile } from "../../native/elf/mod.ts";
import type { SutureError } from "../../native/errors.ts";
import { openProcess } from "../../native/patch/open-process.ts";
import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { readBytes } from "../elf/toolchain.ts";
import { compileTarget, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import type { ProcessSnapshot, Target } from "../support/mod.ts";
import { instructionsIn, startStepper } from "./stepper.ts";
import type { Instruction, Stepper } from "./stepper.ts";
import { patchOfAll } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const common = `
  #define FUNCTION __attribute__((noipa)) int
  FUNCTION inner(int n);
  __attribute__((noipa, cold)) int rare(int n);
  enum { newTag = 5000 };`;

/** What is replaced, in the order in which the program counts: the same with another tag at both ends. */
const replacements = {
  leaf: `FUNCTION leaf(int n) { int x = n + newTag; if (n & 1) x += 2 * n; else x -= 3; __asm__ volatile("" : "+r"(x)); return x + newTag; }`,
  framed: `FUNCTION framed(int n) { int kept = n * 3; int x = inner(n + newTag); return x + kept + newTag; }`,
  split: `FUNCTION split(int n) { int x = n + newTag; if (__builtin_expect(n % 4 == 0, 0)) x = rare(x) + rare(n); __asm__ volatile("" : "+r"(x)); return x + newTag; }`,
} as const;
type Name = keyof typeof replacements;
const names = Object.keys(replacements) as readonly Name[];

const ways = [
  ["-O0", "-fcf-protection=full"], ["-O2", "-fcf-protection=none"], ["-O2", "-fcf-protection=full"],
] as const;

interface Place extends Instruction {
  readonly in: string;
}

/** A function that is called all the time, and everything that a test needs to stop and to watch it. */
interface Situation extends AsyncDisposable {
  readonly target: Target;
  readonly stepper: Stepper;
  readonly image: Uint8Array;
  /** Its code, split parts too. */
  readonly ranges: readonly AddressRange[];
  /** Every instruction of `symbol`. */
  readonly instructionsOf: (symbol: string) => Promise<readonly Place[]>;
  readonly counts: () => Promise<Counts>;
}

interface Counts {
  readonly old: bigint;
  readonly new: bigint;
  readonly mixed: bigint;
}

async function enter(name: Name, flags: readonly string[]): Promise<Situation> {
  const { program } = await compileTarget("functions-to-step-through.c", { flags: ["-g", ...flags], link: ["-Wl,--build-id"] });
  const elf = readElf(readBytes(program));
  const parts = partsOf(elf, name);
  const image = patchOfAll(name, [{
    module: program, kind: "program", source: common + replacements[name], functions: [name], flags: [...flags],
    change: { change: (each) => ({ ...each, oldRanges: parts.map(({ start, end }) => ({ start: fileAddress(start), end: fileAddress(end) })) }) },
  }]);
  const target = await startTarget(program);
  const [at = 0n, counts = 0n] = ["leaf", "counts"].map((each) => BigInt(new RegExp(`${each}=(\\w+)`).exec(target.readyLine)?.[1] ?? 0));
  const bias = at - (partsOf(elf, "leaf")[0]?.start ?? 0n);
  const inProcess = (symbol: string) => partsOf(elf, symbol).map(({ start, end }) => ({ start: address(start + bias), end: address(end + bias) }));
  const tid = (await tracer.listThreads(target.pid)).at(-1)?.tid ?? 0;
  const stepper = await startStepper(target, tid);
  return {
    target, stepper, image, ranges: inProcess(name),
    instructionsOf: async (symbol) =>
      (await Promise.all(inProcess(symbol).map((range) => instructionsIn(tracer, target.pid, range)))).flat().map((each) => ({ ...each, in: symbol })),
    counts: () => readCounts(target.pid, address(counts + BigInt(24 * names.indexOf(name)))),
    [Symbol.asyncDispose]: async () => {
      await stepper[Symbol.asyncDispose]();
      await target.stop();
    },
  };
}

/** Of a function: its own code first, then what the compiler has split off. */
const partsOf = (elf: ElfFile, name: string): readonly { readonly start: bigint; readonly end: bigint }[] =>
  [name, `${name}.cold`].flatMap((symbol) => elf.symbols.filter((each) => each.type === "function" && each.name === symbol))
    .map(({ value, size }) => ({ start: value, end: value + BigInt(size) }));

async function readCounts(pid: number, at: Address): Promise<Counts> {
  const bytes = Buffer.from(await tracer.readMemory(pid, at, 24));
  return { old: bytes.readBigInt64LE(0), new: bytes.readBigInt64LE(8), mixed: bytes.readBigInt64LE(16) };
}

const callees: Readonly<Record<Name, readonly string[]>> = { leaf: [], framed: ["inner"], split: ["rare"] };

/** Where it is called, and where that call returns to. */
async function callsOf(situation: Situation): Promise<readonly Place[]> {
  const call = `call   0x${situation.ranges[0]?.start.toString(16)}`;
  const around = await situation.instructionsOf("work");
  return around.flatMap(({ text }, index) => (text === call ? around.slice(index, index + 2) : []));
}

/** All of the function, of what it calls, and of what calls it. */
async function placesToApplyAt(situation: Situation, name: Name): Promise<readonly Place[]> {
  const symbols = [name, ...callees[name], ...(name === "leaf" ? ["towardsLeaf"] : [])];
  return [...(await Promise.all(symbols.map(situation.instructionsOf))).flat(), ...await callsOf(situation)];
}

/**
 * All of the new function and of what it calls, then the old function's entry and what calls it: those at which it is taken
 * back come last, because the patch lies elsewhere when it comes again.
 */
async function placesToRevertAt(situation: Situation, name: Name): Promise<readonly Place[]> {
  const { pid } = situation.target;
  const { ledger } = await openProcess(tracer, await tracer.describeProcess(pid));
  const [{ at = address(0n), newRanges = [] } = {}] = ledger?.find(name)?.patch.functions ?? [];
  const start = situation.ranges[0]?.start ?? at;
  const entry = (await situation.instructionsOf(name)).filter((each) => start <= each.at && each.at <= at);
  const fresh = (await Promise.all(newRanges.map((range) => instructionsIn(tracer, pid, range)))).flat().map((each) => ({ ...each, in: "the patch" }));
  return [...fresh, ...(await Promise.all(callees[name].map(situation.instructionsOf))).flat(), ...entry, ...await callsOf(situation)];
}

const isIn = ({ at }: Instruction, ranges: readonly AddressRange[]): boolean => ranges.some(({ start, end }) => start < at && at < end);

type Outcome = "done" | { readonly blockedBy: string };

async function outcomeOf(act: Promise<unknown>): Promise<Outcome> {
  const error = await act.then(() => undefined, (thrown: unknown) => thrown as SutureError);
  if (error === undefined) return "done";
  const [blocker] = (error.data["blockers"] ?? []) as readonly { readonly function?: string }[];
  return { blockedBy: error.kind === "blocked" ? (blocker?.function ?? "nobody").replace(/\.cold$/, "") : error.message };
}

interface Walk {
  readonly places: readonly Place[];
  readonly isInTheWay: (place: Place) => boolean;
  readonly act: () => Promise<unknown>;
  readonly undo: () => Promise<unknown>;
  /** Which function answers before the act. */
  readonly from: "old" | "new";
}

/** Returns how often the act was done and how often it was refused. */
async function walk({ target: { pid }, stepper, counts }: Situation, name: Name, how: How, { places, isInTheWay, act, undo, from }: Walk): Promise<{ readonly done: number; readonly blocked: number }> {
  const to = from === "old" ? "new" : "old";
  let untouched = await snapshotOf(pid);
  let done = 0;
  for (const place of places) {
    await stepper.bring(place.at, how);
    const before = await counts();
    const outcome = await outcomeOf(act());
    expect([place, outcome]).toEqual([place, isInTheWay(place) ? { blockedBy: name } : "done"]);
    const answering = outcome === "done" ? to : from;
    if (outcome !== "done") expect(unlessRecorded(await snapshotOf(pid), from)).toEqual(unlessRecorded(untouched, from));
    stepper.release();
    await waitUntil(`the ${answering} function answers`, async () => (await counts())[answering] > before[answering] + 1n, { every: 1 });
    const after = await counts();
    const other = answering === from ? to : from;
    expect([place, after.mixed]).toEqual([place, 0n]);
    // A call that had been answered was not yet counted when the other function came.
    expect(after[other] - before[other]).toBeLessThanOrEqual(outcome === "done" ? 1n : 0n);
    if (outcome !== "done") continue;
    done++;
    await undo();
    untouched = await snapshotOf(pid);
  }
  return { done, blocked: places.length - done };
}

/** A revert that is refused leaves its attempt in the ledger, and nothing else. */
const unlessRecorded = (snapshot: ProcessSnapshot, from: Walk["from"]): unknown => (from === "old" ? snapshot : snapshot.code);

type How = "plainly" | "below a signal handler";
const walks = names.flatMap((name) => (["plainly", "below a signal handler"] as const).map((how) => ({ name, how })));

describe.each(ways)("compiled with %s %s", (...flags) => {
  test.each(walks)("$name is patched while a thread stands at each of the instructions around, $how", async ({ name, how }) => {
    await using situation = await enter(name, flags);
    const { target: { pid }, image, ranges } = situation;
    const untouched = await snapshotOf(pid);
    const walked = await walk(situation, name, how, {
      places: await placesToApplyAt(situation, name),
      isInTheWay: (place) => isIn(place, ranges) || callees[name].includes(place.in),
      act: () => applyPatch(tracer, image, pid, { timeout: 0 }),
      undo: () => revertPatch(tracer, name, pid),
      from: "old",
    });
    // At the entry, at the call, and behind it at the least; nowhere inside.
    expect(walked.done).toBeGreaterThanOrEqual(3);
    expect(walked.blocked).toBeGreaterThanOrEqual(5);
    expect(await snapshotOf(pid)).toEqual(untouched);
  }, 120_000);

  test.each(walks.filter(({ how }) => how === "plainly" || flags[0] === "-O2"))("$name is taken back while a thread stands at each of the instructions around, $how", async ({ name, how }) => {
    await using situation = await enter(name, flags);
    const { target: { pid }, image } = situation;
    const untouched = await snapshotOf(pid);
    await applyPatch(tracer, image, pid);
    const walked = await walk(situation, name, how, {
      places: await placesToRevertAt(situation, name),
      isInTheWay: (place) => place.in === "the patch" || callees[name].includes(place.in),
      act: () => revertPatch(tracer, name, pid, { timeout: 0 }),
      undo: () => applyPatch(tracer, image, pid),
      from: "new",
    });
    expect(walked.done).toBeGreaterThanOrEqual(3);
    expect(walked.blocked).toBeGreaterThanOrEqual(5);
    await revertPatch(tracer, name, pid);
    expect(await snapshotOf(pid)).toEqual(untouched);
  }, 120_000);
});
