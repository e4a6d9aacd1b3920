import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

import { readEhFrame } from "../../native/elf/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { openWorkshop } from "./workshop.ts";

const run = promisify(execFile);

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const source = (text: string): string => `#include <stdio.h>
#include <stdlib.h>
static int counter;
__attribute__((noinline, cold, noreturn)) void die(int n) { printf("%d\\n", n); abort(); }
static __attribute__((noinline)) int choose(int n) {
  switch (n) { case 0: return puts("${text}"); case 1: return puts("b") + counter; case 2: return putchar(3); case 3: return putchar(n) + 2; case 4: return puts("e"); case 5: counter++; return putchar('f'); }
  if (n > 1000) { puts("far too many"); counter += 7; die(n + counter); }
  return n;
}
static __attribute__((noinline)) int stays(int n) { return choose(n) + 1; }
int main(int argc, char **argv) { (void)argv; return stays(argc); }
`;
const sources = { original: { "unit.c": source("a") }, patched: { "unit.c": source("z") } };

test("assembleObject() makes the same bytes from the same input", async () => {
  await using workshop = await openWorkshop(tracer, sources);
  expect((await workshop.build()).digest).toBe((await workshop.build()).digest);
});

test("assembleObject() makes an ELF file that readelf, objdump and nm read", async () => {
  await using workshop = await openWorkshop(tracer, sources);
  const { path } = await workshop.build();
  const { stdout: disassembly, stderr } = await run("objdump", ["-drw", path]);
  expect(stderr).toBe("");
  expect(disassembly).toMatch(/<choose>:/);
  expect((await run("readelf", ["-aW", path])).stderr).toBe("");
  const { stdout: names } = await run("nm", [path]);
  expect(names).toMatch(/^0+ t choose$/m);
  expect(names).toMatch(/^ +U counter$/m);
  expect(names).not.toMatch(/stays|main|T die/);
});

test("assembleObject() carries the unwind records of what travels, unlikely parts included, and no others", async () => {
  await using workshop = await openWorkshop(tracer, sources);
  const { elf } = await workshop.build();
  const table = elf.sections.find(({ name }) => name === ".eh_frame");
  const places = readEhFrame(table!).fdes.map(({ begin }) => typeof begin?.symbol.section === "number" ? elf.sections[begin.symbol.section]?.name : "?");
  expect(places.sort()).toEqual([".text.choose", ".text.unlikely.choose"]);
});

test("assembleObject() says what the old function occupies", async () => {
  await using workshop = await openWorkshop(tracer, sources);
  const [choose] = (await workshop.build()).manifest.objects[0]?.functions ?? [];
  const cold = workshop.program.program.symbolsNamed("choose.cold")[0]?.symbol.value;
  expect(choose?.oldRanges.some(({ start, end }) => start <= cold! && cold! < end)).toBe(true);
  expect(choose?.expected).toEqual(workshop.program.program.codeAt(choose!.oldEntry, 5));
});
