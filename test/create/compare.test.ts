import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { compareObjects } from "../../native/create/compare.ts";
import type { Comparison } from "../../native/create/compare.ts";
import { correlateObjects } from "../../native/create/correlate.ts";
import { readObjectCode } from "../../native/create/object-code.ts";
import { Tracer } from "../../native/tracer.ts";
import { openWorkshop } from "./workshop.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

async function compare(original: string, patched: string, flags = ["-g", "-O2"], link: readonly string[] = []): Promise<Comparison> {
  await using workshop = await openWorkshop(tracer, { original: { "unit.c": original }, patched: { "unit.c": patched }, flags, link });
  const [pair] = workshop.pairs;
  const [one, other] = [readObjectCode("unit.c", pair!.original), readObjectCode("unit.c", pair!.patched)];
  return compareObjects(one, other, correlateObjects(one, other));
}

const main = "int main(int argc, char **argv) { (void)argv; return use(argc); }";

describe("compareObjects() finds what differs by meaning", () => {
  test("renumbered labels and static variables are no difference", async () => {
    const body = `
int use(int n) { static int calls; calls++; return printf("%s %f\\n", n > 2 ? "many" : "few", n * 2.5) + calls; }
${main}`;
    const { changed, added } = await compare(`#include <stdio.h>\n${body}`, `#include <stdio.h>
int before(int n) { static int calls; calls--; return printf("%s %f\\n", "before", n * 9.75) - calls; }
${body}`);
    expect([...changed.keys()]).toEqual([]);
    expect([...added]).toEqual(["before"]);
  });

  test("without optimisation, what stands between literals is no difference", async () => {
    const source = (text: string, more: string): string => `#include <stdio.h>
int before(int n) { puts("${text}"); ${more} return n; }
int use(int n) { return printf("%d %f %s\\n", n, n * 2.5, "after"); }
${main}`;
    const { changed } = await compare(source("one", ""), source("other", 'puts("added");'), ["-g", "-O0"]);
    expect([...changed.keys()]).toEqual(["before"]);
  });

  test("another string, another constant, another callee", async () => {
    const source = (text: string, factor: string, callee: string): string => `#include <stdio.h>
#include <stdlib.h>
void say(void) { puts("${text}"); }
double scale(double x) { return x * ${factor}; }
__attribute__((noinline)) int use(int n) { return ${callee}(n); }
int same(int n) { puts("same"); return n; }
${main}`;
    const { changed } = await compare(source("one", "2.25", "abs"), source("two", "2.75", "rand_r0"), ["-g", "-O2", "-Drand_r0(x)=putchar(x)"]);
    expect(Object.fromEntries(changed)).toEqual({ say: "it refers to another string", scale: "it refers to another constant or jump table", use: expect.any(String) });
  });

  test("a jump table belongs to its function, and to no other", async () => {
    const source = (value: number): string => `#include <stdio.h>
int before(int n) { switch (n) { case 0: return puts("a"); case 1: return puts("b") + 1; case 2: return putchar(3); case 3: return putchar(n) + 2; case 4: return puts("e"); case 5: return putchar('f'); } return ${value}; }
int use(int n) { switch (n) { case 0: return puts("A"); case 1: return puts("B") + 1; case 2: return putchar(33); case 3: return putchar(n) + 22; case 4: return puts("E"); case 5: return putchar('F'); } return 1; }
${main}`;
    for (const [code, link] of [["-fPIE", "-pie"], ["-fno-pie", "-no-pie"]] as const) {
      const { changed } = await compare(source(7), source(8), ["-g", "-O2", code], [link]);
      expect([...changed.keys()].filter((name) => !name.endsWith(".cold"))).toEqual(["before"]);
    }
  });

  test("constant data of the unit that differs takes its readers along", async () => {
    const source = (value: number): string => `
static const int table[] = { 1, 2, 3, ${value}, 5, 6, 7, 8, 9 };
int reads(int n) { return table[n]; }
int use(int n) { return n; }
${main}`;
    const { changed, replacedConstants } = await compare(source(4), source(40));
    expect(Object.fromEntries(changed)).toEqual({ reads: "it refers to table, which differs" });
    expect([...replacedConstants]).toEqual(["table"]);
  });

  test("every function that holds an inlined copy", async () => {
    const source = (limit: number): string => `
static inline __attribute__((always_inline)) int clamp(int n) { return n > ${limit} ? ${limit} : n; }
int one(int n) { return clamp(n) * 3; }
int two(int n) { return clamp(n + 1) * 5; }
int use(int n) { return n; }
${main}`;
    expect([...(await compare(source(10), source(20))).changed.keys()].sort()).toEqual(["one", "two"]);
  });

  test("a computed goto's table goes with its function", async () => {
    const source = (value: number): string => `
int use(int n) { static const void *const labels[] = { &&a, &&b, &&c }; goto *labels[n % 3]; a: return 1; b: return ${value} * n; c: return n - 7; }
${main}`;
    const { changed, replacedConstants } = await compare(source(3), source(5));
    expect([...changed.keys()]).toContain("use");
    expect([...replacedConstants]).toHaveLength(1);
  });
});

describe("compareObjects() refuses what replacing functions cannot bring about", () => {
  const refusals: readonly (readonly [string, string, string, string])[] = [
    ["a changed initial value", "int limit = 3;", "int limit = 4;", "variable limit has another initial value"],
    ["a value where there was none", "int limit;", "int limit = 4;", "variable limit has another initial value"],
    ["a changed initial value behind a pointer", 'const char *limit = "a";', 'const char *limit = "b";', "variable limit has another initial value"],
    ["a changed size", "int limit[3];", "int limit[4];", "variable limit changes its size from 12 to 16 bytes"],
    ["a changed global constant", "const int limit = 3;", "const int limit = 4;", "variable limit is constant data that other units read"],
    ["constant data behind a live pointer", "static const int inner[2] = { 1, 2 }; const int *limit = inner;", "static const int inner[2] = { 1, 3 }; const int *limit = inner;", "points at inner, constant data whose contents differ"],
    ["a new constructor", "int limit;", "int limit; __attribute__((constructor)) static void set(void) { limit = 4; }", "section .init_array differs: a constructor is added"],
    ["assembler outside of functions", 'int limit; __asm__(".text\\n.byte 0x90");', 'int limit; __asm__(".text\\n.byte 0x90, 0x90");', "section .text differs in code that belongs to no function"],
    ["a variable that becomes thread-local", "int limit;", "__thread int limit;", "variable limit"],
  ];
  test.each(refusals)("%s", async (_, before, after, message) => {
    const source = (declarations: string): string => `${declarations}\nint use(int n) { return n; }\n${main}`;
    await expect(compare(source(before), source(after))).rejects.toMatchObject({ kind: "not-patchable", message: expect.stringContaining(message) });
  });
});
