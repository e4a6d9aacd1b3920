// The image as a file: what other programs read in it, whether it is the same every time, what it says of its making.

import { execFileSync } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createPatchImage, disassemblePatch } from "../../native/create/mod.ts";
import type { CreateOptions, SourceDiff } from "../../native/create/mod.ts";
import { decodeImage } from "../../native/image/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { readBytes } from "../elf/toolchain.ts";
import { asking, buildTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { SourceTree } from "./source-tree.ts";

const unit = (text: string, more: string): string => `
#include <stdio.h>
#include <string.h>
static int calls; int shared = 3; static __thread int own;
static const char *const names[] = { "one", "two" };
static __attribute__((noinline)) int help(int n) { static int seen; seen += n; return seen + own++; }
${more}
int answer(int n) {
  char line[32];
  snprintf(line, sizeof line, "${text} %d", n);
  switch (n % 7) { case 0: return help(n); case 1: return calls++; case 2: return 77; case 3: return (int)strlen(names[n & 1]); case 4: return shared; case 5: return 12; }
  return (int)strlen(line);
}
`;

let tracer: Tracer;
let tree: SourceTree;
let program: string;
let diff: SourceDiff;
let image: Uint8Array;
beforeAll(async () => {
  tracer = await Tracer.start();
  tree = openSourceTree({ "main.c": asking, "a.c": unit("old", ""), "b.c": "extern int shared;\nint other(int n) { return n * n * shared; }\n" });
  program = await buildTree(tree, [{ file: "main.c" }, { file: "a.c" }, { file: "b.c" }]);
  diff = tree.diff("fix", {
    "a.c": unit("changed", "static int fresh = 5; static __attribute__((noinline)) int more(int n) { fresh += n; return help(fresh); }").replace("case 2: return 77", "case 2: return more(n)"),
    "b.c": "extern int shared;\nint other(int n) { return n * n * shared + 1; }\n",
  });
  image = await create();
});
afterAll(async () => {
  tree[Symbol.dispose]();
  await tracer[Symbol.asyncDispose]();
});

async function create(options: Partial<CreateOptions> = {}): Promise<Uint8Array> {
  return (await createPatchImage(tracer, [diff], { source: tree.root, target: program, ...options })).image;
}

describe("a patch image", () => {
  test.each([["readelf", "-aW"], ["objdump", "-drwC"], ["objdump", "-x"], ["nm", "-a"], ["size"]])("is read by %s %s without a word of complaint", (command, ...options) => {
    const path = join(tree.directory, "image.suture");
    writeFileSync(path, image);
    const said = execFileSync("sh", ["-c", '"$@" 2>&1 >/dev/null', "sh", command, ...options, path], { encoding: "utf8" });
    expect(said).toBe("");
    const text = execFileSync(command, [...options, path], { encoding: "utf8", maxBuffer: 1 << 26 });
    expect(text).not.toMatch(/warning|<unknown|corrupt/i);
    if (command !== "size") expect(text).toContain("answer");
  });

  test("is the same, byte for byte, from a copy of the tree elsewhere, by any number of compilers at once, at another time", async () => {
    const copy = join(tree.directory, "elsewhere", "copy");
    cpSync(tree.root, copy, { recursive: true });
    const commands = execFileSync("sed", [`s|"directory":"${tree.root}"|"directory":"${copy}"|g`, join(tree.root, "compile_commands.json")], { encoding: "utf8" });
    writeFileSync(join(copy, "compile_commands.json"), commands);
    for (const options of [{ jobs: 1 }, { jobs: 8 }, { source: copy }]) expect(Buffer.from(await create(options)).equals(image)).toBe(true);
  });

  test("says what it was made from, what was compiled with what, for which build, and what was proved", () => {
    const { manifest } = decodeImage(image);
    expect(manifest).toMatchObject({
      diffs: [{ name: "fix", text: diff.text }],
      objects: [{
        module: { name: "program", buildId: expect.stringMatching(/^[0-9a-f]{40}$/) }, proof: { units: 2, functions: 3, bytes: expect.any(Number) },
        functions: [{ name: "answer", unit: "a.c", reason: expect.any(String), oldSize: expect.any(Number) }, { name: "other", unit: "b.c" }], added: [{ name: "more" }],
      }],
      build: { units: [{ unit: "a.c", producer: expect.stringMatching(/^GNU C\d+ \d.* -O2/), command: ["gcc", "-g", "-O2"] }, { unit: "b.c" }], notes: [], allowedLayouts: [] },
    });
  });
});

describe("disassemblePatch()", () => {
  const files = () => [{ path: program, bytes: readBytes(program) }];

  test("shows old code against new, with names, strings and labels in the place of addresses", async () => {
    const shown = await disassemblePatch(decodeImage(image), image, { files: files() });
    expect(shown.map(({ function: name, unit: from }) => `${from} ${name}`)).toEqual(["a.c answer", "b.c other"]);
    const [answer, other] = shown;
    const changes = answer?.difference?.filter((line) => /^[+-]/.test(line)) ?? [];
    expect(changes.join("\n")).toMatch(/^-.*"old %d"/m);
    expect(changes.join("\n")).toMatch(/^\+.*"changed %d"/m);
    expect(changes.join("\n")).toMatch(/^\+.*(call|jmp) more$/m);
    // What is the same is no change, wherever it lies.
    for (const code of [answer?.old, answer?.new]) expect(code).toContain("  call snprintf");
    expect(changes.join("\n")).not.toMatch(/snprintf|nop|<constants>/);
    expect(other?.old?.join("\n")).toContain("imul");
    for (const code of [other?.old, other?.new]) expect(code?.join("\n")).toContain("shared(%rip)");
  });

  test("shows the new code alone where the old is not at hand, and only what is asked for", async () => {
    const [only, second] = await disassemblePatch(decodeImage(image), image, { functions: ["other"] });
    expect(second).toBeUndefined();
    expect(only).toMatchObject({ function: "other", new: expect.arrayContaining(["  ret"]) });
    expect(only?.difference).toBeUndefined();
  });

  test("refuses a program of another build and a function that the patch does not replace", async () => {
    await expect(disassemblePatch(decodeImage(image), image, { files: [{ path: "/bin/sh", bytes: readBytes("/bin/sh") }] })).rejects.toMatchObject({ kind: "build-id-mismatch" });
    await expect(disassemblePatch(decodeImage(image), image, { functions: ["helper"] })).rejects.toMatchObject({ kind: "unknown-function", message: "Cannot disassemble helper: the patch replaces answer, other" });
  });
});
