import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, expect, test, vi } from "vitest";

import { applyDiffs } from "../../native/create/apply-diff.ts";
import { readCompileCommands } from "../../native/create/compile-commands.ts";
import { createDependencyReader, parseDependencies } from "../../native/create/dependencies.ts";
import { readInvocation } from "../../native/create/invocation.ts";
import { createShadowTree, makeWhole, removeShadowFile, writeShadowFile } from "../../native/create/source-tree.ts";
import type { SourceDiff } from "../../native/create/types.ts";
import { findTranslationUnits } from "../../native/create/units.ts";
import { differsOnlyByUnusedDeclarations } from "../../native/create/unaffected.ts";
import { openSourceTree } from "./source-tree.ts";
import type { Files, SourceTree } from "./source-tree.ts";

/** Lists are kept of files that are older than the question, by more than a tick of the file system's clock. */
function settle(...directories: readonly string[]): Promise<unknown> {
  const changed = Math.max(...directories.flatMap((directory) =>
    [directory, ...readdirSync(directory, { recursive: true, encoding: "utf8" }).map((path) => join(directory, path))].map((path) => lstatSync(path).ctimeMs)));
  return vi.waitUntil(() => Date.now() > changed + 40);
}

async function readList(tree: SourceTree, cache = "lists"): Promise<readonly string[]> {
  const [command] = await readCompileCommands({ source: tree.root });
  if (command === undefined) throw new Error("a command expected");
  const list = await createDependencyReader(join(tree.directory, cache)).read(await readInvocation(command));
  return [...list?.files ?? []].filter((path) => path.startsWith(tree.root)).map((path) => path.slice(tree.root.length + 1));
}

const files = {
  "a.c": "#include \"inc/shared.h\"\nint a(void) { return SHARED; }\n",
  "b.c": "#include \"inc/outer.h\"\n#include \"table.c\"\nint b(void) { return SHARED + table[0]; }\n",
  "c.c": "int c(void) { return 3; }\n",
  "table.c": "static int table[] = { 1, 2 };\n",
  "inc/shared.h": "#define SHARED 1\n",
  "inc/outer.h": "#include <shared.h>\n",
  "notes.txt": "old\n",
};
const everyCommand = ["-Iinc -c a.c", "-Iinc -c b.c", "-c c.c"];

afterEach(() => vi.unstubAllEnvs());

async function find(tree: SourceTree, ...diffs: readonly SourceDiff[]) {
  await using shadow = createShadowTree(tree.root);
  const dependencies = createDependencyReader(join(tree.directory, "lists"));
  const found = await findTranslationUnits(shadow, await applyDiffs(shadow, diffs), await readCompileCommands({ source: tree.root }), { dependencies });
  return { ...found, names: found.units.map(({ unit }) => unit) };
}

function open(): SourceTree {
  const tree = openSourceTree(files);
  tree.record(...everyCommand);
  return tree;
}

test("findTranslationUnits() finds the touched unit without asking a compiler", async () => {
  using tree = open();
  const found = await find(tree, tree.diff("fix", { "c.c": "int c(void) { return 4; }\n" }));
  expect(found).toMatchObject({ names: ["c.c"], units: [{ spelled: "c.c", touched: ["c.c"] }], uncompiled: [] });
  expect(() => readdirSync(join(tree.directory, "lists"))).toThrow("ENOENT");
});

test("findTranslationUnits() finds every unit that includes a touched header, directly or not", async () => {
  using tree = open();
  expect((await find(tree, tree.diff("fix", { "inc/shared.h": "#define SHARED 2\n" }))).names).toEqual(["a.c", "b.c"]);
});

test("findTranslationUnits() finds the unit that includes a touched .c file, a unit of its own or not", async () => {
  using tree = open();
  const diff = tree.diff("fix", { "table.c": "static int table[] = { 5, 2 };\n" });
  expect((await find(tree, diff)).names).toEqual(["b.c"]);
  tree.record(...everyCommand, "-c table.c");
  expect((await find(tree, diff)).names).toEqual(["b.c", "table.c"]);
});

const asked = (tree: SourceTree): boolean => existsSync(join(tree.directory, "lists"));

