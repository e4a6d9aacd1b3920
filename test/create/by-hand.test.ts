// Functions written by hand in the place of functions of a program, on live processes.

import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createReplacementImage } from "../../native/create/mod.ts";
import type { Replacement, ReplacementOptions } from "../../native/create/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { answersAround, asking, buildTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { Files } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const noinline = "__attribute__((noinline))";
const files: Files = {
  "main.c": asking,
  "state.h": "struct state { int calls; long sum; };\n",
  "a.c": `#include "state.h"
static struct state state = { 100, 0 };
static volatile int secret = 7;
int shared = 1000;
static __thread int own = 3;
static ${noinline} int help(int n) { return n * n * n + secret; }
${noinline} int work(int n) { state.calls++; own++; return help(n) + own; }
int second(int n);
int answer(int n) { return n == 2 ? second(n) : work(n) + 0 * state.calls; }
`,
  "b.c": `static volatile int secret = 9000;\nstatic volatile int lonely = 1;\nstatic ${noinline} int help(int n) { return n + secret + lonely; }\nint second(int n) { return help(n) * 2; }\n`,
};
const compilations = ["main.c", "a.c", "b.c"].map((file) => ({ file }));

interface Attempt {
  readonly fix: string;
  /** A second file. */
  readonly more?: string;
  readonly replacements: readonly Replacement[];
  readonly options?: Partial<ReplacementOptions>;
  readonly isStripped?: boolean;
  readonly withSource?: boolean;
}

async function answersOf({ fix, more, replacements, options = {}, withSource = true, isStripped = false }: Attempt) {
  using tree = openSourceTree(files);
  const program = await buildTree(tree, compilations);
  if (isStripped) execFileSync("strip", ["--strip-debug", program]);
  const file = join(tree.directory, "fix.c");
  writeFileSync(file, fix);
  const second = join(tree.directory, "more.c");
  if (more !== undefined) writeFileSync(second, more);
  const created = await createReplacementImage(tracer, [file, ...(more === undefined ? [] : [second])], {
    name: "fix", target: program, replacements, ...(withSource ? { source: tree.root } : {}), ...options,
  });
  return { ...created, answers: await answersAround(tracer, program, created.image, [1, 2]) };
}

const refusalOf = (attempt: Attempt): Promise<unknown> => answersOf(attempt).then(() => "not refused", (error: unknown) => error);

