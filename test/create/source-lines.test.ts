// The source lines that an image carries: those of the patched source, for each function that travels, under the names that the
// program's own debug information has for its directories.

import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createPatchImage, createReplacementImage } from "../../native/create/mod.ts";
import type { CreateOptions, CreateProgress, SourceDiff } from "../../native/create/mod.ts";
import { readLineTables } from "../../native/elf/mod.ts";
import { decodeImage } from "../../native/image/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { asking, buildTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { SourceTree } from "./source-tree.ts";

const header = "static inline int scaled(int n) {\n  return n * 3;\n}\n";
const newHeader = "static inline int scaled(int n) {\n  if (n == 77)\n    return -1;\n  return n * 3;\n}\n";
const unit = `#include "scale.h"
#ifdef NUMBERED
#define HERE __LINE__
#else
#define HERE 0
#endif
int shared;
__attribute__((noinline)) static int first(int n) {
  return n + shared;
}
int unrelated(int n) {
  return n * 7 + HERE;
}
int answer(int n) {
  int sum = scaled(n) + HERE;
  return sum + first(n);
}
`;
const newUnit = unit
  .replace("  return n + shared;", "  if (n > 40)\n    shared++;\n\n  return n + shared;")
  .replace("  return sum + first(n);", "  sum ^= 5;\n  return sum + first(n);");

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

interface Built extends Disposable {
  readonly tree: SourceTree;
  readonly program: string;
  readonly diff: SourceDiff;
  create(options?: Partial<CreateOptions>): Promise<Uint8Array>;
}

async function open(...flags: readonly string[]): Promise<Built> {
  const tree = openSourceTree({ "main.c": asking, "src/a.c": unit, "src/scale.h": header });
  const program = await buildTree(tree, [{ file: "main.c" }, { file: "src/a.c", flags: ["-g", "-O2", ...flags] }]);
  const diff = tree.diff("fix", { "src/a.c": newUnit, "src/scale.h": newHeader });
  return {
    tree, program, diff,
    create: async (options = {}) => (await createPatchImage(tracer, [diff], { source: tree.root, target: program, ...options })).image,
    [Symbol.dispose]: () => { tree[Symbol.dispose](); },
  };
}

/** Of each function, the lines that its code comes from: `file:line`, each once, in order. */
function linesIn(image: Uint8Array): Readonly<Record<string, readonly string[]>> {
  const { elf } = decodeImage(image);
  return Object.fromEntries(readLineTables(elf).map(({ section, rows }) => {
    const lines = rows.map(({ file, line }) => [file.name.split("/").at(-1) ?? "", line] as const).filter(([, line]) => line > 0);
    lines.sort(([one, first], [other, second]) => (one === other ? first - second : one < other ? -1 : 1));
    return [elf.sections[section]?.name.slice(".text.".length) ?? "", [...new Set(lines.map(([file, line]) => `${file}:${line}`))]];
  }));
}

/** The numbers of the lines of `text` from one that holds `from` to one that holds `to`. */
function range(file: string, text: string, from: string, to: string): readonly string[] {
  const lines = text.split("\n");
  const [start, end] = [lines.findIndex((line) => line.includes(from)), lines.findIndex((line) => line.includes(to))];
  return Array.from({ length: end - start + 1 }, (_, index) => `${file}:${start + index + 1}`);
}