test("findTranslationUnits() asks no compiler about a unit whose objects and comments alone are called like it", async () => {
  using tree = open();
  tree.write({ "d.c": "// as in c.c\nint d;\n" });
  tree.record(...everyCommand, "-o c.c.o -DNAME=not-c.c -c d.c");
  expect((await find(tree, tree.diff("fix", { "c.c": "int c(void) { return 4; }\n" }))).names).toEqual(["c.c"]);
  expect(asked(tree)).toBe(false);
});

const all = "#include \"c.c\"\n";
const computed = "#define S_(x) #x\n#define S(x) S_(x)\n";

test.each<[way: string, more: Files, commands: readonly string[]]>([
  ["a unit", { "d.c": "#include \"c.c\"\n" }, ["-c d.c"]],
  ["a file in a unit", { "d.c": "#include \"inc/each.h\"\n", "inc/each.h": "#include \"../all.c\"\n", "all.c": "#include \"c.c\"\n" }, ["-c d.c"]],
  ["a file in an option", { "d.c": "int d;\n", "all.c": "#include \"c.c\"\n" }, ["-include all.c -c d.c"]],
  ["a file in a macro of an option", { "d.c": "#include ALL\n", "all.c": "#include \"c.c\"\n" }, ["-DALL='\"all.c\"' -c d.c"]],
  ["a file at the end of a long way", { "d.c": "#include \"1.h\"\n", "1.h": "#include \"2.h\"\n", "2.h": "#include \"3.h\"\n", "3.h": "#include \"4.h\"\n", "4.h": "#include \"5.h\"\n", "5.h": "#include \"c.c\"\n" }, ["-c d.c"]],
  ["a file in a generated header outside of the tree", { "d.c": "#include <config.h>\n", "all.h": all, "../build/config.h": "#include \"../tree/all.h\"\n" }, ["-I../build -c d.c"]],
  ["a file in a header without an ending", { "d.c": "#include \"All\"\n", "All": "#include \"all.h\"\n", "all.h": all }, ["-c d.c"]],
  ["a file in a header with an ending of its own", { "d.c": "#include \"all.x\"\n", "all.x": "#include \"all.h\"\n", "all.h": all }, ["-c d.c"]],
  ["a file with a name in pieces", { "d.c": `${computed}#include S(PRE.h)\n`, "all.h": all }, ["-DPRE=all -c d.c"]],
  ["a file with a name over two lines", { "d.c": "#include \"al\\\nl.h\"\n", "all.h": all }, ["-c d.c"]],
  ["a file in an option for the preprocessor", { "d.c": "int d;\n", "all.h": all }, ["-Wp,-include,all.h -c d.c"]],
  ["a file in another option for the preprocessor", { "d.c": "int d;\n", "all.h": all }, ["-Xpreprocessor -include -Xpreprocessor all.h -c d.c"]],
  ["a file in a long option", { "d.c": "int d;\n", "all.h": all }, ["--include=all.h -c d.c"]],
  ["a file in a long option of two words", { "d.c": "int d;\n", "all.h": all }, ["--include all.h -c d.c"]],
  ["a file in a file of specs", { "d.c": "int d;\n", "all.h": all, "my.specs": "*cpp:\n+ -include all.h\n\n" }, ["-specs=my.specs -c d.c"]],
  ["a generated header outside of the tree", { "d.c": "#include <config.h>\n", "../build/config.h": "#include \"../tree/c.c\"\n" }, ["-I../build -c d.c"]],
  ["a header without an ending", { "d.c": "#include \"All\"\n", "All": all }, ["-c d.c"]],
  ["a macro", { "d.c": `${computed}#include S(c.c)\n` }, ["-c d.c"]],
  ["an option itself", { "d.c": "int d;\n" }, ["--include c.c -c d.c"]],
])("findTranslationUnits() finds the unit that includes a unit which is named in %s", async (_, more, commands) => {
  using tree = open();
  tree.write(more);
  tree.record(...everyCommand, ...commands);
  expect((await find(tree, tree.diff("fix", { "c.c": "int c(void) { return 4; }\n" }))).names).toEqual(["c.c", "d.c"]);
});

test.each(["linked.c", "Linked"])("findTranslationUnits() finds the unit that includes another one by the name of a link (%s), and one outside of the tree", async (link) => {
  using tree = open();
  symlinkSync("c.c", join(tree.root, link));
  writeFileSync(join(tree.directory, "e.c"), `#include "${tree.root}/c.c"\n`);
  tree.write({ "d.c": `#include "${link}"\n` });
  tree.record(...everyCommand, "-c d.c", "-c ../e.c");
  const { names } = await find(tree, tree.diff("fix", { "c.c": "int c(void) { return 4; }\n" }));
  expect(names).toEqual(["c.c", "d.c", "../e.c"]);
});

