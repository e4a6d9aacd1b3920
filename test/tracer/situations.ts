// Live programs of test/targets for the tests that stop and change them: where their functions are, and the
// transitions that those tests ask for again and again.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { address, type Address, type AddressRange } from "../../native/address.ts";
import type { MemoryWrite, StopFigures, Tracer, TransitionOutcome } from "../../native/tracer.ts";
import { compileTarget, startTarget, type Target } from "../support/mod.ts";

const run = promisify(execFile);

export interface Situation extends AsyncDisposable {
  readonly target: Target;
  readonly pid: number;
  readonly startTime: bigint;
  /** A function that the program has named with its address in its first line. */
  at(name: string): Address;
  /** All of a function, from its first byte to its last. */
  whole(name: string): AddressRange;
}

export interface SituationOptions {
  readonly parameters?: readonly string[];
  readonly link?: readonly string[];
  /** For compiling. */
  readonly flags?: readonly string[];
}

export async function enter(tracer: Tracer, name: string, { parameters = [], link = [], flags }: SituationOptions = {}): Promise<Situation> {
  const { program } = await compileTarget(name, { link, ...(flags === undefined ? {} : { flags }) });
  const target = await startTarget(program, { parameters });
  const { startTime } = await tracer.describeProcess(target.pid);
  const places = new Map([...target.readyLine.matchAll(/(\w+)=(0x[0-9a-f]+)/g)].map(([, key = "", value = ""]) => [key, address(BigInt(value))]));
  const functions = await listFunctions(program);
  return {
    target,
    pid: target.pid,
    startTime,
    at(wanted) {
      const place = places.get(wanted);
      if (place === undefined) throw new Error(`${name} has not said where ${wanted} is: ${target.readyLine}`);
      return place;
    },
    whole: (wanted) => {
      const place = functions.get(wanted);
      const named = [...places].find(([key]) => functions.has(key));
      if (place === undefined || named === undefined) throw new Error(`${name} has no function ${wanted}`);
      const bias = named[1] - (functions.get(named[0])?.at ?? 0n);
      return range(address(place.at + bias), place.length);
    },
    [Symbol.asyncDispose]: async () => {
      await target.stop();
    },
  };
}

async function listFunctions(program: string): Promise<ReadonlyMap<string, { readonly at: bigint; readonly length: number }>> {
  const { stdout } = await run("nm", ["-S", program]);
  const rows = [...stdout.matchAll(/^([0-9a-f]+) ([0-9a-f]+) [tT] (\w+)$/gm)];
  return new Map(rows.map(([, at = "", length = "", name = ""]) => [name, { at: BigInt(`0x${at}`), length: parseInt(length, 16) }]));
}

export const range = (start: Address, length: number): AddressRange => ({ start, end: address(start + BigInt(length)) });

/** `jmp rel32`. */
export function jumpFrom(at: Address, to: Address): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = 0xe9;
  new DataView(bytes.buffer).setInt32(1, Number(to - at) - 5, true);
  return bytes;
}

/** A write that changes nothing but is a write. */
export async function sameBytes(tracer: Tracer, pid: number, at: Address, length = 5): Promise<MemoryWrite> {
  const expected = await tracer.readMemory(pid, at, length);
  return { at, expected, replacement: expected };
}

export interface Attempt {
  readonly forbidden: readonly AddressRange[];
  readonly writes: readonly MemoryWrite[];
  readonly maxStopMicroseconds?: number;
  readonly scanHeap?: boolean;
}

/** One transition, as it ends. The budget is generous: tests run on busy machines. */
export const attempt = (tracer: Tracer, { pid, startTime }: Situation, { forbidden, writes, maxStopMicroseconds = 500_000, scanHeap = false }: Attempt): Promise<TransitionOutcome> =>
  tracer.transition({ processes: [{ pid, startTime, forbidden, writes }], maxStopMicroseconds, scanHeap });

/** Tries again while somebody is in the way, and gives the figures of the stop that did it. */
export async function mustSwitch(tracer: Tracer, situation: Situation, wanted: Attempt): Promise<StopFigures> {
  for (let tries = 0; ; tries++) {
    const outcome = await attempt(tracer, situation, wanted);
    if (outcome.outcome === "done") return outcome.stop;
    if (tries === 500 || (outcome.outcome !== "blocked" && outcome.outcome !== "over-budget")) {
      throw new Error(`No switch: ${outcome.outcome === "blocked" ? JSON.stringify(outcome.blockers, (_, value: unknown) => (typeof value === "bigint" ? value.toString(16) : value)) : outcome.outcome}`);
    }
  }
}

/** Numbers of a line such as `calls=5 ones=3`. */
export function numbersOf(line: string): Readonly<Record<string, number>> {
  return Object.fromEntries([...line.matchAll(/(\w+)=(\d+)/g)].map(([, key = "", value = ""]) => [key, Number(value)]));
}

/** Asks the program on its standard input and reads its next line. */
export async function ask(target: Target): Promise<Readonly<Record<string, number>>> {
  const from = target.lines.length;
  target.write("?\n");
  return numbersOf(await target.line(/=/, from));
}

/** How many words of anonymous memory and of the main stack are addresses in a range, dead or alive. */
export async function wordsInto(tracer: Tracer, { pid }: Situation, { start, end }: AddressRange): Promise<number> {
  let found = 0;
  for (const line of (await tracer.readMaps(pid)).split("\n")) {
    const [, low = "", high = ""] = /^([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 *(?:\[stack\])?$/.exec(line) ?? [];
    if (low === "") continue;
    const bytes = Buffer.from(await tracer.readMemory(pid, address(BigInt(`0x${low}`)), Number(BigInt(`0x${high}`) - BigInt(`0x${low}`))));
    for (let at = 0; at + 8 <= bytes.length; at += 8) {
      const word = bytes.readBigUInt64LE(at);
      if (word > start && word <= end) found++;
    }
  }
  return found;
}
