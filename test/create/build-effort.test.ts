// What a build has its compilers do: as little as there is. The compiler of these trees is a script that notes what it is asked for.

import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { createPatchImage } from "../../native/create/mod.ts";
import type { CreateProgress } from "../../native/create/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { asking, buildTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { Files, SourceTree } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

// In one section the assembler makes the jump to `near` a short one.
const source = `#include <assert.h>
int seen;
static __attribute__((noinline)) int near(int n) {
  seen++;
  return n * 3;
}
__attribute__((noinline)) int jumping(int n) {
  if (n > 5)
    return near(n + seen);
  return 0;
}
int answer(int n) {
  assert(n != 77);
  return jumping(n) + 1;
}
`;
const fixed = source.replace("  assert(n", "  if (n == 8)\n    return 88;\n  assert(n");

interface Noted extends Disposable {
  readonly tree: SourceTree;
  readonly program: string;
  /** What was compiled since the last call, in words. */
  noted(): readonly string[];
}

async function open(more: Files = {}): Promise<Noted> {
  const tree = openSourceTree({ "main.c": asking, "a.c": source, ...more });
  const [compiler, log] = [join(tree.directory, "compiler"), join(tree.directory, "log")];
  writeFileSync(compiler, `#!/bin/sh\necho " $* " >> '${log}'\nexec gcc "$@"\n`);
  chmodSync(compiler, 0o755);
  const others = Object.keys(more).filter((file) => file.endsWith(".c") && file !== "a.c");
  const program = await buildTree(tree, [{ file: "main.c" }, ...["a.c", ...others].map((file) => ({ file, compiler }))]);
  const noted = (): readonly string[] => {
    const lines = readFileSync(log, "utf8").split("\n").filter(Boolean);
    writeFileSync(log, "");
    return lines.flatMap(describe).sort();
  };
  noted();
  return { tree, program, noted, [Symbol.dispose]: () => tree[Symbol.dispose]() };
}

function describe(line: string): readonly string[] {
  if (/ -(?:###|M|v) /.test(line)) return [];
  if (line.includes(" -E ")) return ["preprocessed"];
  if (line.includes(" -x assembler ")) return ["assembled"];
  if (!line.includes(" -x cpp-output ")) return ["compiled from source"];
  return [line.includes(" -fno-var-tracking ") ? "compiled from text" : "compiled from text, with all locations of variables"];
}

test("createPatchImage() compiles each side once, though its code counts lines and the assembler has shortened jumps", async () => {
  using noted = await open();
  const steps: CreateProgress[] = [];
  const options = { source: noted.tree.root, target: noted.program, objectCache: null, onProgress: (step: CreateProgress) => steps.push(step) };
  const { manifest } = await createPatchImage(tracer, [noted.tree.diff("fix", { "a.c": fixed })], options);
  expect(manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["answer"]);
  expect(noted.noted()).toEqual(["assembled", "assembled", "compiled from text", "compiled from text", "preprocessed", "preprocessed"]);
  expect(steps.map(({ step }) => step)).toEqual(["search", "units", "compiling", "compiling", "compiled", "compiled", "proved", "compared", "assembled"]);
});

test("createPatchImage() preprocesses no unit that a new prototype does not concern", async () => {
  const files = { "h.h": "extern int seen;\nint answer(int n);\n", "a.c": `#include "h.h"\n${source}`, "b.c": "#include \"h.h\"\nint b(void) { return answer(1); }\n" };
  using noted = await open(files);
  const calling = files["a.c"].replace("int answer", "int plain(int n) { return n; }\nint answer").replace("jumping(n) + 1", "jumping(n) + plain(2)");
  const options = { source: noted.tree.root, target: noted.program, objectCache: null };
  const build = async (prototype: string): Promise<number> => {
    await createPatchImage(tracer, [noted.tree.diff("fix", { "h.h": files["h.h"] + prototype, "a.c": calling })], options);
    return noted.noted().filter((what) => what === "preprocessed").length;
  };
  expect(await build("int plain(int n);\n")).toBe(2);
  // A function that the program has, and something that is no declaration, have b.c looked at.
  expect(await build("int plain(int n);\nint jumping(int n);\n")).toBe(4);
  expect(await build("int plain(int n);\n#define PLAIN 1\n")).toBe(4);
});

test("createPatchImage() compiles the sources where the compiler takes no text, the original once more as recorded, and says that lines are not known", async () => {
  using noted = await open();
  const diff = noted.tree.diff("fix", { "a.c": fixed });
  const options = { source: noted.tree.root, target: noted.program, objectCache: null };
  const { image } = await createPatchImage(tracer, [diff], options);
  const compiler = join(noted.tree.directory, "compiler");
  writeFileSync(compiler, readFileSync(compiler, "utf8").replace("exec gcc", "case \" $* \" in *' -x cpp-output '*) exit 1;; esac\nexec gcc"));
  noted.noted();
  const notes: string[] = [];
  const direct = await createPatchImage(tracer, [diff], { ...options, onProgress: (step) => { if (step.step === "note") notes.push(step.text); } });
  expect(noted.noted().filter((each) => each === "compiled from source")).toHaveLength(3);
  expect(notes).toEqual([expect.stringMatching(/^Debuggers will show no source lines of a\.c: Cannot tell the lines of a\.c/)]);
  expect(direct.manifest.objects[0]?.functions.map(({ name, newSize }) => ({ name, newSize }))).toEqual([{ name: "answer", newSize: expect.any(Number) }]);
  expect(image.length).toBeGreaterThan(direct.image.length);
});

test("createPatchImage() takes from a compiler that does not say which one it is what gcc gives", async () => {
  using noted = await open();
  const diff = noted.tree.diff("fix", { "a.c": fixed });
  const options = { source: noted.tree.root, target: noted.program, objectCache: null };
  const { image } = await createPatchImage(tracer, [diff], options);
  const compiler = join(noted.tree.directory, "compiler");
  writeFileSync(compiler, readFileSync(compiler, "utf8").replace("exec gcc", "case \" $* \" in *' -### '*) exit 1;; esac\nexec gcc"));
  noted.noted();
  const silent = await createPatchImage(tracer, [diff], options);
  const locations = "compiled from text, with all locations of variables";
  expect(noted.noted()).toEqual(["assembled", "assembled", locations, locations, "preprocessed", "preprocessed"]);
  expect(silent.manifest.objects[0]?.functions).toEqual((await createPatchImage(tracer, [diff], options)).manifest.objects[0]?.functions);
  expect(silent.image.length).toBe(image.length);
});

test("createPatchImage() compiles a command once that is recorded twice, with another output", async () => {
  using noted = await open();
  const path = join(noted.tree.root, "compile_commands.json");
  const commands = JSON.parse(readFileSync(path, "utf8")) as readonly { readonly arguments: readonly string[] }[];
  writeFileSync(path, JSON.stringify(commands.flatMap((command) => [command, { ...command, arguments: [...command.arguments.slice(0, -1), "another.o"] }])));
  const options = { source: noted.tree.root, target: noted.program, objectCache: null, jobs: 4 };
  const { manifest } = await createPatchImage(tracer, [noted.tree.diff("fix", { "a.c": fixed })], options);
  expect(manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["answer"]);
  expect(noted.noted().filter((each) => each === "compiled from text")).toHaveLength(2);
});
