// The layouts of both sides come from real compilations, through the helper.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { compareLayouts } from "../../native/create/layouts.ts";
import { Tracer } from "../../native/tracer.ts";

const folder = mkdtempSync(join(tmpdir(), "suture-layouts-"));
let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const original = "struct client { int id; char name[8]; unsigned open : 1; struct client *next; };";

async function textsOfChange(patched: string): Promise<readonly string[]> {
  const [before, after] = await Promise.all([original, patched].map(layoutsOf));
  return compareLayouts(before ?? [], after ?? []).map(({ text }) => text);
}

function layoutsOf(source: string, index: number) {
  const unit = join(folder, `unit-${index}.c`);
  writeFileSync(unit, `${source}\nstruct client one;\n`);
  execFileSync("gcc", ["-g", "-c", "-o", `${unit}.o`, unit]);
  return tracer.layouts(`${unit}.o`);
}

test("compareLayouts() finds nothing where only names of new structures differ", async () => {
  expect(await textsOfChange(`struct other { int a; } another; ${original}`)).toEqual([]);
});

test("compareLayouts() names a member that was added, not those that moved behind it", async () => {
  expect(await textsOfChange("struct client { int id; long since; char name[8]; unsigned open : 1; struct client *next; };"))
    .toEqual(["struct client gets a member since at offset 8, which moves name from 4 to 16"]);
  expect(await textsOfChange("struct client { int id; char name[8]; unsigned open : 1; struct client *next; long last; };"))
    .toEqual(["struct client gets a member last at offset 24, which makes it 32 bytes long instead of 24"]);
});

test("compareLayouts() names a member that was removed, moved, resized or retyped", async () => {
  expect(await textsOfChange("struct client { int id; char name[8]; struct client *next; };")).toEqual(["struct client loses its member open at offset 12"]);
  expect(await textsOfChange("struct client { char name[8]; int id; unsigned open : 1; struct client *next; };")).toEqual(["struct client has name at offset 0 instead of 4"]);
  expect(await textsOfChange("struct client { int id; char name[7]; unsigned open : 1; struct client *next; };")).toEqual(["struct client has a member name of 7 bytes instead of 8 bytes"]);
  expect(await textsOfChange("struct client { unsigned id; char name[8]; unsigned open : 1; struct client *next; };"))
    .toEqual(["struct client has a member id of type unsigned int instead of int"]);
});

test("compareLayouts() tells bits of a bit-field apart", async () => {
  expect(await textsOfChange("struct client { int id; char name[8]; unsigned open : 2; struct client *next; };"))
    .toEqual(["struct client has a member open of 2 bits instead of 1 bits"]);
});

test("compareLayouts() names a static variable whose bits would mean something else", async () => {
  const layouts = await Promise.all(["int total; int f(void) { static int *last; return last == 0; }", "float total; int f(void) { static long last; return last == 0; }",
    "unsigned total; int f(void) { static const char *last; return last == 0; }"].map((source, index) => layoutsOf(`${original} ${source}`, index)));
  const [before = [], reread = [], alike = []] = layouts;
  expect(compareLayouts(before, reread).map(({ text }) => text)).toEqual([
    "variable f()'s last is integer instead of pointer", "variable total is floating-point number instead of integer",
  ]);
  expect(compareLayouts(before, alike)).toEqual([]);
});

const declares = async (before: string, after: string): Promise<readonly string[]> => {
  const [old, changed] = await Promise.all([before, after].map((source, index) => layoutsOf(`${original} ${source}`, index)));
  return compareLayouts(old ?? [], changed ?? []).map(({ text }) => text);
};

test("compareLayouts() looks into unions, structures that only a typedef names, arrays, reused padding, and behind typedefs", async () => {
  expect(await declares("union u { int i; char c[4]; } v;", "union u { int i; char c[8]; } v;")).toEqual(["union u has a member c of 8 bytes instead of 4 bytes"]);
  expect(await declares("typedef struct { int x; } point; point p;", "typedef struct { int x, y; } point; point p;")).toEqual(["struct point gets a member y at offset 4, which makes it 8 bytes long instead of 4"]);
  expect(await declares("struct row { int cells[4]; } r;", "struct row { int cells[5]; } r;")).toEqual(["struct row has a member cells of 20 bytes instead of 16 bytes"]);
  expect(await declares("struct loose { char a; int b; } l;", "struct loose { char a, more; int b; } l;")).toEqual(["struct loose gets a member more at offset 1"]);
  expect(await declares("typedef int length; struct text { length bytes; } t;", "typedef float length; struct text { length bytes; } t;"))
    .toEqual(["struct text has a member bytes of type length (float) instead of length (int)"]);
  expect(await declares("struct outer { struct { int a; } in; } o;", "struct outer { struct { int b, a; } in; } o;")).toEqual(["struct outer gets a member in.b at offset 0, which moves in.a from 0 to 4"]);
});

test("compareLayouts() lets an enumeration grow, and names one of which a name gets another number", async () => {
  expect(await declares("enum color { RED, GREEN } c;", "enum color { RED, GREEN, BLUE } c;")).toEqual([]);
  expect(await declares("enum color { RED, GREEN } c;", "enum color { RED, BLUE, GREEN } c;")).toEqual(["enum color has GREEN as 2 instead of 1"]);
  expect(await declares("enum { ONE = 1, TWO } c;", "enum { ZERO = 3, ONE = 1, TWO = -2 } c;")).toEqual(["enum of ONE has TWO as -2 instead of 2"]);
  expect(await declares("typedef enum { A, B } letter; letter c;", "typedef enum { B, A } letter; letter c;")).toEqual(["enum of A has B as 0 instead of 1"]);
  // Two of one unit that share a name, as the state machines of parsers do.
  expect(await declares("void f(void) { enum { S, A } c = S; (void)c; } void g(void) { enum { S, B, A } c = S; (void)c; }", "void f(void) { enum { S, A } c = S; (void)c; } void g(void) { enum { S, B, A } c = S; (void)c; }")).toEqual([]);
});
