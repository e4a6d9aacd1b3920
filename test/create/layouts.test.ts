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
    .toEqual(["struct client gets a member since at offset 8"]);
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