test("findTranslationUnits() finds the unit with a name of its own that includes another one", async () => {
  using tree = open();
  tree.write({ "d.src": all });
  tree.record(...everyCommand, "-x c -c d.src");
  const commands = join(tree.root, "compile_commands.json");
  writeFileSync(commands, readFileSync(commands, "utf8").replace("-c d.src\"", "-c d.src\",\"file\":\"d.src\""));
  expect((await find(tree, tree.diff("fix", { "c.c": "int c(void) { return 4; }\n" }))).names).toEqual(["c.c", "d.src"]);
});

test("findTranslationUnits() takes the same file with other flags as another unit", async () => {
  using tree = open();
  tree.record("-DONE -c c.c", "-DTWO -c c.c");
  expect((await find(tree, tree.diff("fix", { "c.c": "int c;\n" }))).names).toEqual(["c.c", "c.c"]);
});

test("findTranslationUnits() names touched sources that nothing compiles", async () => {
  using tree = open();
  tree.write({ "tests/t.c": "int t;\n" });
  const found = await find(tree, tree.diff("fix", { "tests/t.c": "int u;\n", "c.c": "int c;\n", "fresh.c": "int fresh;\n" }));
  expect(found).toMatchObject({ names: ["c.c"], uncompiled: ["fresh.c", "tests/t.c"] });
  const included = await find(tree, tree.diff("fix", { "c.c": "#include \"fresh.h\"\nint c;\n", "fresh.h": "int fresh;\n" }));
  expect(included).toMatchObject({ names: ["c.c"], uncompiled: [] });
});

test("findTranslationUnits() says so when nothing that is compiled is touched", async () => {
  using tree = open();
  await expect(find(tree, tree.diff("fix", { "notes.txt": "new\n" })))
    .rejects.toMatchObject({ kind: "nothing-to-patch", message: "Nothing to patch: the diff changes no C or C++ source (notes.txt)" });
  tree.write({ "tests/t.c": "int t;\n" });
  await expect(find(tree, tree.diff("fix", { "tests/t.c": "int u;\n" })))
    .rejects.toMatchObject({ kind: "nothing-to-patch", message: expect.stringContaining("no compile command compiles or includes tests/t.c") });
});

test("findTranslationUnits() refuses an unfit file without a source's name that a unit includes after all", async () => {
  using tree = open();
  tree.write({ "c.c": "#include \"notes.txt\"\n", "notes.txt": "int different;\n" });
  const diff = { name: "fix", text: "--- a/notes.txt\n+++ b/notes.txt\n@@ -1 +1 @@\n-int old;\n+int new;\n" };
  await expect(find(tree, diff)).rejects.toMatchObject({ kind: "diff-does-not-apply", data: { file: "notes.txt", unit: "c.c" } });
});

test("createDependencyReader() remembers until a file changes", async () => {
  using tree = open();
  const diff = tree.diff("fix", { "inc/shared.h": "#define SHARED 2\n" });
  await settle(tree.root);
  await find(tree, diff);
  const cache = join(tree.directory, "lists");
  const kept = readdirSync(cache);
  expect(kept).toHaveLength(2);
  const state = () => kept.map((name) => statSync(join(cache, name)).mtimeMs);
  const before = state();
  expect((await find(tree, diff)).names).toEqual(["a.c", "b.c"]);
  expect(state()).toEqual(before);
  tree.write({ "c.c": "#include \"inc/shared.h\"\n" });
  expect((await find(tree, diff)).names).toEqual(["a.c", "b.c", "c.c"]);
  for (const name of kept) writeFileSync(join(cache, name), "damaged");
  expect((await find(tree, diff)).names).toEqual(["a.c", "b.c", "c.c"]);
});

