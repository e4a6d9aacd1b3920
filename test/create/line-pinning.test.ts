import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { pinLines } from "../../native/create/line-pinning.ts";
import { findSafeLines } from "../../native/create/safe-lines.ts";
import { compileTree, openSourceTree } from "./source-tree.ts";

const prologue = "#include <assert.h>\nint seen;\n";
const changing = "int changing(int a) {\n  return a;\n}\n";
const below = "int below(int a) {\n  assert(a != 7);\n  seen = __LINE__;\n  return a + seen;\n}\n";

/** Names of the functions whose code differs when `before` becomes `after`, compiled both ways. */
async function differing(before: string, after: string, file = "a.c"): Promise<readonly string[]> {
  using tree = openSourceTree({ [file]: before });
  tree.record(`-O2 -c ${file}`);
  const { units } = await compileTree(tree, [tree.diff("fix", { [file]: after })]);
  return units.flatMap((unit) => unit.differing.filter((name) => name.startsWith(".text.")).map((name) => name.slice(6)));
}

const longer = "int changing(int a) {\n  if (a > 3)\n    return 4;\n  return a;\n}\n";

test("pinLines() keeps a function below a change as it was, with __LINE__ and assert()", async () => {
  expect(await differing(prologue + changing + below, prologue + longer + below)).toEqual(["changing"]);
});

test("pinLines() keeps lines below removed and replaced blocks", async () => {
  expect(await differing(prologue + longer + below, prologue + changing + below)).toEqual(["changing"]);
  expect(pinLines("a\nb\nc\nd\n", "a\nB\nc\nD\n")).toBe("a\nB\nc\nD\n");
});

test("pinLines() pins what is left of the changed function itself", () => {
  expect(pinLines("a;\nb;\nc;\n", "a;\nnew;\nb;\nc;\n")).toBe("a;\nnew;\n#line 2\nb;\nc;\n");
  expect(pinLines("a;\nb;\nc;\n", "b;\nc;\n")).toBe("#line 2\nb;\nc;\n");
  expect(pinLines("a;\r\nb;\r\n", "a;\r\nnew;\r\nb;\r\n")).toBe("a;\r\nnew;\r\n#line 2\r\nb;\r\n");
  expect(pinLines("a;\nb;\n", "a;\nb;\nnew;\n")).toBe("a;\nb;\nnew;\n");
});

test("pinLines() goes on with the numbers of a generated source's own #line", () => {
  const grammar = "a;\n#line 50 \"grammar.y\"\nb;\nc;\nd;\n";
  expect(pinLines(grammar, grammar.replace("b;", "b;\nnew;"))).toBe("a;\n#line 50 \"grammar.y\"\nb;\nnew;\n#line 51\nc;\nd;\n");
  expect(pinLines(grammar, `new;\n${grammar}`)).toContain("#line 1\na;\n#line 50 \"grammar.y\"\nb;\nc;");
});

test("pinLines() knows that a pin in a branch which is not compiled takes a line, and counts for nothing", async () => {
  const before = "#ifdef NEVER\nint never;\nint end;\n#endif\n";
  const after = "#ifdef NEVER\nint a;\nint b;\nint never;\nint end;\n#else\nint other;\n#endif\n";
  expect(await differing(prologue + before + below, prologue + after + below)).toEqual([]);
});

test("pinLines() says at each pin which lines of the patched source they are, and where the source counts by itself again", () => {
  const says = { saysOwn: true };
  expect(pinLines("a;\nb;\nc;\n", "a;\nnew;\nb;\nc;\n", says)).toBe("a;\nnew;\n#pragma suture_line 3 2\n#line 2\nb;\nc;\n");
  expect(pinLines("a;\nb;\n#line 50 \"y\"\nc;\n", "new;\na;\nb;\n#line 50 \"y\"\nc;\n", says))
    .toBe("new;\n#pragma suture_line 2 1\n#line 1\na;\nb;\n#pragma suture_line 3 3\n#line 50 \"y\"\nc;\n");
});