describe.each([["depends on the numbers of its lines", ["-DNUMBERED"]], ["does not", []]] as const)("the lines of a unit whose code %s", (_, flags) => {
  test("are those of the patched source and of the patched header, and of functions that travel only", async () => {
    using built = await open(...flags);
    const lines = linesIn(await built.create());
    expect(Object.keys(lines).sort()).toEqual(["answer", "first"]);
    const first = range("a.c", newUnit, "static int first(", "return n + shared;");
    expect(first).toHaveLength(5);
    expect(lines["first"]).toEqual(expect.arrayContaining([first[0], first[1], first[2], first[4]]));
    expect(first.concat(`a.c:${Number(first[4]?.split(":")[1]) + 1}`)).toEqual(expect.arrayContaining([...lines["first"] ?? []]));
    const answer = range("a.c", newUnit, "int answer(", "return sum + first(n);");
    expect(lines["answer"]).toEqual(expect.arrayContaining([answer[0], answer[1], answer[2], answer[3]]));
    expect(lines["answer"]).toEqual(expect.arrayContaining([expect.stringMatching(/^scale\.h:[234]$/)]));
    const own = [...answer, `a.c:${Number(answer[3]?.split(":")[1]) + 1}`, ...range("scale.h", newHeader, "static inline", "return n * 3;")];
    expect(own).toEqual(expect.arrayContaining([...lines["answer"] ?? []]));
  });

  test("cost no second function: what is not touched stays as it is", async () => {
    using built = await open(...flags);
    expect(decodeImage(await built.create()).manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["first", "answer"]);
  });
});

describe("the debug information of an image", () => {
  test("is the same from a copy of the tree elsewhere, and names the directory that built the program", async () => {
    using built = await open("-DNUMBERED");
    const copy = join(built.tree.directory, "else", "where");
    cpSync(built.tree.root, copy, { recursive: true });
    const commands = execFileSync("sed", [`s|"directory":"${built.tree.root}"|"directory":"${copy}"|g`, join(built.tree.root, "compile_commands.json")], { encoding: "utf8" });
    writeFileSync(join(copy, "compile_commands.json"), commands);
    const image = await built.create();
    expect(Buffer.from(await built.create({ source: copy })).equals(image)).toBe(true);
    const path = join(built.tree.directory, "image");
    writeFileSync(path, image);
    const info = execFileSync("sh", ["-c", `readelf --debug-dump=info,decodedline ${path} 2>&1`], { encoding: "utf8" });
    expect(info).not.toMatch(/warning/i);
    expect(info).toMatch(new RegExp(`DW_AT_comp_dir +: ${built.tree.root}$`, "m"));
    expect(info).toMatch(/DW_AT_name +: src\/a\.c$/m);
    expect(info).toMatch(/DW_AT_name +: answer$/m);
  });

  test("is read from compressed sections, too", async () => {
    using built = await open("-gz=zlib");
    expect(Object.keys(linesIn(await built.create())).sort()).toEqual(["answer", "first"]);
  });

  test("is left out, with a note, where the compiler's own cannot be read", async () => {
    using built = await open();
    const compiler = join(built.tree.directory, "compiler");
    writeFileSync(compiler, `#!/bin/sh\ngcc "$@" || exit\nfor word; do case "$word" in *.o) objcopy --rename-section .debug_line=.lines "$word";; esac; done\n`, { mode: 0o755 });
    const commands = join(built.tree.root, "compile_commands.json");
    writeFileSync(commands, readFileSync(commands, "utf8").replaceAll('"gcc"', JSON.stringify(compiler)));
    const steps: CreateProgress[] = [];
    const image = await built.create({ onProgress: (step) => steps.push(step) });
    expect(decodeImage(image).manifest.objects[0]?.debug).toBeUndefined();
    expect(steps).toContainEqual({ step: "note", text: expect.stringMatching(/^Debuggers will show no source lines of src\/a\.c: its object has no line table$/) });
  });

  test("is there for functions written by hand", async () => {
    using built = await open();
    const file = join(built.tree.directory, "fix.c");
    writeFileSync(file, "extern int shared;\n\nint better(int n) {\n  shared += n;\n  return shared;\n}\n");
    const { image } = await createReplacementImage(tracer, [file], { source: built.tree.root, target: built.program, replacements: [{ old: "unrelated", by: "better" }] });
    expect(linesIn(image)).toEqual({ better: ["fix.c:3", "fix.c:4", "fix.c:5", "fix.c:6"] });
  });
});
