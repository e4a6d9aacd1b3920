// Sources that somebody edits while a build runs. The compiler of these trees is a script that edits one at a given moment, as a user who saves would.

import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { createPatchImage } from "../../native/create/mod.ts";
import type { CreatedPatch } from "../../native/create/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { asking, buildTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { SourceTree } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

// Long enough to be worth keeping. `tails` and `far` have the assembler shorten a jump, so that the proof asks for more than one object.
const source = `#include "factor.h"
#include "lib/l.h"
int sink;
__attribute__((noinline)) int far(int a) { sink += a; return a * 77 + sink; }
__attribute__((noinline)) int tails(int a) { sink = a * 5; return far(a + 1); }
__attribute__((noinline)) int unrelated(int a) { return a * FACTOR + 3000 * sink; }
int answer(int a) { return a * 1001 + STEP + unrelated(a) + tails(a); }
${"/* Nothing follows. */\n".repeat(200)}`;
const files = { "main.c": asking, "a.c": source, "factor.h": "#define FACTOR 7\n", "t.h": "#define STEP 1\n", "step.h": "#define STEP 2\n", "lib/l.h": "#include \"../t.h\"\n" };

interface Edited extends Disposable {
  readonly tree: SourceTree;
  readonly edited: string;
  /** The next compiler with these words in its command runs the line first in the tree, once; all of them `always`. */
  when(words: string, line: string, always?: string): void;
  /** The program of the sources as they are now. */
  rebuild(): Promise<void>;
  /** Of a diff that touches a.c and t.h, which lib/l.h reaches by `..`, and which takes step.h in. */
  build(): Promise<CreatedPatch>;
}

async function open(): Promise<Edited> {
  const tree = openSourceTree(files);
  const [compiler, edited] = [join(tree.directory, "compiler"), join(tree.directory, "edited")];
  const when = (words: string, line: string, always = ":"): void => {
    writeFileSync(compiler, `#!/bin/bash\n${always}\nif [[ "$PWD $* " == ${words} ]] && mkdir '${edited}' 2>/dev/null; then cd '${tree.root}'; ${line}; cd "$OLDPWD"; fi\nexec gcc "$@"\n`);
    chmodSync(compiler, 0o755);
  };
  when("never", ":");
  const compile = () => buildTree(tree, [{ file: "main.c" }, { file: "a.c", compiler }]);
  const program = await compile();
  const makeDiff = () => tree.diff("fix", { "a.c": readFileSync(join(tree.root, "a.c"), "utf8").replace("a * 1001", "a * 1002"), "t.h": "#include \"step.h\"\n" });
  let diff = makeDiff();
  return {
    tree, when, edited,
    rebuild: async () => {
      await compile();
      diff = makeDiff();
    },
    build: () => createPatchImage(tracer, [diff], { source: tree.root, target: program, objectCache: join(tree.directory, "objects") }),
    [Symbol.dispose]: () => tree[Symbol.dispose](),
  };
}

test("createPatchImage() keeps no proof of a tree that was edited while the unit as it was was compiled", async () => {
  using tried = await open();
  tried.when("*/tree*' -S '*", "echo '#define FACTOR 9' > factor.h; sleep 0.2");
  await expect(tried.build()).rejects.toMatchObject({ kind: "source-mismatch", data: { file: "factor.h" } });
  expect(existsSync(tried.edited)).toBe(true);
  // The program has 7.
  await expect(tried.build()).rejects.toMatchObject({ kind: "source-mismatch" });
  tried.tree.write({ "factor.h": files["factor.h"] });
  expect((await tried.build()).manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["answer"]);
});

// By the directories in which they are compiled.
const original = "*/suture-test-*";
const patched = "*/suture-??????/tree*";
test.each([
  ["between the readings of its two sides", `${original}' -E '*`, "gcc \"$@\"; echo '#define FACTOR 9' > factor.h; exit", "factor.h"],
  ["while it is compiled", `${original}' -S '*`, "echo '#define FACTOR 9' > factor.h", "factor.h"],
  ["in a file of the diff, once that was read", `${original}' -S '*`, "echo 'int more;' >> a.c", "a.c"],
  ["so that a file is gone", `${patched}' -x cpp-output '*`, "rm factor.h", "factor.h"],
])("createPatchImage() refuses a tree that was edited %s", async (_, words, line, file) => {
  using tried = await open();
  tried.when(words, line);
  await expect(tried.build()).rejects.toMatchObject({ kind: "source-mismatch", data: { file }, message: expect.stringContaining(`${file} changed while the build ran`) });
  expect(existsSync(tried.edited)).toBe(true);
});

test("createPatchImage() refuses what a compiler has read by itself of a file that was edited and put back", async () => {
  using tried = await open();
  const refusesText = `[[ " $* " == *' -x cpp-output '* ]] && exit 1`;
  tried.when(`${patched}' -MD '*`, "echo '#define STEP 3' > step.h; (cd \"$OLDPWD\"; gcc \"$@\"); echo '#define STEP 2' > step.h; exit", refusesText);
  await expect(tried.build()).rejects.toMatchObject({ kind: "source-mismatch", data: { file: "step.h" } });
  const { manifest } = await tried.build();
  expect(manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["answer"]);
});

test("createPatchImage() goes on where an edit changes nothing of what is compiled", async () => {
  using tried = await open();
  tried.when(`${original}' -S '*`, "sleep 0.1; echo '#define FACTOR 7 /* of old */' > factor.h; touch lib/l.h another.h");
  tried.tree.write({ "factor.h": files["factor.h"] });
  const { manifest } = await tried.build();
  expect(existsSync(tried.edited)).toBe(true);
  expect(manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["answer"]);
});

// What an assembler reads by itself is in no text of a preprocessor.
test.each([
  ["edited", `${patched}' -x cpp-output '*`, "echo 'addl $5, %eax' > step.inc", { file: "step.inc" }],
  ["edited and put back", `${patched}' -x cpp-output '*`, "cp -p step.inc kept; echo 'addl $5, %eax' > step.inc; (cd \"$OLDPWD\"; gcc \"$@\"); mv kept step.inc; exit", { file: "step.inc" }],
])("createPatchImage() refuses a tree of which a file that the assembler reads was %s", async (_, words, line, data) => {
  using tried = await open();
  tried.tree.write({ "a.c": source.replace("int answer(int a) {", "int answer(int a) { __asm__ volatile(\".include \\\"step.inc\\\"\" : \"+a\"(a));"), "step.inc": "addl $1, %eax\n" });
  await tried.rebuild();
  // By then the original, which is proved, has been made, and been assembled once more.
  const assembled = join(tried.tree.directory, "assembled");
  writeFileSync(assembled, "");
  tried.when(words, `until [ $(wc -l < '${assembled}') = 2 ]; do sleep 0.01; done; ${line}`, `[[ " $* " == *' -x assembler '* ]] && { gcc "$@" && echo >> '${assembled}'; exit; }`);
  await expect(tried.build()).rejects.toMatchObject({ kind: "source-mismatch", data });
  expect(existsSync(tried.edited)).toBe(true);
  tried.tree.write({ "step.inc": "addl $1, %eax\n" });
  expect((await tried.build()).manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["answer"]);
});
