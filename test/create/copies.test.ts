// Units that hold a copy of what a diff changes, found by whatever way they came to it, on live processes: what is asked with 1 is the
// changed file's own unit, with 2 the copy. And copies in units that cannot be compiled, which refuse the build.

import { mkdirSync, readFileSync, chmodSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { leftAlone } from "../support/mod.ts";
import { answersAround, asking, buildTree, patchTree } from "./live-tree.ts";
import type { Compilation } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { Files, SourceTree } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());
afterEach(() => vi.unstubAllEnvs());

const names = "#ifndef NAME\n#define NAME(name) name\n#endif\n";
const part = (step: number): string => `${names}int NAME(part)(int n) { return n * n * n + ${step}; }\n`;
const answer = "int part(int), copy_part(int);\nint answer(int n) { return n == 1 ? part(1) : copy_part(1); }\n";
const copy = "#define NAME(name) copy_##name\n";
const text = "#define TEXT_(x) #x\n#define TEXT(x) TEXT_(x)\n";

interface Way {
  /** Paths may lead out of the tree. */
  readonly files: Files;
  readonly copy?: Partial<Compilation>;
  /** Done to the tree before it is compiled. */
  readonly prepare?: (tree: SourceTree) => void;
}

const outside = "#include <part.c>\n";
const searched = ["-g", "-O2", "-I."];
const ownPlace = (tree: SourceTree): void => {
  const compiler = join(tree.root, "compiler");
  writeFileSync(compiler, `#!/bin/sh\nexec gcc -isystem '${tree.directory}/own' "$@"\n`);
  chmodSync(compiler, 0o755);
};

const clang = (tree: SourceTree): void => {
  writeFileSync(join(tree.root, "clang"), "#!/bin/sh\nexec clang \"$@\"\n");
  chmodSync(join(tree.root, "clang"), 0o755);
};