test.each([
  ["before its header", "first/inc/late.h"],
  ["beside who includes it", "inc/late.h"],
  ["in a directory that was not there", "absent/inc/late.h"],
  ["in a directory of the environment", "outside/inc/late.h"],
])("createDependencyReader() notices a file that comes to lie %s", async (_, place) => {
  using tree = openSourceTree({ "d.c": "#include \"inc/late.h\"\nint d;\n", "last/inc/late.h": "int late;\n", "first/inc/other.h": "" });
  tree.record(place.startsWith("outside/") ? "-c d.c" : "-Iabsent -Ifirst -Ilast -c d.c");
  vi.stubEnv("CPATH", `${tree.root}/outside:${tree.root}/last`);
  await settle(tree.root);
  expect(await readList(tree)).toEqual(["d.c", "last/inc/late.h"]);
  expect(readdirSync(join(tree.directory, "lists"))).toHaveLength(1);
  expect(await readList(tree)).toEqual(["d.c", "last/inc/late.h"]);
  tree.write({ [place]: "int early;\n" });
  expect(await readList(tree)).toEqual(["d.c", place]);
});

const asks = "#if __has_include(\"conf/local.h\")\n#include \"conf/local.h\"\n#endif\n";
const many = Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`inc/${index}/h.h`, ""]));
const manyIncluded = Object.keys(many).map((path) => `#include <${path.slice("inc/".length)}>\n`).join("");
const wrapper = (more: string): string => `#!/bin/sh\nexec /usr/bin/gcc ${more} "$@"\n`;

test.each<[what: string, before: Files, command: string, change: Files, now: string]>([
  ["a file that is asked for, in a directory that is there", { "d.c": asks, "conf/other.h": "" }, "-c d.c", { "conf/local.h": "" }, "conf/local.h"],
  ["a file that is asked for, in a directory of an option", { "d.c": asks, "inc/conf/other.h": "" }, "-Iinc -c d.c", { "inc/conf/local.h": "" }, "inc/conf/local.h"],
  ["a file by the way upwards", { "x/y/d.c": "", "q/u.h": "#include \"../a/f.h\"\n", "x/a/f.h": "", "z/k/other.h": "", "z/a/other.h": "" }, "-Iq -Iz/k -Ix/y -include u.h -c x/y/d.c",
    { "z/a/f.h": "" }, "z/a/f.h"],
  ["a file of an option, where the command runs", { "s/d.c": "", "inc/u.h": "" }, "-Iinc -include u.h -c s/d.c", { "u.h": "" }, "u.h"],
  ["a file beside the source, of very many directories", { ...many, "src/d.c": `#include "lib/f.h"\n${manyIncluded}`, "src/lib/other.h": "", "inc/lib/f.h": "" }, "-Iinc -c src/d.c",
    { "src/lib/f.h": "" }, "src/lib/f.h"],
  ["another compiler", { "d.c": "#ifdef NEW\n#include \"new.h\"\n#endif\n", "new.h": "", "bin/gcc": wrapper("-DOLD") }, "-c d.c", { "bin/gcc": wrapper("-DNEW -DTWO") }, "new.h"],
  ["other specs", { "d.c": "", "all.h": "", "my.specs": "*cpp:\n+ -DX\n\n" }, "-specs=my.specs -c d.c", { "my.specs": "*cpp:\n+ -include all.h\n\n" }, "all.h"],
  ...([
    ["-Wp,-Ia -idirafter b", "a"], ["--include-directory=a -Ib", "a"], ["-iprefix ./ -iwithprefixbefore a -idirafter b", "a"], ["--sysroot=s -I=/a -Ib", "s/a"],
    ["--sysroot=s -idirafter b", "s/usr/include"], ["-Bs -idirafter b", "s/include"],
  ] as const).map(([options, place]): [string, Files, string, Files, string] =>
    [`a file before another, by ${options}`, { "d.c": "#include <f.h>\n", [`${place}/other.h`]: "", "b/f.h": "" }, `${options} -c d.c`, { [`${place}/f.h`]: "" }, `${place}/f.h`]),
])("createDependencyReader() notices %s", async (_, before, command, change, now) => {
  using tree = openSourceTree(before);
  tree.record(command);
  if ("bin/gcc" in before) chmodSync(join(tree.root, "bin/gcc"), 0o755);
  vi.stubEnv("PATH", `${tree.root}/bin:${process.env["PATH"]}`);
  await settle(tree.root);
  expect(await readList(tree)).not.toContain(now);
  tree.write(change);
  expect(await readList(tree)).toContain(now);
  expect(await readList(tree)).toEqual(await readList(tree, "another"));
});

