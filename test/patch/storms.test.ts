// Patches that come and go while the process starts threads and processes without a pause, in every way that there is.

import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { patchOf } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const rounds = 25;

async function numbersOf(target: Target): Promise<ReadonlyMap<string, string>> {
  const from = target.lines.length;
  target.write("?\n");
  return new Map([...(await target.line(/^calls/, from)).matchAll(/(\w+)=([\d/]+)/g)].map(([, name = "", value = ""]) => [name, value]));
}

async function patchOverAndOver(name: string): Promise<ReadonlyMap<string, string>> {
  const { program } = await compileTarget(name, { flags: ["-O1"], link: ["-Wl,--build-id"] });
  await using target = await startTarget(program);
  const image = patchOf({ module: program, kind: "program" }, "two", "int answer(int of) { return of; }", ["answer"]);
  const untouched = await snapshotOf(target.pid);
  for (let round = 0; round < rounds; round++) {
    await applyPatch(tracer, image, target.pid, { timeout: 30_000 });
    await revertPatch(tracer, "two", target.pid, { timeout: 30_000 });
  }
  expect(await snapshotOf(target.pid)).toEqual(untouched);
  return await numbersOf(target);
}

test("a patch comes and goes under threads that are born and end all the time", async () => {
  const numbers = await patchOverAndOver("threads-born-and-ending.c");
  expect(numbers.get("wrong")).toBe("0");
  for (const answers of ["ones", "twos"]) expect([answers, Number(numbers.get(answers))]).toEqual([answers, expect.toSatisfy((times: number) => times > 0)]);
}, 60_000);

test("a patch comes and goes while processes are started by fork, vfork, posix_spawn and exec all the time", async () => {
  const numbers = await patchOverAndOver("starts-processes.c");
  expect(numbers.get("wrong")).toBe("0");
  for (const way of ["fork", "vfork", "spawn", "exec"]) expect([way, numbers.get(way)]).toEqual([way, expect.stringMatching(/^\d{2,}\/0$/) as string]);
}, 60_000);
