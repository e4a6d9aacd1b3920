import { chmodSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { compileObjectPairs } from "../../native/create/compile.ts";
import type { CreateOptions, OriginalUnit } from "../../native/create/types.ts";
import { compileTree, openSourceTree } from "./source-tree.ts";
import type { SourceTree } from "./source-tree.ts";

const source = "int answer(int a) { return a + 1; }\nint other(int a) { return a * 3; }\nconst char *file(void) { return __FILE__; }\n";
const fixed = source.replace("a + 1", "a + 2");

function open(files: Readonly<Record<string, string>>, ...commands: readonly string[]): SourceTree {
  const tree = openSourceTree(files);
  tree.record(...commands);
  return tree;
}

async function refusal(tree: SourceTree, changed: Readonly<Record<string, string | null>>, options: Partial<CreateOptions> = {}): Promise<unknown> {
  const diff = tree.diff("fix", changed);
  return compileTree(tree, [diff], options).then(() => undefined, (failure: unknown) => failure);
}

/** One entry with everything that an entry can say. */
function record(tree: SourceTree, entry: { directory: string; file: string; arguments: readonly string[] }): void {
  tree.write({ "compile_commands.json": JSON.stringify([entry]) });
}

test("compileObjectPairs() gives each function a section and changes only what the diff changes", async () => {
  using tree = open({ "src/a.c": source }, "-O2 -g -c -o a.o src/a.c");
  const before = tree.contents();
  const { units, progress } = await compileTree(tree, [tree.diff("fix", { "src/a.c": fixed })]);
  expect(units).toMatchObject([{ unit: "src/a.c", spelled: "src/a.c", differing: [".text.answer"] }]);
  expect([...units[0]?.plain.keys() ?? []]).toContain(".text");
  expect(progress.map(({ step }) => step)).toEqual(["search", "units", "compiling", "compiling", "compiled", "compiled"]);
  expect(tree.contents()).toEqual(before);
});

test("compileObjectPairs() removes its files when it is done and when it fails", async () => {
  using tree = open({ "a.c": source }, "-c a.c");
  const temporary = join(tree.directory, "temporary");
  mkdirSync(temporary);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = temporary;
  try {
    expect(tmpdir()).toBe(temporary);
    await compileTree(tree, [tree.diff("fix", { "a.c": fixed })]);
    await refusal(tree, { "a.c": "int a(\n" });
    expect(readdirSync(temporary)).toEqual([]);
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
});

test("compileObjectPairs() hands over each unit as soon as it is compiled as it was, and waits for what is done with it before its files go", async () => {
  using tree = open({ "a.c": source }, "-O2 -c a.c");
  const [assembled, told]: [(Uint8Array | undefined)[], Uint8Array[]] = [[], []];
  const onOriginal = async ({ joined }: OriginalUnit): Promise<void> => {
    await new Promise(setImmediate);
    assembled.push(await joined?.());
  };
  const options = { source: tree.root, target: "none", objectCache: null, jobs: 2 };
  const failing = compileObjectPairs(options, [tree.diff("fix", { "a.c": "int a(\n" })], undefined, { onOriginal });
  await expect(failing).rejects.toMatchObject({ kind: "compile-error" });
  expect(assembled.map((object) => object && String.fromCharCode(...object.slice(1, 4)))).toEqual(["ELF"]);
  await using objects = await compileObjectPairs(options, [tree.diff("fix", { "a.c": fixed })], undefined, { onOriginal: (unit) => Promise.resolve(told.push(unit.original)) });
  expect(told).toEqual(objects.pairs.map(({ original }) => original));
});

test("compileObjectPairs() works with blanks, dashes and dollars in names", async () => {
  using tree = openSourceTree({ "a b/-c$d.c": `#include "-e f.h"\n${source}`, "a b/-e f.h": "\n" }, "my $tree");
  record(tree, { directory: join(tree.root, "a b"), file: "./-c$d.c", arguments: ["gcc", "-O2", "-c", "./-c$d.c"] });
  const { units } = await compileTree(tree, [tree.diff("fix", { "a b/-c$d.c": `#include "-e f.h"\n${fixed}` })]);
  expect(units).toMatchObject([{ unit: "a b/-c$d.c", spelled: "./-c$d.c", differing: [".text.answer"] }]);
});

test("compileObjectPairs() keeps __FILE__ of absolute paths and of recorded prefix maps", async () => {
  for (const more of [[], ["-ffile-prefix-map=ROOT=/build/x"], ["-fmacro-prefix-map=ROOT/src=."]]) {
    using tree = openSourceTree({ "src/a.c": source });
    const words = ["gcc", "-O2", ...more.map((word) => word.replace("ROOT", tree.root)), "-c", join(tree.root, "src/a.c")];
    record(tree, { directory: tree.root, file: "src/a.c", arguments: words });
    const { units } = await compileTree(tree, [tree.diff("fix", { "src/a.c": fixed })]);
    expect(units).toMatchObject([{ differing: [".text.answer"] }]);
  }
});

test("compileObjectPairs() compiles the patched source when the build directory is outside the tree", async () => {
  using tree = openSourceTree({ "src/a.c": `#include "a.h"\n${source}`, "include/a.h": "static inline const char *where(void) { return __FILE__; }\nconst char *there(void) { return where(); }\n" });
  const build = join(tree.directory, "build");
  mkdirSync(build);
  for (const prefix of ["../tree", tree.root]) {
    record(tree, { directory: build, file: `${prefix}/src/a.c`, arguments: ["gcc", "-O2", `-I${prefix}/include`, "-c", `${prefix}/src/a.c`] });
    const { units } = await compileTree(tree, [tree.diff("fix", { "src/a.c": `#include "a.h"\n${fixed}` })]);
    expect(units).toMatchObject([{ unit: "src/a.c", spelled: `${prefix}/src/a.c`, differing: [".text.answer"] }]);
  }
});

test("compileObjectPairs() follows relative includes, links in the tree, and a root named through a link", async () => {
  using tree = open({ "lib/real/a.c": `#include "../up.h"\n${source}`, "lib/up.h": "#define UP 1\n" });
  symlinkSync("real", join(tree.root, "lib/linked"));
  symlinkSync(tree.root, join(tree.directory, "alias"));
  const alias = join(tree.directory, "alias");
  record(tree, { directory: join(alias, "lib/linked"), file: "a.c", arguments: ["gcc", "-O2", "-c", "a.c"] });
  const diff = tree.diff("fix", { "lib/real/a.c": `#include "../up.h"\n${fixed}` });
  for (const root of [tree.root, alias]) {
    const { units } = await compileTree(tree, [diff], { source: root });
    expect(units).toMatchObject([{ unit: "lib/real/a.c", differing: [".text.answer"] }]);
  }
});

// Each leads from a directory in which nothing is patched back to a patched file.
test.each<[string, Readonly<Record<string, string>>, string, Readonly<Record<string, string>>]>([
  ["`../` in a header", { "lib/a.h": "#include \"../inc/n.h\"\n", "inc/n.h": "#define N 1\n", "src/a.c": "#include \"../lib/a.h\"\nint answer(void) { return N; }\n" }, "src/a.c", { "inc/n.h": "#define N 2\n" }],
  ["`../` in a source", { "inc/n.h": "#define N 1\n", "src/a.c": "#include \"../inc/n.h\"\nint answer(void) { return N; }\n" }, "src/a.c", { "inc/n.h": "#define N 2\n" }],
  ["the question for a new file", { "lib/a.h": "#if __has_include(\"../inc/new.h\")\n#define N 2\n#else\n#define N 1\n#endif\n", "inc/n.h": "", "src/a.c": "#include \"../lib/a.h\"\nint answer(void) { return N; }\n" }, "src/a.c",
    { "inc/new.h": "int new;\n", "src/a.c": "#include \"../lib/a.h\"\nint answer(void) { return N; }\n\nint more;\n" }],
])("compileObjectPairs() finds the patched file by %s", async (_, files, file, changed) => {
  using tree = open(files, `-O2 -c ${file}`);
  const { units } = await compileTree(tree, [tree.diff("fix", changed)]);
  expect(units).toMatchObject([{ unit: file, differing: expect.arrayContaining([".text.answer"]) }]);
});

test("compileObjectPairs() finds the patched file from a working directory in which nothing is patched", async () => {
  using tree = openSourceTree({ "src/a.c": `#include "n.h"\nint answer(void) { return N; }\n`, "inc/n.h": "#define N 1\n", "build/x.txt": "" });
  record(tree, { directory: join(tree.root, "build"), file: "../src/a.c", arguments: ["gcc", "-O2", "-I../inc", "-c", "../src/a.c"] });
  const { units } = await compileTree(tree, [tree.diff("fix", { "inc/n.h": "#define N 2\n" })]);
  expect(units).toMatchObject([{ unit: "src/a.c", differing: [".text.answer"] }]);
});

test("compileObjectPairs() compiles the source itself where the compiler does not take its text", async () => {
  using tree = open({ "a.c": source }, "-O2 -c a.c");
  const compiler = join(tree.directory, "compiler");
  writeFileSync(compiler, "#!/bin/sh\ncase \" $* \" in *' -x cpp-output '*) exit 1;; esac\nexec gcc \"$@\"\n");
  chmodSync(compiler, 0o755);
  record(tree, { directory: tree.root, file: "a.c", arguments: [compiler, "-O2", "-c", "a.c"] });
  const { units } = await compileTree(tree, [tree.diff("fix", { "a.c": fixed })]);
  expect(units).toMatchObject([{ unit: "a.c", differing: [".text.answer"] }]);
});

test("compileObjectPairs() refuses a unit that reaches a touched file by a path that no shadow can change", async () => {
  using tree = open({ "h.h": "#define H 1\n" });
  tree.write({ "a.c": `#include "${tree.root}/h.h"\nint h(void) { return H; }\n` });
  tree.record("-c a.c");
  const diff = tree.diff("fix", { "h.h": "#define H 2\n", "a.c": `#include "${tree.root}/h.h"\nint h(void) { return H + 1; }\n` });
  await expect(compileTree(tree, [diff])).rejects.toMatchObject({ kind: "not-patchable", data: { unit: "a.c", file: "h.h" } });
});

test("compileObjectPairs() says which side does not compile, where, and leaves the compiler's text in the data", async () => {
  using tree = open({ "a.c": source }, "-c a.c");
  expect(await refusal(tree, { "a.c": `${source}int broken( { }\n` })).toMatchObject({
    kind: "compile-error",
    message: expect.stringMatching(/^Cannot compile a\.c as patched: a\.c:4: expected /),
    data: { unit: "a.c", side: "patched", file: "a.c", line: 4, output: expect.stringContaining("broken") },
  });
  tree.write({ "a.c": `#include "gone.h"\n${source}` });
  expect(await refusal(tree, { "a.c": `#include "gone.h"\n${fixed}` })).toMatchObject({
    kind: "compile-error",
    message: expect.stringMatching(/^Cannot compile a\.c as it was: a\.c:1: gone\.h: No such file .*; --source has to be the tree/),
    data: { side: "original" },
  });
});

test("compileObjectPairs() refuses a compiler that is not there, and link-time optimisation", async () => {
  using tree = openSourceTree({ "a.c": source });
  record(tree, { directory: tree.root, file: "a.c", arguments: ["no-such-cc", "-c", "a.c"] });
  expect(await refusal(tree, { "a.c": fixed })).toMatchObject({ kind: "missing-tool", message: expect.stringMatching(/^Cannot run no-such-cc: /) });
  tree.record("-O2 -flto=auto -c a.c");
  expect(await refusal(tree, { "a.c": fixed })).toMatchObject({ kind: "not-patchable", message: expect.stringContaining("-fno-lto") });
});

test("compileObjectPairs() lets the caller leave out units before they are compiled", async () => {
  using tree = open({ "a.c": source, "t.c": source }, "-c a.c", "-c t.c");
  const diff = tree.diff("fix", { "a.c": fixed, "t.c": "no C at all\n" });
  const { units } = await compileTree(tree, [diff], {}, (found) => found.filter(({ unit }) => unit === "a.c"));
  expect(units.map(({ unit }) => unit)).toEqual(["a.c"]);
  await expect(compileTree(tree, [diff], {}, () => [])).rejects.toMatchObject({ kind: "nothing-to-patch" });
});

test("compileObjectPairs() compiles only those users of a header whose code it reaches", async () => {
  const files = {
    "h.h": "int f(int a);\n#define N 1\n",
    "a.c": "#include \"h.h\"\nint a(void) { return f(1); }\n",
    "b.c": "#include \"h.h\"\nint b(void) { return N; }\n",
    "f.c": "#include \"h.h\"\nint f(int a) { return a; }\n",
  };
  using tree = open(files, "-O2 -c a.c", "-O2 -c b.c", "-O2 -c f.c");
  const prototype = { "h.h": "int f(int a);\nint g(int a);\n#define N 1\n", "f.c": "#include \"h.h\"\nint g(int a) { return a + 1; }\nint f(int a) { return g(a); }\n" };
  expect((await compileTree(tree, [tree.diff("fix", prototype)])).units.map(({ unit }) => unit)).toEqual(["f.c"]);
  const constant = { "h.h": "int f(int a);\n#define N 2\n" };
  expect((await compileTree(tree, [tree.diff("fix", constant)])).units).toMatchObject([{ unit: "b.c", differing: [".text.b"] }]);
  const comment = { "h.h": "int f(int a); /* f */\n\n\n#define N 1\n" };
  expect(await refusal(tree, comment)).toMatchObject({ kind: "nothing-to-patch", message: expect.stringContaining("the same code: a.c, b.c, f.c") });
});

test("compileObjectPairs() gives both sides one time of day, and files the times that they had", async () => {
  const times = "const char *times(void) { return __DATE__ __TIME__ __TIMESTAMP__; }\n";
  using tree = open({ "a.c": source + times }, "-O2 -c a.c");
  utimesSync(join(tree.root, "a.c"), 1e9, 1e9);
  const { units } = await compileTree(tree, [tree.diff("fix", { "a.c": fixed + times })]);
  expect(units).toMatchObject([{ differing: [".text.answer"] }]);
});

test("compileObjectPairs() compiles C++ and a source that another one includes", async () => {
  using tree = open({ "a.cc": "#include \"part.cc\"\nint outer(int a) { return part<int>(a); }\n", "part.cc": "template <class T> T part(T a) { return a + 1; }\n" }, "-O0 -c a.cc");
  const { units } = await compileTree(tree, [tree.diff("fix", { "part.cc": "template <class T> T part(T a) {\n  return a + 2;\n}\n" })]);
  expect(units).toMatchObject([{ unit: "a.cc", differing: [".text._Z4partIiET_S0_"] }]);
});

test("compileObjectPairs() ignores a precompiled header of the header as it was", async () => {
  using tree = open({ "h.h": "#define H 1\n", "a.c": "#include \"h.h\"\nint h(void) { return H; }\n" }, "-O2 -c a.c");
  writeFileSync(join(tree.root, "h.h.gch"), "not for this compiler");
  expect((await compileTree(tree, [tree.diff("fix", { "h.h": "#define H 2\n" })])).units).toMatchObject([{ differing: [".text.h"] }]);
});

test.each(["a unit of its own", "a part of the others"])("compileObjectPairs() refuses a unit to which a generated header outside of the tree includes a touched file, %s", async (what) => {
  using tree = openSourceTree({ "d.c": "#include <config.h>\nint d(void) { return t(); }\n", "t.c": "static int t(void) { return 1; }\nint own(void) { return t(); }\n" });
  tree.write({ "../build/config.h": "#include \"../tree/t.c\"\n" });
  tree.record("-O2 -I../build -c d.c", ...what === "a unit of its own" ? ["-O2 -c t.c"] : []);
  const diff = tree.diff("fix", { "t.c": "static int t(void) { return 2; }\nint own(void) { return t(); }\n" });
  await expect(compileTree(tree, [diff])).rejects.toMatchObject({ kind: "not-patchable", data: { unit: "d.c", file: "t.c" } });
});
