import { join } from "node:path";
import { expect, test } from "vitest";

import { applyDiffs } from "../../native/create/apply-diff.ts";
import { readCompileCommands } from "../../native/create/compile-commands.ts";
import { createDependencyReader } from "../../native/create/dependencies.ts";
import { createShadowTree } from "../../native/create/source-tree.ts";
import { findTranslationUnits } from "../../native/create/units.ts";
import { leaveOutUnmentioned } from "../../native/create/unmentioned.ts";
import { openSourceTree } from "./source-tree.ts";

const header = "#ifndef H\n#define H\nint f(int a);\n/* of the second */\nint g(const char *text);\n\nstatic inline int twice(int a) {\n  return 2 * a;\n}\n#endif\n";
const unit = "#include \"h.h\"\nint b(void) { return twice(f(1)); }\n";

/** `text` with a line before the one that begins like `before`. */
const withLine = (line: string, before: string, text = header): string => text.replace(`\n${before}`, `\n${line}\n${before}`);

interface Situation {
  /** The header as it was. */
  readonly was?: string;
  readonly changed: string;
  readonly unit?: string;
  readonly more?: Readonly<Record<string, string>>;
  readonly command?: string;
  readonly inProgram?: readonly string[];
}

/** Is b.c looked at closer? */
async function isLookedAt({ was = header, changed, unit: text = unit, more = {}, command = "-c b.c", inProgram = [] }: Situation): Promise<boolean> {
  using tree = openSourceTree({ "h.h": was, "b.c": text, ...more });
  tree.record(command);
  await using shadow = createShadowTree(tree.root);
  const applied = await applyDiffs(shadow, [tree.diff("fix", { "h.h": changed })]);
  const dependencies = createDependencyReader(join(tree.directory, "cache"));
  const { units } = await findTranslationUnits(shadow, applied, await readCompileCommands({ source: tree.root }), { dependencies });
  expect(units).toHaveLength(1);
  const hasName = (names: readonly string[]): Promise<boolean> => Promise.resolve(names.some((name) => inProgram.includes(name)));
  return (await leaveOutUnmentioned(units, shadow, applied.touched, hasName)).length > 0;
}

test.each([
  ["a prototype", withLine("int added(int a, char *words[]);", "int g")],
  ["a variable", withLine("extern unsigned long added[8];", "int g")],
  ["a prototype over two lines, with a comment", withLine("/* As f(), but \"better\". */\nstruct x *added(int a, // one\n  int b);", "/* of")],
  ["two, each at its place", withLine("int added_too(void);", "#endif", withLine("int added(void);", "/* of"))],
])("leaveOutUnmentioned() leaves out a unit whose header gains %s", async (_, changed) => {
  expect(await isLookedAt({ changed })).toBe(false);
});

const gain = "int added(int a, size b);";
const changed = withLine(gain, "/* of");
/** The header with a line at its end that it had before. */
const having = (line: string): Pick<Situation, "was" | "changed"> => ({ was: withLine(line, "#endif"), changed: withLine(gain, "/* of", withLine(line, "#endif")) });

test.each<[string, Situation]>([
  ["its text names what is new", { changed, unit: `${unit}int c(void) { return added(1, 2); }\n` }],
  ["a header of it names what is new, if only as a text", { changed, more: { "other.h": "const char *name = \"added\";\n" }, unit: `#include "other.h"\n${unit}` }],
  ["the header itself names it elsewhere", having("#define g added")],
  ["a word of the declaration is a macro", { changed, unit: `#define size int c; int\n${unit}` }],
  ["one is a macro, defined in pieces", { changed, unit: `#define /* as\n a macro */ \\\n size int\n${unit}` }],
  ["one is a macro of the command line", { changed, command: "-D size=int -c b.c" }],
  ["the command line names what is new", { changed, command: "-Df=added -c b.c" }],
  ["a file writes a word in pieces", { changed, unit: `${unit}int ad\\\nded(int a, int b);\n` }],
  ["the program has the name, which pasted tokens may be", { changed, inProgram: ["added"] }],
  ["it is C++", { changed, command: "-x c++ -c b.c" }],
  ["a word is one that compilers define", { changed: withLine("int added(int linux);", "/* of") }],
  ["a definition is new", { changed: withLine("int added(void) { return 1; }", "/* of") }],
  ["a macro is new", { changed: withLine("#define added 1", "/* of") }],
  ["an attribute names something", { changed: withLine("int added(void) __attribute__((weak));", "/* of") }],
  ["half a declaration is new", { changed: withLine("int added(int a,", "/* of") }],
  ["a declaration is gone", { changed: header.replace("int g(const char *text);\n", "") }],
  ["a declaration is another one", { changed: header.replace("int g(const", "long g(const") }],
  ["an attribute stands before what is new", { was: withLine("__attribute__((noinline))\nint h(void);", "#endif"), changed: withLine("__attribute__((noinline))\nint added(void);\nint h(void);", "#endif") }],
  ["a directive stands before what is new", { changed: withLine("int added(void);", "int f") }],
  ["the end of a macro stands before what is new", { was: withLine("#define two int one; \\\n  int two;", "#endif"), changed: withLine("#define two int one; \\\n  int two;\nint added(void);", "#endif") }],
  ["what is new goes on in a macro", { was: withLine("#define two int one; \\\n  int two;", "#endif"), changed: withLine("#define two int one; \\\nint added(void); \\\n  int two;", "#endif") }],
])("leaveOutUnmentioned() has a unit looked at closer where %s", async (_, situation) => {
  expect(await isLookedAt(situation)).toBe(true);
});