async function openWay({ files, copy: compilation = {}, prepare }: Way) {
  const tree = openSourceTree({ "main.c": asking, "part.c": part(10), "answer.c": answer });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(tree.root, path)), { recursive: true });
    writeFileSync(join(tree.root, path), content);
  }
  prepare?.(tree);
  const { compiler, ...rest } = compilation;
  const program = await buildTree(tree, [{ file: "main.c" }, { file: "answer.c" }, { file: "part.c" }, { file: "copy.c", ...rest, ...(compiler === undefined ? {} : { compiler: join(tree.root, compiler) }) }]);
  return { tree, program, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

describe("createPatchImage() finds the copy of a changed function that is included", () => {
  test.each<[string, Way]>([
    ["from files with endings of their own", { files: { "copy.c": `${copy}#include "all.parts"\n`, "all.parts": "#include \"more.parts\"\n", "more.parts": "#include \"part.c\"\n" } }],
    ["from below a directory outside of the tree", { files: { "copy.c": `${copy}#include <deep/below.h>\n`, "../outside/deep/below.h": "#include \"further.tcc2\"\n", "../outside/deep/further.tcc2": outside }, copy: { flags: [...searched, "-I../outside"] } }],
    ["from headers of the environment", { files: { "copy.c": `${copy}#include <deep/below.h>\n`, "../outside/deep/below.h": outside }, copy: { flags: searched }, prepare: (tree) => void vi.stubEnv("CPATH", join(tree.directory, "outside")) }],
    ["from the compiler's own headers", { files: { "copy.c": `${copy}#include <deep/below.h>\n`, "../own/deep/below.h": outside }, copy: { compiler: "compiler", flags: searched }, prepare: ownPlace }],
    ["by a name that macros put together", { files: { "copy.c": `${copy}${text}#define FIRST part\n#include TEXT(FIRST.c)\n` } }],
    ["by a name with a macro between angle brackets", { files: { "copy.c": `${copy}#define FIRST part\n#define ALL <FIRST.c>\n#include ALL\n` }, copy: { flags: searched } }],
    ["by a name that an option gives", { files: { "copy.c": `${copy}#include WHICH\n` }, copy: { flags: ["-g", "-O2", "-DWHICH=\"part.c\""] } }],
    ["by a name that is folded into constants", { files: { "copy.c": `${copy}${text}static int one(void) { return 1; }\n#include TEXT(part.c)\nint unused(void) { return copy_part(one()); }\n` } }],
  ])("%s", async (_, way) => {
    using opened = await openWay(way);
    const { image, manifest } = await patchTree(tracer, opened, [opened.tree.diff("fix", { "part.c": part(20) })]);
    expect(manifest.objects[0]?.functions.map(({ name, unit }) => `${unit} ${name}`)).toEqual(expect.arrayContaining(["part.c part", "copy.c copy_part"]));
    expect(await answersAround(tracer, opened.program, image, [1, 2])).toEqual([["11", "11"], ["21", "21"], ["11", "11"]]);
  });

  // Nothing of these is in the program's debug information of the copy.
  test.each<[string, Files, changed: string, after: string]>([
    ["macros only", { "copy.c": "#include \"all.parts\"\nint copy_part(int n) { return n * STEP; }\n", "all.parts": "#include \"steps.parts\"\n", "steps.parts": "#define STEP 10\n" }, "steps.parts", "#define STEP 20\n"],
    ["rows of data only", { "copy.c": "#include \"all.parts\"\nint copy_part(int n) { return pick(n); }\n", "all.parts": "static int pick(int n) { static const int steps[] = {\n#include \"rows.parts\"\n}; return steps[n & 1]; }\n", "rows.parts": "5, 10\n" }, "rows.parts", "5, 20\n"],
  ])("with %s, from files with endings of their own", async (_, files, changed, after) => {
    using opened = await openWay({ files });
    const { image } = await patchTree(tracer, opened, [opened.tree.diff("fix", { [changed]: after })]);
    expect(await answersAround(tracer, opened.program, image, [2])).toEqual([["10"], ["20"], ["10"]]);
  });
});

describe("createPatchImage() finds the unit whose assembler reads a changed file", () => {
  const assembled = (directive: string): string => `int copy_part(int n) { __asm__ volatile(${directive} : "+a"(n)); return n; }\n`;
  const data = (directive: string): string =>
    `__asm__(".section .rodata\\n.type copied, @object\\n.size copied, 4\\ncopied:\\n" ${directive} "\\n.text");\nextern const char copied[];\nint copy_part(int n) { return copied[n]; }\n`;
  test.each<[string, Files]>([
    [".include in a function", { "copy.c": assembled("\".include \\\"step.inc\\\"\"") }],
    [".include with a name that a macro puts together", { "copy.c": `${text}${assembled("\".include \" TEXT(\"step.inc\")")}` }],
    [".include from a file that is included", { "copy.c": assembled("\".include \\\"all.inc\\\"\""), "all.inc": ".include \"step.inc\"\n" }],
    [".include with a name that only the assembler knows", { "copy.c": assembled("\".macro once file\\n.include \\\"\\\\file\\\"\\n.endm\\nonce step.inc\\n.purgem once\"") }],
    [".include from a header outside of the tree", { "copy.c": "#include <reads.h>\nint copy_part(int n) { READS(n, \"step.inc\"); return n; }\n", "../outside/reads.h": "#define READS(n, file) __asm__ volatile(\".include \\\"\" file \"\\\"\" : \"+a\"(n))\n" }],
    [".include in a file that is assembly", { "copy.s": ".globl copy_part\n.type copy_part, @function\ncopy_part:\nmovl %edi, %eax\n.include \"step.inc\"\nret\n.size copy_part, . - copy_part\n" }],
  ])("by %s", async (_, files) => {
    using opened = await openWay({ files: { "step.inc": "addl $9, %eax\n", ...files }, copy: { file: Object.keys(files)[0] ?? "", flags: ["-g", "-O2", "-I../outside"] } });
    const { image } = await patchTree(tracer, opened, [opened.tree.diff("fix", { "step.inc": "addl $19, %eax\n" })]);
    expect(await answersAround(tracer, opened.program, image, [2])).toEqual([["10"], ["20"], ["10"]]);
  });

  test.each<[string, Files, flags: readonly string[]]>([
    [".incbin in C", { "copy.c": data("\".incbin \\\"steps.bin\\\"\""), "steps.bin": "ABAB" }, ["-g", "-O2"]],
    [".incbin, looked for where headers are", { "copy.c": data("\".incbin \\\"steps.bin\\\"\""), "data/steps.bin": "ABAB" }, ["-g", "-O2", "-Idata"]],
    [".incbin by clang", { "copy.c": data("\".incbin \\\"steps.bin\\\"\""), "steps.bin": "ABAB" }, ["-g", "-O1"]],
  ])("by %s", async (title, files, flags) => {
    const [, name = ""] = Object.keys(files);
    using opened = await openWay({ files, copy: { flags, ...(title.endsWith("clang") ? { compiler: "clang" } : {}) }, prepare: clang });
    const { image } = await patchTree(tracer, opened, [opened.tree.diff("fix", { [name]: "ACAC" })]);
    expect(await answersAround(tracer, opened.program, image, [2])).toEqual([["66"], ["67"], ["66"]]);
  });
});

describe("createPatchImage() refuses, and leaves the process alone, where the program has a copy", () => {
  const shared = (step: number): string => `static inline int step(int n) { return n * n * n + ${step}; }\n`;
  const files = { "inc/shared.h": shared(10), "part.c": "#include \"inc/shared.h\"\nint part(int n) { return step(n); }\n", "copy.c": "#ifndef WITHOUT\n#include \"inc/shared.h\"\n#else\nint step(int);\n#endif\nint copy_part(int n) { return step(n); }\n" };
  const moved = (tree: SourceTree): readonly string[] => [`-ffile-prefix-map=${tree.root}=/usr/src/built`];

  async function refusalOf(flags: (tree: SourceTree) => readonly string[], recorded: (words: readonly string[]) => readonly string[] | undefined): Promise<unknown> {
    using tree = openSourceTree({ "main.c": asking, "answer.c": answer, ...files });
    const program = await buildTree(tree, ["main.c", "answer.c", "part.c", "copy.c"].map((file) => ({ file, flags: flags(tree) })));
    const path = join(tree.root, "compile_commands.json");
    const commands = JSON.parse(readFileSync(path, "utf8")) as { file: string; arguments: readonly string[] }[];
    writeFileSync(path, JSON.stringify(commands.flatMap((each) => {
      const words = each.file === "copy.c" ? recorded(each.arguments) : each.arguments;
      return words === undefined ? [] : [{ ...each, arguments: words }];
    })));
    return await leftAlone(program, () => patchTree(tracer, { tree, program }, [tree.diff("fix", { "inc/shared.h": shared(20) })])).then(() => "not refused", (error: unknown) => error);
  }

  test.each<[string, (tree: SourceTree) => readonly string[]]>([
    ["", () => ["-g", "-O2"]],
    [", compiled to DWARF 4", () => ["-gdwarf-4", "-O2"]],
    [", built in a directory that was mapped to another one", (tree) => ["-g", "-O2", ...moved(tree)]],
    [", built in a directory that was mapped to none", (tree) => ["-g", "-O2", `-fdebug-prefix-map=${tree.root}=.`]],
    [", with little debug information", () => ["-g1", "-O2"]],
  ])("in a unit that no compile command makes%s", async (_, flags) => {
    expect(await refusalOf(flags, () => undefined)).toMatchObject({
      kind: "no-compile-command", data: { file: "inc/shared.h", unit: "copy.c" },
      message: expect.stringContaining("the program has code or declarations of inc/shared.h in copy.c, which no compile command makes"),
    });
  });

  test("in a unit whose recorded command reads no such file", async () => {
    expect(await refusalOf(() => ["-g", "-O2"], (words) => [...words, "-DWITHOUT"])).toMatchObject({
      kind: "source-mismatch", data: { file: "inc/shared.h", unit: "copy.c" }, message: expect.stringContaining("copy.c, whose compile command does not read that file"),
    });
  });

  test("that is included by a path which leads out of the tree and back", async () => {
    const way = { files: { "copy.c": `${copy}#include <deep/below.h>\n`, "../outside/deep/below.h": "#include \"../../tree/part.c\"\n" }, copy: { flags: ["-g", "-O2", "-I../outside"] } };
    using opened = await openWay(way);
    await expect(leftAlone(opened.program, () => patchTree(tracer, opened, [opened.tree.diff("fix", { "part.c": part(20) })])))
      .rejects.toMatchObject({ kind: "not-patchable", data: { unit: "copy.c", file: "part.c" } });
  });
});