test("createDependencyReader() notices a file that is replaced by one of the same size and time", async () => {
  using tree = openSourceTree({ "s/d.c": "#include \"a.h\"\n", "s/a.h": "", "s/b.h": "" });
  tree.record("-c s/d.c");
  await settle(tree.root);
  expect(await readList(tree)).toEqual(["s/d.c", "s/a.h"]);
  const file = join(tree.root, "s/d.c");
  const { atime, mtime } = statSync(file);
  utimesSync(file, atime, mtime); // in whole milliseconds
  await settle(tree.root);
  expect(await readList(tree)).toEqual(["s/d.c", "s/a.h"]);
  writeFileSync(file, "#include \"b.h\"\n");
  utimesSync(file, atime, mtime);
  expect(await readList(tree)).toEqual(["s/d.c", "s/b.h"]);
});

test("createDependencyReader() keeps no list of files that are changed while the compiler reads them", async () => {
  using tree = openSourceTree({ "d.c": "#include \"a.h\"\n", "a.h": "", "b.h": "", "later.c": "#include \"b.h\"\n" });
  tree.record("-c d.c");
  const commands = join(tree.root, "compile_commands.json");
  tree.write({ "../edits": "#!/bin/sh\ngcc \"$@\" && cp later.c d.c\n" });
  chmodSync(join(tree.directory, "edits"), 0o755);
  writeFileSync(commands, readFileSync(commands, "utf8").replace("gcc ", "../edits "));
  await settle(tree.root);
  expect(await readList(tree)).toEqual(["d.c", "a.h"]);
  expect(await readList(tree)).toEqual(["d.c", "b.h"]);
});

test("createDependencyReader() removes the oldest lists, and what killed builds left, before the first that it keeps", async () => {
  using tree = open();
  const cache = join(tree.directory, "lists");
  mkdirSync(cache);
  for (const [age, name] of ["new.json", "old.json.77", "old.json"].entries()) {
    writeFileSync(join(cache, name), "x".repeat(1000));
    utimesSync(join(cache, name), 1_000_000 - age, 1_000_000 - age);
  }
  await settle(tree.root);
  const [command] = await readCompileCommands({ source: tree.root });
  if (command === undefined) throw new Error("a command expected");
  await createDependencyReader(cache, 1500).read(await readInvocation(command));
  const kept = readdirSync(cache);
  expect(kept).toHaveLength(2);
  expect(kept).toContain("new.json");
});

test("createDependencyReader() keeps a list in proportion where headers lie in very many directories, and notices what comes to lie before them", async () => {
  const headers = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`last/${index}/late.h`, ""]));
  using tree = openSourceTree({ ...headers, "first/other.h": "", "d.c": Object.keys(headers).map((path) => `#include <${path.slice("last/".length)}>\n`).join("") });
  tree.record("-Ifirst -Ilast -c d.c");
  const cache = join(tree.directory, "lists");
  await settle(tree.root);
  expect(await readList(tree)).toContain("last/7/late.h");
  const [kept = ""] = readdirSync(cache);
  expect((JSON.parse(readFileSync(join(cache, kept), "utf8")) as { paths: unknown[] }).paths.length).toBeLessThan(1000);
  tree.write({ "first/7/late.h": "int early;\n" });
  expect(await readList(tree)).toContain("first/7/late.h");
});

test("parseDependencies() reads what compilers write about awkward names", () => {
  expect(parseDependencies("unit: a.c \\\n inc/with\\ space.h cost$$.h\\\n /usr/x\\#.h\n", "/src"))
    .toEqual(["/src/a.c", "/src/inc/with space.h", "/src/cost$.h", "/usr/x#.h"]);
});

test.each([
  ["a prototype", "int f(const char *s, ...) __attribute__((format(printf, 1, 2)));", true],
  ["a prototype over two lines", "struct x *f(int a,\n  int b);", true],
  ["a variable", "extern unsigned long limits[8];", true],
  ["two", "int f(void);\nextern int g;", true],
  ["a function that is used", "int used(void);", false],
  ["a definition", "int f(void) { return 1; }", false],
  ["a tentative definition", "int g;", false],
  ["a type", "typedef int (f)(void);", false],
  ["a pragma", "#pragma weak used", false],
  ["another name for a function", "int f(void) __asm__(\"used\");", false],
  ["a statement", "return f(1);", false],
  ["half a declaration", "int f(int a,", false],
])("differsOnlyByUnusedDeclarations() knows %s", (_, added, expected) => {
  const original = "int first;\nint caller(void) { return used(); }\n";
  expect(differsOnlyByUnusedDeclarations(original, original.replace("\n", `\n${added}\n`))).toBe(expected);
  expect(differsOnlyByUnusedDeclarations(original.replace("\n", `\n${added}\n`), original)).toBe(expected);
});

