import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { address } from "../../native/address.ts";
import { Tracer } from "../../native/tracer.ts";
import { waitUntil } from "../support/mod.ts";
import { enter, jumpFrom, mustSwitch, range } from "./situations.ts";
import { scratchFolder } from "./targets.ts";

const scratch = scratchFolder();
let tracer: Tracer;
beforeAll(async () => {
  tracer = await Tracer.start();
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

describe("stacks()", () => {
  it("gives every thread's frames from the innermost to the outermost one", async () => {
    await using situation = await enter(tracer, "asleep-in-function.c");
    const { threads, stop } = await tracer.stacks(situation.pid);
    expect(threads.map(({ complete, state }) => ({ complete, state }))).toEqual([{ complete: true, state: "S" }, { complete: true, state: "S" }]);
    const [hold, caller] = [situation.whole("hold"), situation.whole("caller")];
    const frames = threads[1]?.frames ?? [];
    const inHold = frames.findIndex((frame) => frame > hold.start && frame <= hold.end);
    expect(inHold).toBeGreaterThan(0);
    expect(frames.findIndex((frame) => frame > caller.start && frame <= caller.end)).toBe(inHold + 1);
    expect(stop.workingThreads + stop.sleepingThreads).toBe(2);
  });

  it("follows twenty thousand frames and the frames below a signal handler", async () => {
    await using deep = await enter(tracer, "deep-recursion.c");
    const [, bottom] = (await tracer.stacks(deep.pid)).threads;
    expect(bottom?.complete).toBe(true);
    expect(bottom?.frames.length).toBeGreaterThan(20_000);

    for (const stack of ["alternate", "same"]) {
      await using handling = await enter(tracer, "in-signal-handler.c", { parameters: [stack] });
      const [, thread] = (await tracer.stacks(handling.pid)).threads;
      expect(thread?.complete).toBe(true);
      const named = ["handler", "interrupted", "callsInterrupted"].map((name) => {
        const { start, end } = handling.whole(name);
        return thread?.frames.findIndex((frame) => frame >= start && frame <= end) ?? -1;
      });
      expect(named.every((place) => place >= 0)).toBe(true);
      expect([...named].sort((a, b) => a - b)).toEqual(named);
    }
  });

  it("follows frames through code that lies in a memory file", async () => {
    await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["3", "3"] });
    const library = join(scratch.path, "spin.so");
    const source = "static volatile int turns; __attribute__((noinline)) static int turn(int of) { while (of) turns = of; return 0; } int spin(int of) { return turn(of) + of; }";
    execFileSync("gcc", ["-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", library], { input: source });
    const { segments, spin, contents } = layOut(library);
    const at = address(BigInt(`0x${(await tracer.readMaps(situation.pid)).split("-")[0]}`) - 0x1000000n);
    await tracer.stage(situation.pid, situation.startTime, [{ name: "suture-spin", at, contents, segments }]);

    const entry = situation.at("answer");
    const original = await tracer.readMemory(situation.pid, entry, 5);
    const jump = jumpFrom(entry, address(at + spin));
    await mustSwitch(tracer, situation, { forbidden: [range(entry, 5)], writes: [{ at: entry, expected: original, replacement: jump }] });
    const inside = await waitUntil("every thread is in the new code", async () => {
      const { threads } = await tracer.stacks(situation.pid);
      const found = threads.filter(({ frames }) => frames.some((frame) => frame >= at && frame < at + BigInt(contents.length)));
      return found.length === 3 && found;
    });
    expect(inside.every(({ complete, frames }) => complete && frames.length >= 4)).toBe(true);
    // They are in the new code, which calls nothing of the old.
    await mustSwitch(tracer, situation, { forbidden: [range(entry, 5)], writes: [{ at: entry, expected: jump, replacement: original }] });
  });
});

/** The file as its segments lie in memory: what of them lies at another place than in the file is moved. */
function layOut(library: string) {
  const file = readFileSync(library);
  const rows = [...execFileSync("readelf", ["-lW", library], { encoding: "utf8" }).matchAll(/^ +LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+) 0x(\w+) (...)/gm)];
  const loads = rows.map(([, offset = "", at = "", size = "", memory = "", flags = ""]) =>
    ({ offset: parseInt(offset, 16), at: parseInt(at, 16), size: parseInt(size, 16), memory: parseInt(memory, 16), flags }));
  const page = (end: number) => Math.ceil(end / 4096) * 4096;
  const contents = new Uint8Array(page(Math.max(...loads.map(({ at, memory }) => at + memory))));
  for (const { offset, at, size } of loads) contents.set(file.subarray(offset, offset + size), at);
  const segments = loads.map(({ at, memory, flags }) => {
    const start = at - (at % 4096);
    const protection = flags.includes("E") ? ("rx" as const) : flags.includes("W") ? ("rw" as const) : ("r" as const);
    return { offset: start, length: page(at + memory) - start, protection };
  });
  const [, spin = "0"] = /^(\w+) T spin$/m.exec(execFileSync("nm", [library], { encoding: "utf8" })) ?? [];
  return { segments, contents, spin: BigInt(`0x${spin}`) };
}
