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

const source = (text: string): string => `
int puts(const char *);
int putchar(int);
__attribute__((noinline, cold, noreturn)) void give_up(int n);
static int counter;
__attribute__((noinline)) int choose(int n) {
  int sum = puts("${text}");
  for (int i = 0; i < n; i++) { sum += putchar(i + counter); if (sum > 1000) give_up(n + counter); }
  counter++;
  return sum;
}
int again(int n) { return choose(n) * 2; }
`;
const others = { "main.c": "#include <stdlib.h>\nint again(int);\nvoid give_up(int n) { exit(n); }\nint main(int argc, char **argv) { (void)argv; return again(argc); }\n" };
const sources = { original: { "unit.c": source("a"), ...others }, patched: { "unit.c": source("z") } };

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
  expect(names).toMatch(/^0+ T choose$/m);
  expect(names).toMatch(/^ +U counter$/m);
  expect(names).not.toMatch(/again|main|T give_up/);
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