test("differsOnlyByUnusedDeclarations() sees what a declaration goes on with", () => {
  const original = "int first;\n\n__attribute__((noinline))\nint caller(void) { return used(); }\n";
  const inserted = original.replace("\nint caller", "\nint f(void);\nint caller");
  expect(differsOnlyByUnusedDeclarations(original, inserted)).toBe(false);
  expect(differsOnlyByUnusedDeclarations(inserted, original)).toBe(false);
});

test("createShadowTree() links directories, until something in them is written", async () => {
  using tree = openSourceTree({ "src/a.c": "\n", "data/one.json": "1\n", "data/deep/two.json": "2\n", "data/deep/er/three.json": "3\n" });
  const before = tree.contents();
  await using shadow = createShadowTree(tree.root);
  const [data, deep, deeper] = ["data", "data/deep", "data/deep/er"].map((path) => join(shadow.shadow, path)) as [string, string, string];
  expect(lstatSync(data).isSymbolicLink()).toBe(true);
  writeShadowFile(shadow, "data/deep/two.json", Buffer.from("patched\n"));
  writeShadowFile(shadow, "data/deep/new.json", Buffer.from("new\n"));
  removeShadowFile(shadow, "data/one.json");
  expect([data, deep, deeper].map((path) => lstatSync(path).isSymbolicLink())).toEqual([false, false, true]);
  expect(readFileSync(join(deep, "two.json"), "utf8")).toBe("patched\n");
  expect(readFileSync(join(deeper, "three.json"), "utf8")).toBe("3\n");
  expect(readdirSync(data)).toEqual(["deep"]);
  expect(tree.contents()).toEqual(before);
});

test("makeWhole() lays real directories and links, and never the repository", async () => {
  using tree = openSourceTree({ "a b/$c/-d.c": "int d;\n", ".git/config": "x", "x.h.gch": "x" });
  mkdirSync(join(tree.root, "empty"));
  await using shadow = createShadowTree(tree.root);
  expect(readdirSync(shadow.shadow, { withFileTypes: true }).every((entry) => entry.isSymbolicLink())).toBe(true);
  makeWhole(shadow);
  const entries = readdirSync(shadow.shadow, { recursive: true, withFileTypes: true });
  expect(entries.map((entry) => `${entry.name} ${entry.isDirectory() ? "directory" : entry.isSymbolicLink() ? "link" : "file"}`).sort())
    .toEqual(["$c directory", "-d.c link", "a b directory", "empty link"]);
});

test("findTranslationUnits() notices what a file that it has read before names now", async () => {
  using tree = open();
  tree.write({ "d.c": "#include WHICH\n", "all.h": "int all;\n", "first.h": "#define WHICH \"all.h\"\n" });
  tree.record(...everyCommand, "-include first.h -c d.c");
  const diff = tree.diff("fix", { "c.c": "int c(void) { return 4; }\n" });
  await settle(tree.root);
  expect((await find(tree, diff)).names).toEqual(["c.c"]);
  tree.write({ "all.h": all });
  expect((await find(tree, diff)).names).toEqual(["c.c", "d.c"]);
  tree.write({ "all.h": "int all;\n" });
  await settle(tree.root);
  expect((await find(tree, diff)).names).toEqual(["c.c"]);
  tree.write({ "first.h": "#define WHICH \"c.c\"\n" });
  expect((await find(tree, diff)).names).toEqual(["c.c", "d.c"]);
});

test("findTranslationUnits() finds the units that a new file concerns: it is asked for, or comes before another of its name", async () => {
  using tree = open();
  tree.write({ "d.c": "#if __has_include(\"new.h\")\nint d;\n#endif\n", "e.c": "#include <x.h>\n", "first/y.h": "", "last/x.h": "" });
  tree.record(...everyCommand, "-c d.c", "-Ifirst -Ilast -c e.c");
  expect((await find(tree, tree.diff("fix", { "new.h": "int one;\n", "first/x.h": "int two;\n" }))).names).toEqual(["d.c", "e.c"]);
});