// Each is a place right after a change where a directive would break the program or its meaning.
const awkward: Readonly<Record<string, [before: string, after: string]>> = {
  "a block comment": ["/* one\n   two\n   three */\n", "/* zero\n   one\n   two\n   three */\n"],
  "a continued macro": ["#define M(a) \\\n  ((a) + \\\n   1)\nint m(int a) { return M(a); }\n", "#define M(a) \\\n  (0 + \\\n   (a) + \\\n   1)\nint m(int a) { return M(a); }\n"],
  "a continued string": ["const char *s = \"one\\\ntwo\\\nthree\";\n", "const char *s = \"zero\\\none\\\ntwo\\\nthree\";\n"],
  "a continued line comment": ["// one \\\n two \\\n three\n", "// zero \\\n one \\\n two \\\n three\n"],
  "the arguments of a macro": [
    "#define SUM(a, b, c) ((a) + (b) + (c))\nint sum(int a) {\n  return SUM(a,\n    2,\n    3);\n}\n",
    "#define SUM(a, b, c) ((a) + (b) + (c))\nint sum(int a) {\n  return SUM(a +\n    1,\n    2,\n    3);\n}\n",
  ],
  "branches that open one parenthesis twice": [
    "int both(int a) {\n#ifdef NEVER\n  if (a == 1 &&\n#else\n  if (a == 2 &&\n#endif\n      a)\n    return 1;\n  return 2;\n}\n",
    "int both(int a) {\n#ifdef NEVER\n  if (a == 1 &&\n#else\n  if (a == 3 &&\n      a != 9 &&\n#endif\n      a)\n    return 1;\n  return 2;\n}\n",
  ],
};

test.each(Object.entries(awkward))("pinLines() waits for the end of %s", async (_, [before, after]) => {
  const changed = await differing(prologue + before + below, prologue + after + below);
  expect(changed).not.toContain("below");
});

test("pinLines() stays out of raw strings of C++", async () => {
  const before = "extern const char *const r;\nconst char *const r = R\"x(one\n\" two\nthree)x\";\nint n = 1'000;\n";
  const changed = await differing(prologue + before + below, prologue + before.replace("one", "zero\n# one (") + below, "a.cc");
  expect(changed).toEqual([]);
});

test("pinLines() leaves __FILE__ as the include spelled it", async () => {
  using tree = openSourceTree({
    "src/a.c": "#include \"../include/a.h\"\nconst char *name(void) { return in_header(); }\n",
    "include/a.h": "static inline const char *in_header(void) { return __FILE__ \" of \" __BASE_FILE__; }\n",
  });
  tree.record("-O2 -c src/a.c");
  const diff = tree.diff("fix", { "include/a.h": "static inline int added(void) { return 1; }\n" + tree.contents().get("include/a.h") });
  const { units } = await compileTree(tree, [diff]);
  expect(units).toMatchObject([{ unit: "src/a.c", differing: [] }]);
});

test("findSafeLines() is not confused by apostrophes, quotes and slashes", () => {
  const text = "int a = '\"'; /* it's */ int b; // don't\nchar c = '\\'', d = '(';\n#error it's (broken\nint e;\nconst char *f = \"/*\";\nint g; /* ( */\nint h;";
  expect(findSafeLines(text.split("\n"))).toEqual([true, true, true, true, true, true, true]);
});

test("findSafeLines() starts anew where a definition ends", () => {
  expect(findSafeLines("f(a\n#ifdef A\n)\n#endif\n{\n}\nint b;".split("\n"))).toEqual([true, false, false, true, true, true, true]);
});

test("pinLines() gives every line of a large source its number back", () => {
  using tree = openSourceTree({});
  const original = Array.from({ length: 5002 }, (_, index) => (index % 7 === 0 ? `int l${index} = __LINE__; /*` : index % 7 === 3 ? "*/" : `int l${index} = __LINE__;`));
  const patched = original.flatMap((line, index) => (index % 500 === 250 ? ["int changed; int changed2;", "", line] : index % 400 === 5 ? [] : [line]));
  const numbers = (text: string): Map<string, string> => {
    const file = join(tree.directory, "text.c");
    writeFileSync(file, text);
    const output = execFileSync("gcc", ["-E", "-P", file], { encoding: "utf8" });
    return new Map([...output.matchAll(/int (l\d+) = (\d+)/g)].map(([, name = "", number = ""]) => [name, number]));
  };
  const before = numbers(original.join("\n"));
  const after = [...numbers(pinLines(original.join("\n"), patched.join("\n")))].filter(([name]) => before.has(name));
  expect(after.length).toBeGreaterThan(2500);
  expect(after).toEqual(after.map(([name]) => [name, before.get(name)]));
});
