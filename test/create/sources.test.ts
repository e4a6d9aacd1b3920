// What a patch can be made from: every sort of diff and of source tree, on live processes. Each program answers 1 with
// one number before the patch and after its revert, and with another while it is in.

import { chmodSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { applyDiffs } from "../../native/create/apply-diff.ts";
import { captureCompileCommands, diffSourceTrees } from "../../native/create/mod.ts";
import type { SourceDiff } from "../../native/create/mod.ts";
import { createShadowTree } from "../../native/create/source-tree.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, lifted, refused, startTarget } from "../support/mod.ts";
import type { Beside } from "../support/mod.ts";
import { answersAround, asking, buildTree, patchTree } from "./live-tree.ts";
import type { Compilation } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { Files, SourceTree } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const noinline = "__attribute__((noinline))";

interface Situation {
  readonly files: Files;
  readonly compilations: readonly Compilation[];
  readonly diffs: (tree: SourceTree) => readonly SourceDiff[];
  readonly questions?: readonly number[];
}

async function answersOf({ files, compilations, diffs, questions }: Situation, beside: Beside = (_, act) => act()) {
  using tree = openSourceTree({ "main.c": asking, ...files });
  const program = await buildTree(tree, [{ file: "main.c" }, ...compilations]);
  const created = await beside(program, () => patchTree(tracer, { tree, program }, diffs(tree)));
  return { ...created, answers: await answersAround(tracer, program, created.image, questions) };
}

const single = "int answer(int n) {\n  return n * n * n + 10;\n}\n";

describe("createPatchImage() takes", () => {
  test("several diffs, two of them for one file, in their order", async () => {
    const { manifest, answers } = await answersOf({
      files: { "a.c": "int two(int n);\nint answer(int n) {\n  return two(n) + 10;\n}\n", "b.c": "int two(int n) {\n  return n * n * n * 2;\n}\n" },
      compilations: [{ file: "a.c" }, { file: "b.c" }],
      diffs: (tree) => {
        const first = tree.diff("first", { "a.c": "int two(int n);\nint answer(int n) {\n  return two(n) + 20;\n}\n" });
        const second: SourceDiff = { name: "second", text: "--- a/a.c\n+++ b/a.c\n@@ -1,4 +1,4 @@\n int two(int n);\n int answer(int n) {\n-  return two(n) + 20;\n+  return two(n) + 30;\n }\n" };
        return [first, second, tree.diff("third", { "b.c": "int two(int n) {\n  return n * n * n * 3;\n}\n" })];
      },
    });
    expect(answers).toEqual([["12"], ["33"], ["12"]]);
    expect(manifest.diffs.map(({ name }) => name)).toEqual(["first", "second", "third"]);
  });

  test(lifted("X10", "a changed header: every unit whose code it reaches is patched, a header that the build made among them"), async () => {
    const { manifest, answers } = await answersOf({
      files: {
        "inc/limit.h": "#include \"made.h\"\n#define LIMIT (MADE + 1)\n", "inc/made.h": "/* made by configure */\n#define MADE 4\n",
        "a.c": `#include "limit.h"\nint other(void);\nint answer(int n) { return n + LIMIT * 100 + other(); }\n`,
        "b.c": `#include "limit.h"\nint other(void) { return LIMIT; }\n`, "c.c": "#include \"limit.h\"\nint unconcerned(void) { return 3; }\n",
      },
      compilations: ["a.c", "b.c", "c.c"].map((file) => ({ file, flags: ["-g", "-O2", "-Iinc"] })),
      diffs: (tree) => [tree.diff("fix", { "inc/made.h": "/* made by configure */\n#define MADE 6\n" })],
    });
    expect(answers).toEqual([["506"], ["708"], ["506"]]);
    expect(manifest.objects[0]?.functions.map(({ name, unit }) => `${unit} ${name}`).sort()).toEqual(["a.c answer", "b.c other"]);
  });

  test(lifted("X1", "__LINE__, __FILE__ and assert below a hunk that adds lines: what holds them is no part of the patch, and in what is they are the old ones"), async () => {
    const unit = (first: string) => `#include <assert.h>
#include <string.h>
${noinline} int changed(int n) {
${first}  return n * 1000;
}
${noinline} int below(int n) { assert(n != __LINE__); return __LINE__ * 10 + (int)strlen(__FILE__); }
int answer(int n) {
  assert(n != __LINE__);
  return changed(n) + below(n) + __LINE__ + INLINED;
}
`;
    const { manifest, answers } = await answersOf({
      files: { "a.c": unit("").replace("INLINED", "0") }, compilations: [{ file: "a.c" }],
      diffs: (tree) => [tree.diff("fix", { "a.c": unit("  n++;\n\n\n\n").replace("INLINED", "20000") })],
    });
    expect(manifest.objects[0]?.functions.map(({ name }) => name).sort()).toEqual(["answer", "changed"]);
    expect(answers).toEqual([["1072"], ["22072"], ["1072"]]);
  });

  test(lifted("X7", "one file compiled twice with different flags: its functions and statics are told apart"), async () => {
    const unit = (factor: number) => `static int calls;\nint NAME(int n) {\n  return ++calls * 1000 + n * WEIGHT * ${factor};\n}\n`;
    const { manifest, answers } = await answersOf({
      files: { "unit.c": unit(1), "a.c": "int light(int), heavy(int);\nint answer(int n) { return n == 2 ? light(n) : heavy(n); }\n" },
      compilations: [{ file: "a.c" }, { file: "unit.c", flags: ["-g", "-O2", "-DNAME=light", "-DWEIGHT=2"] }, { file: "unit.c", flags: ["-g", "-O2", "-DNAME=heavy", "-DWEIGHT=9"] }],
      diffs: (tree) => [tree.diff("fix", { "unit.c": unit(10) })], questions: [2, 3, 3],
    });
    expect(answers).toEqual([["1004", "1027", "2027"], ["2040", "3270", "4270"], ["3004", "5027", "6027"]]);
    expect(manifest.objects[0]?.functions.map(({ name }) => name).sort()).toEqual(["heavy", "light"]);
  });

  test(lifted("X23", "a build that measures itself and compiles everything again with that profile (-fprofile-use)"), async () => {
    const unit = (factor: number): string => `#include <stdlib.h>\nint answer(int n) {\n  int sum = 0;\n  if (n > 1000) abort();\n  for (int i = 0; i < n; i++) sum += i % 3 == 0 ? ${factor} : i;\n  return sum;\n}\n`;
    const script = ["-fprofile-generate", "-fprofile-use"].map((profile) => ["a.c", "main.c"].map((file) => `gcc -g -O2 ${profile} -c ${file} -o ${file}.o`).join("\n") + `\ngcc ${profile} -Wl,--build-id -o program a.c.o main.c.o\n`).join("for n in 5 6 7 8 9; do echo $n; done | ./program > answers\n");
    using tree = openSourceTree({ "main.c": asking, "a.c": unit(1), "build.sh": `set -e\n${script}` });
    const commands = await captureCompileCommands(["sh", "build.sh"], { directory: tree.root });
    expect(commands.map(({ arguments: words }) => words.includes("-fprofile-use"))).toEqual([true, true]);
    const program = join(tree.root, "program");
    const { image } = await patchTree(tracer, { tree, program }, [tree.diff("fix", { "a.c": unit(2) })]);
    expect(await answersAround(tracer, program, image, [7])).toEqual([["15"], ["18"], ["15"]]);
  });

  test(lifted("X7", "same-named files in different folders, with same-named static functions and variables"), async () => {
    const unit = (name: string, step: number) =>
      `static int state = ${step};\nstatic ${noinline} int help(int n) {\n  state += ${step};\n  return state + n;\n}\nint ${name}(int n) { return help(n); }\n`;
    const { manifest, answers } = await answersOf({
      files: { "a/util.c": unit("first", 1), "b/util.c": unit("second", 100), "main2.c": "int first(int), second(int);\nint answer(int n) { return n == 1 ? first(n) : second(n); }\n" },
      compilations: [{ file: "a/util.c" }, { file: "b/util.c" }, { file: "main2.c" }],
      diffs: (tree) => [tree.diff("fix", { "b/util.c": unit("second", 100).replace("state + n", "state - n") })], questions: [1, 2],
    });
    expect(answers).toEqual([["3", "202"], ["4", "298"], ["5", "402"]]);
    expect(manifest.objects[0]?.functions.map(({ name, unit: from }) => `${from} ${name}`)).toEqual(["b/util.c help"]);
  });

  test.each(["with-dash.c", "with blank.c", "co$t.c", "quo\"te's.c", "größe.c", "back\\slash.c", "100%+(1)[2].c", "#hash.c", "-leading.c"])(
    lifted("X19", "file names that are no C identifiers") + ": %s", async (name) => {
      const { manifest, answers } = await answersOf({
        files: { [`dir of ${name}/${name}`]: single }, compilations: [{ file: `dir of ${name}/${name}` }],
        diffs: (tree) => [tree.diff("fix", { [`dir of ${name}/${name}`]: single.replace("10", "20") })],
      });
      expect(answers).toEqual([["11"], ["21"], ["11"]]);
      expect(manifest.objects[0]?.functions[0]?.unit).toBe(`dir of ${name}/${name}`);
    });

  test("the diff of a source that the build made", async () => {
    const made = (add: number) => `#line 3 "grammar.y"\nint answer(int n) {\n#line 4 "grammar.y"\n  return n * n * n + ${add};\n}\n`;
    const { answers } = await answersOf({
      files: { "grammar.y": "...\n", "grammar.c": made(10) }, compilations: [{ file: "grammar.c" }],
      diffs: (tree) => [tree.diff("fix", { "grammar.y": "....\n", "grammar.c": made(20) })],
    });
    expect(answers).toEqual([["11"], ["21"], ["11"]]);
  });

  test.each([[0, ""], [1, "a/"], [2, "one/two/"], [3, "one//two/three/"]])("paths with %i leading directories to strip", async (strip, prefix) => {
    using tree = openSourceTree({ "main.c": asking, "src/a.c": single });
    const program = await buildTree(tree, [{ file: "main.c" }, { file: "src/a.c" }]);
    const text = tree.diff("fix", { "src/a.c": single.replace("10", "20") }).text.replaceAll(/^(---|\+\+\+) [ab]\//gm, `$1 ${prefix}`);
    const { image } = await patchTree(tracer, { tree, program, options: { strip } }, [{ name: "fix", text }]);
    expect(await answersAround(tracer, program, image)).toEqual([["11"], ["21"], ["11"]]);
  });

  test("what git writes: a quoted name, a changed mode, a renamed and a deleted header, a new one, a binary file that is no source", async () => {
    const { manifest, answers, notes } = await answersOf({
      files: {
        "größe.c": "#include \"old.h\"\nint answer(int n) {\n  return n * n * n + ADD;\n}\n", "old.h": "#define ADD 10\n", "gone.h": "#define GONE 1\n", "logo.png": "\0",
      },
      compilations: [{ file: "größe.c" }],
      diffs: () => [{ name: "fix", text: [
        'diff --git "a/gr\\303\\266\\303\\237e.c" "b/gr\\303\\266\\303\\237e.c"', "old mode 100644", "new mode 100755", "index 1..2",
        '--- "a/gr\\303\\266\\303\\237e.c"', '+++ "b/gr\\303\\266\\303\\237e.c"', "@@ -1,4 +1,4 @@", '-#include "old.h"', '+#include "new.h"', " int answer(int n) {", "   return n * n * n + ADD;", " }",
        "diff --git a/old.h b/renamed.h", "similarity index 50%", "rename from old.h", "rename to renamed.h", "--- a/old.h", "+++ b/renamed.h", "@@ -1 +1 @@", "-#define ADD 10", "+#define ADD 20",
        "diff --git a/gone.h b/gone.h", "deleted file mode 100644", "--- a/gone.h", "+++ /dev/null", "@@ -1 +0,0 @@", "-#define GONE 1",
        "diff --git a/new.h b/new.h", "new file mode 100644", "--- /dev/null", "+++ b/new.h", "@@ -0,0 +1 @@", '+#include "renamed.h"',
        "diff --git a/logo.png b/logo.png", "index 1..2 100644", "Binary files a/logo.png and b/logo.png differ", "",
      ].join("\n") }],
    });
    expect(answers).toEqual([["11"], ["21"], ["11"]]);
    expect(manifest.objects[0]?.functions).toMatchObject([{ name: "answer", unit: "größe.c" }]);
    expect(notes).toContain("Left out, being no source that is compiled: logo.png");
  });

  test("a diff that changes the build too, and says what of it is no part of the patch", async () => {
    const { manifest, answers, notes } = await answersOf({
      files: { "a.c": single, Makefile: "CFLAGS = -O2\n", "README.md": "one\n" }, compilations: [{ file: "a.c" }],
      diffs: (tree) => [tree.diff("fix", { "a.c": single.replace("10", "20"), Makefile: "CFLAGS = -O3\n", "README.md": "two\n" })],
    });
    expect(answers).toEqual([["11"], ["21"], ["11"]]);
    expect(notes).toEqual([
      "Left out, as a patch is compiled with the flags that built the running program: Makefile; build the program anew if the fix needs other flags",
      "Left out, being no source that is compiled: README.md",
    ]);
    expect(manifest.build?.notes).toEqual(notes);
  });

  test("files with carriage returns", async () => {
    const dos = single.replaceAll("\n", "\r\n");
    const { answers } = await answersOf({ files: { "a.c": dos }, compilations: [{ file: "a.c" }], diffs: (tree) => [tree.diff("fix", { "a.c": dos.replace("10", "20") })] });
    expect(answers).toEqual([["11"], ["21"], ["11"]]);
  });
});

refused("X10", "a diff of what a source was made from, without that source", "the diff changes grammar.y, from which grammar.c was made, and not grammar.c", (beside) => answersOf({
  files: { "grammar.y": "...\n", "grammar.c": `#line 3 "grammar.y"\n${single}`, "a.c": "int unrelated(int n) { return n; }\n" }, compilations: [{ file: "grammar.c" }, { file: "a.c" }],
  diffs: (tree) => [tree.diff("fix", { "grammar.y": "....\n", "a.c": "int unrelated(int n) { return n + 1; }\n" })],
}, beside));

describe("diffSourceTrees()", () => {
  test("makes a patch from a new version's tree, which was not built, and leaves what the build made as it is", async () => {
    using tree = openSourceTree({ "main.c": asking, "src/a.c": `#include "made.h"\n${single.replace("10", "MADE")}`, "src/made.h": "#define MADE 10\n", "doc/a.txt": "one\n" });
    const program = await buildTree(tree, [{ file: "main.c" }, { file: "src/a.c", flags: ["-g", "-O2", "-Isrc"] }]);
    using changed = openSourceTree({ "main.c": asking, "src/a.c": `#include "made.h"\n#include "more.h"\n${single.replace("10", "MADE + MORE")}`, "src/more.h": "#define MORE 10\n", "doc/a.txt": "two\n" }, "server-1.1");
    const diff = await diffSourceTrees(tree.root, changed.root);
    const { manifest, image } = await patchTree(tracer, { tree, program }, [diff]);
    expect(await answersAround(tracer, program, image)).toEqual([["11"], ["21"], ["11"]]);
    expect(manifest.diffs[0]?.name).toBe("server-1.1");
    expect(diff.text.match(/^\+\+\+ .*$/gm)).toEqual(["+++ b/src/a.c", "+++ b/src/more.h"]);
  });

  test("takes files with endings of their own that a source includes by way of others, and those that the assembler reads", async () => {
    const files = { "a.c": "#include \"all.parts\"\n__asm__(\".incbin \\\"logo.bin\\\"\");\n", "all.parts": "#include \"steps.parts\"\n", "steps.parts": "#define STEP 1\n", "logo.bin": "A\n", "README": "see \"notes.txt\" and steps.parts\n", "notes.txt": "one\n" };
    using tree = openSourceTree(files);
    using changed = openSourceTree({ ...files, "steps.parts": "#define STEP 2\n", "logo.bin": "B\n", "notes.txt": "two\n" });
    expect((await diffSourceTrees(tree.root, changed.root)).text.match(/^\+\+\+ .*$/gm)).toEqual(["+++ b/logo.bin", "+++ b/steps.parts"]);
  });

  test("says what a tree of awkward names differs in, byte for byte", async () => {
    using tree = openSourceTree({ "a b/q\"uo\\te.c": "int a;", "same.c": "int s;\n", "latin.c": "// \xe9\nint l;\n" });
    using changed = openSourceTree({ "a b/q\"uo\\te.c": "int a;\nint b;", "same.c": "int s;\n", "latin.c": "// \xe9\nint l2;\n", "- new.c": "int n;\n" });
    const diff = await diffSourceTrees(tree.root, changed.root);
    await using shadow = createShadowTree(tree.root);
    const { touched } = await applyDiffs(shadow, [diff]);
    for (const { path, patched } of touched) expect(Buffer.from(patched ?? [])).toEqual(readFileSync(join(changed.root, path)));
    expect(touched.map(({ path }) => path).sort()).toEqual(["- new.c", "a b/q\"uo\\te.c", "latin.c"]);
  });

  test("refuses trees that do not differ", async () => {
    using tree = openSourceTree({ "a.c": single });
    using same = openSourceTree({ "a.c": single });
    await expect(diffSourceTrees(tree.root, same.root)).rejects.toMatchObject({ kind: "nothing-to-patch" });
    await expect(diffSourceTrees(tree.root, tree.root)).rejects.toMatchObject({ kind: "nothing-to-patch", message: expect.stringContaining("they are one directory") });
    await expect(diffSourceTrees(tree.root, join(tree.root, "none"))).rejects.toMatchObject({ kind: "file-not-found" });
  });
});

describe("the recorded compiler compiles the patch, whatever it is called", () => {
  const script = (tree: SourceTree, name: string, text: string): string => {
    const path = join(tree.directory, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const plain = ["-g", "-O2"];
  interface Called {
    readonly words: readonly [compiler: string, ...flags: readonly string[]];
    /** As the image has it, where that is another one. */
    readonly command?: readonly string[];
    readonly producer?: RegExp;
  }
  const cases: readonly (readonly [string, (tree: SourceTree) => Called])[] = [
    [lifted("X22", "a compiler with the target's name before its own (x86_64-linux-gnu-gcc)"), () => ({ words: ["x86_64-linux-gnu-gcc", ...plain] })],
    [lifted("X22", "a compiler that is told its target (clang --target=x86_64-linux-gnu)"), () => ({ words: ["clang", "--target=x86_64-linux-gnu", ...plain], producer: /clang version/ })],
    [lifted("X22", "a compiler at another path, by a link"), (tree) => { symlinkSync(execFileSync("which", ["gcc"]).toString().trim(), join(tree.directory, "cc")); return { words: [join(tree.directory, "cc"), ...plain] }; }],
    [lifted("X22", "a script around the compiler"), (tree) => ({ words: [script(tree, "cc-wrapper", 'exec gcc "$@"'), ...plain] })],
    [lifted("X22", "a program that starts the compiler, such as ccache or distcc"), (tree) => ({ words: [script(tree, "distcc", 'exec "$@"'), "gcc", ...plain], command: ["gcc", ...plain] })],
  ];
  test.each(cases)("%s", async (_, calledIn) => {
    using tree = openSourceTree({ "main.c": asking, "a.c": single });
    const { words: [compiler, ...flags], command = [compiler, ...flags], producer = /^GNU C/ } = calledIn(tree);
    const program = await buildTree(tree, [{ file: "main.c" }, { file: "a.c", compiler, flags }]);
    const { manifest, image } = await patchTree(tracer, { tree, program }, [tree.diff("fix", { "a.c": single.replace("10", "20") })]);
    expect(await answersAround(tracer, program, image)).toEqual([["11"], ["21"], ["11"]]);
    expect(manifest.build?.units).toMatchObject([{ unit: "a.c", command, producer: expect.stringMatching(producer) }]);
  });
});

refused("X22", "a program for another machine, of which no process runs here: by name of the machine", "it is for aarch64, and programs for x86-64 can be patched", async () => {
  using tree = openSourceTree({ "a.c": `void _start(void) {}\n${single}` });
  const program = join(tree.directory, "program");
  execFileSync("clang", ["--target=aarch64-linux-gnu", "-nostdlib", "-static", "-fuse-ld=lld", "-Wl,--build-id", "-g", "-o", program, "a.c"], { cwd: tree.root });
  tree.record("--target=aarch64-linux-gnu -g -c a.c");
  return await patchTree(tracer, { tree, program }, [tree.diff("fix", { "a.c": "int answer(int n) { return n; }\n" })]);
}, { withoutProcess: "this machine cannot run it" });

refused("X22", "a compile command that makes code for another machine", "its compile command makes code for aarch64, and programs for x86-64 can be patched", async (beside) => {
  using tree = openSourceTree({ "main.c": asking, "a.c": single });
  const program = await buildTree(tree, [{ file: "main.c" }, { file: "a.c" }]);
  tree.write({ "compile_commands.json": JSON.stringify([{ directory: tree.root, file: "a.c", arguments: ["clang", "--target=aarch64-linux-gnu", "-g", "-O2", "-c", "a.c", "-o", "a.o"] }]) });
  return await beside(program, () => patchTree(tracer, { tree, program }, [tree.diff("fix", { "a.c": single.replace("10", "20") })]));
});

refused("X22", "a compile command that makes 32-bit code for a 64-bit program", "its compile command makes code for a 32-bit machine, and programs for x86-64 can be patched", async (beside) => {
  using tree = openSourceTree({ "main.c": asking, "a.c": single });
  const program = await buildTree(tree, [{ file: "main.c" }, { file: "a.c" }]);
  tree.write({ "compile_commands.json": JSON.stringify([{ directory: tree.root, file: "a.c", arguments: ["gcc", "-m32", "-g", "-O2", "-c", "a.c", "-o", "a.o"] }]) });
  return await beside(program, () => patchTree(tracer, { tree, program }, [tree.diff("fix", { "a.c": single.replace("10", "20") })]));
});

describe("32-bit code", () => {
  const attempt = async (flags: readonly string[], act: (program: string, build: () => Promise<unknown>) => Promise<unknown>): Promise<unknown> => {
    const { program, source } = await compileTarget("thirty-two-bit.c", { flags: [...flags, "-g", "-nostdlib", "-fno-pic", "-fno-stack-protector"], link: [...flags, "-nostdlib", "-static", "-no-pie", "-Wl,--build-id"] });
    using tree = openSourceTree({ "a.c": readFileSync(source, "utf8") });
    tree.record([...flags, "-g", "-nostdlib", "-fno-pic", "-c", "a.c"].join(" "));
    return await act(program, () => patchTree(tracer, { tree, program }, [tree.diff("fix", { "a.c": readFileSync(source, "utf8").replace("call(29, 0, 0, 0)", "call(29, 1, 0, 0)") })]));
  };
  refused("X22", "a program for i386, which runs", "it is not 64-bit; only 64-bit little-endian files are supported", (beside) => attempt(["-m32"], async (program, build) => {
    await using target = await startTarget(program);
    return await beside(target.pid, build);
  }));
  refused("X22", "a program for x32 (-mx32), which kernels seldom run", "it is not 64-bit; only 64-bit little-endian files are supported", () => attempt(["-mx32"], (_, build) => build()), { withoutProcess: "this kernel may not run it" });
});