describe("createReplacementImage()", () => {
  test("replaces a function by one that uses the unit's own static functions and variables, structures and thread variables", async () => {
    const { manifest, answers } = await answersOf({
      replacements: [{ old: "work", by: "my_work" }],
      fix: `#include <stdlib.h>
#include "state.h"
extern struct state state; extern volatile int secret; extern int shared; extern __thread int own; int help(int);
static int fresh = 5; static ${noinline} int more(int n) { return ++fresh + (int)labs(-n); }
int my_work(int n) { state.calls++; own++; return help(n) + own + secret * 10 + shared + more(n) * 10000; }
`,
    });
    // help(1) = 8, own = 4, 5, 6; with the fix: secret 70, shared 1000, more(1) = 7.
    expect(answers).toEqual([["12", "18006"], ["71083", "18006"], ["14", "18006"]]);
    expect(manifest.objects[0]).toMatchObject({
      functions: [{ name: "work", unit: "a.c", reason: "replaced by my_work of fix.c, by hand" }], proof: { units: 1, functions: 3 },
    });
    expect(manifest.objects[0]?.added.map(({ name }) => name)).toEqual(["more"]);
    expect(manifest.diffs[0]?.text).toContain("+int my_work(int n)");
  });

  test("needs no source where the flags are given, and tells same-named static functions apart by their unit", async () => {
    const { answers, manifest } = await answersOf({
      withSource: false, options: { command: ["gcc", "-O1"] }, replacements: [{ old: "a.c:answer", by: "my_answer" }],
      fix: "extern volatile int secret; int help(int), second(int);\nint my_answer(int n) { return n == 2 ? second(n) + 1 : help(n) * 100 + secret; }\n",
    });
    expect(answers).toEqual([["12", "18006"], ["807", "18007"], ["13", "18006"]]);
    expect(manifest.objects[0]?.proof).toEqual({ units: 0, functions: 0, bytes: 0 });
  });

  test("replaces functions of several units from a file for each, which see each other's names and their own unit's statics", async () => {
    const { manifest, answers } = await answersOf({
      replacements: [{ old: "work", by: "my_work" }, { old: "second", by: "my_second" }],
      fix: "extern volatile int secret;\nint half(int n);\nint calls_of_both;\nint my_work(int n) { calls_of_both++; return half(n * 2) + secret; }\n",
      more: "extern volatile int secret;\nextern int calls_of_both;\nint half(int n) { return n / 2; }\nint my_second(int n) { if (half(n) == 7) { return 0; } return ++calls_of_both * 10000 + secret; }\n",
    });
    expect(answers).toEqual([["12", "18006"], ["8", "29000"], ["13", "18006"]]);
    expect(manifest.objects[0]).toMatchObject({ functions: [{ name: "work", unit: "a.c" }, { name: "second", unit: "b.c" }], proof: { units: 2 } });
    expect(manifest.build?.units.map(({ unit }) => unit.replace(/.*\//, ""))).toEqual(["fix.c", "more.c"]);
  });

  test("replaces several functions of one unit", async () => {
    const { manifest, answers } = await answersOf({
      replacements: [{ old: "a.c:answer", by: "my_answer" }, { old: "work", by: "my_work" }],
      fix: "int second(int n);\nint my_work(int n) { return n * 1000; }\nint my_answer(int n) { return n == 2 ? second(n) : my_work(n) + 1; }\n",
    });
    expect(answers).toEqual([["12", "18006"], ["1001", "18006"], ["13", "18006"]]);
    expect(manifest.objects[0]?.functions.map(({ name }) => name).sort()).toEqual(["answer", "work"]);
  });
});

describe("createReplacementImage() refuses", () => {
  test("files of which it cannot be told which one holds what", async () => {
    const both = { replacements: [{ old: "work", by: "my_work" }, { old: "second", by: "my_second" }], fix: "int my_work(int n) { return n; }\n" };
    expect(await refusalOf({ ...both, more: "int my_work(int n) { return n; }\nint my_second(int n) { return my_work(n); }\n" }))
      .toMatchObject({ kind: "not-patchable", message: expect.stringMatching(/^Cannot replace work by my_work: \S*fix.c and \S*more.c both define it; give it another name in one of them$/) });
    expect(await refusalOf({ ...both, more: "int unrelated;\n" })).toMatchObject({ message: expect.stringContaining("Cannot replace second by my_second: no file defines it") });
    expect(await refusalOf({ ...both, replacements: both.replacements.slice(0, 1), more: "int unrelated;\n" })).toMatchObject({ kind: "usage", message: expect.stringContaining("more.c holds none of the replacements (my_work)") });
  });

  const good = "int my_work(int n) { return n; }\n";

  test.each<[string, Attempt, object]>([
    ["a function that is not there", { fix: good, replacements: [{ old: "wrok", by: "my_work" }] }, { kind: "unknown-function" }],
    ["a replacement that is not there", { fix: good, replacements: [{ old: "work", by: "mine" }] }, { kind: "not-patchable", message: expect.stringContaining("the file does not define it") }],
    ["a name that two units have", { fix: good, replacements: [{ old: "help", by: "my_work" }] }, { kind: "not-patchable", message: expect.stringMatching(/has it in [ab]\.c, [ab]\.c; say which, as [ab]\.c:help/) }],
    ["functions of two units", { fix: good, replacements: [{ old: "work", by: "my_work" }, { old: "second", by: "my_work" }] }, { kind: "not-patchable", message: expect.stringContaining("write a file for each") }],
    ["a static variable of another unit", { fix: "extern volatile int lonely; int my_work(int n) { return n + lonely; }\n", replacements: [{ old: "work", by: "my_work" }] },
      { kind: "not-patchable", message: expect.stringContaining("variable lonely is static in b.c, and the file may use what a.c can see") }],
    ["a structure that is laid out otherwise", { fix: "struct state { long calls, sum; }; extern struct state state; int my_work(int n) { return n + state.calls; }\n", replacements: [{ old: "work", by: "my_work" }] },
      { kind: "not-patchable", message: expect.stringContaining("struct state") }],
    ["another signature", { fix: "int my_work(int n, int more) { return n + more; }\n", replacements: [{ old: "work", by: "my_work" }] },
      { kind: "not-patchable", message: expect.stringContaining("function my_work takes 2 parameters instead of 1, and those who call work go on calling as they did") }],
    ["a file that does not compile", { fix: "int my_work(int n) { return m; }\n", replacements: [{ old: "work", by: "my_work" }] }, { kind: "compile-error" }],
    ["a program without debug information", { fix: good, isStripped: true, replacements: [{ old: "work", by: "my_work" }] }, { kind: "no-debug-information" }],
    ["no way to compile", { fix: good, withSource: false, replacements: [{ old: "work", by: "my_work" }] }, { kind: "usage" }],
    ["a callee whose callers may count on it, where that cannot be found out", { fix: good, withSource: false, options: { command: ["gcc", "-O2"] }, replacements: [{ old: "work", by: "my_work" }] },
      { kind: "not-patchable", message: expect.stringContaining("may count on the registers or the memory that it leaves alone (-fipa-ra, -fipa-pure-const, -fipa-modref); name the source tree with --source") }],
  ])("%s", async (_, attempt, found) => {
    expect(await refusalOf(attempt)).toMatchObject(found);
  });

  describe("a file that was edited meanwhile:", () => {
    // Edited by the compiler itself, as a user who saves would, when it runs with these words in its command.
    test.each([
      ["the author's own", "*'/fix.o'", "fix.c", "echo '/* more */' >> fix.c"],
      ["the author's own, and put back", "*'/fix.o'", "fix.c", "cp -p fix.c kept; echo 'int more;' >> fix.c; (cd \"$OLDPWD\"; gcc \"$@\"); mv kept fix.c; exit"],
      ["one that the author's includes", "*'/fix.o'", "fix.h", "echo '#define MORE 2' > fix.h"],
      ["one of the unit", "*'/original.o'", "state.h", "echo '/* more */' >> tree/state.h"],
    ])("%s", async (_, words, edited, line) => {
      using tree = openSourceTree(files);
      const compiler = join(tree.directory, "compiler");
      const write = (action: string): void => {
        writeFileSync(compiler, `#!/bin/bash\nif [[ "$*" == ${words} ]] && mkdir '${tree.directory}/edited' 2>/dev/null; then cd '${tree.directory}'; ${action}; cd "$OLDPWD"; fi\nexec gcc "$@"\n`);
        chmodSync(compiler, 0o755);
      };
      write(":");
      const program = await buildTree(tree, [{ file: "main.c" }, { file: "a.c", compiler }, { file: "b.c" }]);
      const file = join(tree.directory, "fix.c");
      writeFileSync(join(tree.directory, "fix.h"), "#define MORE 1\n");
      writeFileSync(file, `#include "fix.h"\n${good}`);
      const build = () => createReplacementImage(tracer, [file], { name: "fix", target: program, source: tree.root, replacements: [{ old: "work", by: "my_work" }] });
      write(line);
      await expect(build()).rejects.toMatchObject({ kind: "source-mismatch", data: { file: expect.stringMatching(new RegExp(`(^|/)${edited.replace(".", "\\.")}$`)) }, message: expect.stringContaining("changed while the build ran") });
      expect(existsSync(join(tree.directory, "edited"))).toBe(true);
      expect((await build()).manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["work"]);
    });
  });

  test("a source tree that is not the one that built the program", async () => {
    using tree = openSourceTree(files);
    const program = await buildTree(tree, compilations);
    tree.write({ "a.c": (files["a.c"] ?? "").replace("own++; return help(n) + own;", "own++; return help(n) - own;") });
    const file = join(tree.directory, "fix.c");
    writeFileSync(file, good);
    await expect(createReplacementImage(tracer, [file], { target: program, source: tree.root, replacements: [{ old: "work", by: "my_work" }] }))
      .rejects.toMatchObject({ kind: "source-mismatch", message: expect.stringContaining("work differs at offset") });
  });

  test("a function of which the compiler has put a copy elsewhere", async () => {
    using tree = openSourceTree({ "main.c": asking, "a.c": "int inner(int n) { return n * n * n + 5; }\nint answer(int n) { return inner(n) + n; }\n" });
    const program = await buildTree(tree, [{ file: "main.c" }, { file: "a.c" }]);
    const file = join(tree.directory, "fix.c");
    writeFileSync(file, "int mine(int n) { return n; }\n");
    await expect(createReplacementImage(tracer, [file], { target: program, source: tree.root, replacements: [{ old: "inner", by: "mine" }] })).rejects.toMatchObject({
      kind: "not-patchable", message: "Cannot replace inner: the compiler has put a copy of it into answer, which would go on running the old code; replace that one too, or make the patch from a diff",
    });
  });

  test.each([
    ["keeps values in registers that it leaves alone", "-O2", "int kept = n * 7;\n  for (int i = 0; i < n; i++) kept += leaf(kept + i) ^ n;\n  return kept;"],
    ["calls once for many times, as it leaves memory alone", "-O1", "int kept = 0;\n  for (volatile int i = 0; i < n; i++) kept += leaf(n);\n  return kept;"],
    ["does not call at all, as nothing would come of it", "-O1", "leaf(n);\n  return n;"],
  ])("a function whose caller %s", async (_, level, body) => {
    using tree = openSourceTree({ "main.c": asking, "a.c": `${noinline} int leaf(int n) { return n * n + 3; }\nint answer(int n) {\n  ${body}\n}\n` });
    const program = await buildTree(tree, [{ file: "main.c" }, { file: "a.c", flags: ["-g", level] }]);
    const file = join(tree.directory, "fix.c");
    writeFileSync(file, "int mine(int n) { return n * n + 4; }\n");
    await expect(createReplacementImage(tracer, [file], { target: program, source: tree.root, replacements: [{ old: "leaf", by: "mine" }] }))
      .rejects.toMatchObject({ kind: "not-patchable", message: "Cannot replace leaf: its caller answer counts on the registers or the memory that it leaves alone (-fipa-ra, -fipa-pure-const, -fipa-modref); make the patch from a diff, which replaces the caller too" });
  });
});
