// Functions that are unusual to who redirects them or asks for them by name: clones that the compiler made of others, functions shorter
// than the jump that is written over them, functions that jump back into their first bytes. Built, applied to a live process, reverted.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readElf } from "../../native/elf/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted } from "../support/mod.ts";
import { answerSources, liveAnswers } from "./live-answer.ts";
import { buildFix, compileSituations, patchSituations, readSituations } from "./many-situations.ts";
import { openWorkshop } from "./workshop.ts";
import type { Sources } from "./workshop.ts";

const run = promisify(execFile);

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

test(lifted("X23", "clones: .part, .constprop, .constprop.isra and .cold, each in the program and in the patch"), async () => {
  const situations = await readSituations();
  const compiled = await compileSituations({ flags: ["-g", "-O2"] });
  const created = await buildFix(tracer, situations, compiled);
  const replaced = created.manifest.objects[0]?.functions.map(({ name }) => name) ?? [];
  expect(replaced).toEqual(expect.arrayContaining(["parted.part.0", "by_factor.constprop.0", "part_of.constprop.0.isra.0"]));
  expect(readElf(created.image).symbols.map(({ name }) => name)).toContain("unlikely.cold");
  const { answers, expected } = await patchSituations(tracer, situations, compiled, created);
  expect(answers).toEqual(expected);
});

test(lifted("X23", "-D_FORTIFY_SOURCE: the patch calls the checking functions, of which the program had others"), async () => {
  const unit = (body: string): string => `#include <stdio.h>\n#include <string.h>\nchar room[64];\nlong answer(long n) { char text[32]; ${body}; return (long)strlen(text) * 100 + n; }\n`;
  const sources = answerSources(unit('sprintf(text, "%ld", n)'), unit('sprintf(text, "%ld", n * 111); strcat(text, text + 1)'), { flags: ["-g", "-O2", "-D_FORTIFY_SOURCE=2"] });
  const { answers, manifest } = await liveAnswers(tracer, sources);
  expect(answers).toEqual([105, 505, 105]);
  expect((manifest.objects[0]?.imports ?? []).map(({ name }) => name).filter((name) => name.endsWith("_chk"))).toEqual(["__sprintf_chk", "__stpcpy_chk"]);
});

const both = (source: string, from: string, to: string, rest: Partial<Sources> = {}): Sources => answerSources(source, source.replace(from, to), rest);

describe("a function that is shorter than a jump, with room behind it", () => {
  const source = `
long calls;
long zero(void) { return 0; }
void nothing(void) {}
long (*volatile ask)(void) = zero;
void (*volatile call)(void) = nothing;
long answer(long n) { call(); return ask() + calls * 10 + n; }
`;
  const changed = source.replace("return 0", "return calls * 1000").replace("nothing(void) {}", "nothing(void) { calls++; }");
  test.each(["gcc", "clang"])(lifted("X23", "functions of one and of three bytes, behind which the compiler left room") + ": %s", async (compiler) => {
    const sources = answerSources(source, changed, { compiler });
    await using workshop = await openWorkshop(tracer, sources);
    const sizes = ["zero", "nothing"].map((name) => Number(workshop.program.program.symbolsNamed(name)[0]?.symbol.size));
    expect(sizes).toEqual([3, 1]);
    const { answers, manifest } = await liveAnswers(tracer, sources);
    expect(answers).toEqual([5, 1015, 15]);
    expect(manifest.objects[0]?.functions.map(({ name }) => name).sort()).toEqual(["nothing", "zero"]);
  });
});

describe("a function that leads back into its first bytes", () => {
  const source = `__attribute__((noinline)) long up(volatile long *limit) { long i = 0; do i++; while (*limit > i); return i; }\nlong answer(long n) { volatile long limit = n; return up(&limit); }\n`;
  test(lifted("X23", "a loop that begins within the bytes that the jump is written over"), async () => {
    const sources = both(source, "return i;", "return i * 7;", { flags: ["-g", "-Os"] });
    await using workshop = await openWorkshop(tracer, sources);
    const { stdout } = await run("objdump", ["-d", "--disassemble=up", workshop.path]);
    const into = /j\w+ +[0-9a-f]+ <up\+0x([0-9a-f]+)>/.exec(stdout)?.[1] ?? stdout;
    expect(["1", "2", "3", "4"]).toContain(into);
    const { answers, manifest } = await liveAnswers(tracer, sources);
    expect(answers).toEqual([5, 35, 5]);
    expect(manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["up"]);
  });
});
