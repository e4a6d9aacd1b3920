// A program of one compiler, and compile commands that say another one: noticed, and both named with their versions. The
// program runs meanwhile, and nobody touches it.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { lifted, refused } from "../support/mod.ts";
import type { Beside } from "../support/mod.ts";
import { answersAround, asking, buildTree, patchTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { SourceTree } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

/** Code that every compiler and version makes in its own way; and such as all of them make alike. */
const loop = (limit: number): string => `int answer(int n) {\n  int sum = 0;\n  for (int i = 0; i < n * 5; i++) sum += i > ${limit} ? i : 2 * n;\n  return sum;\n}\n`;
const constant = (result: number): string => `int answer(int n) {\n  return n * n + ${result};\n}\n`;

const build = (tree: SourceTree, compiler: string): Promise<string> => buildTree(tree, [{ file: "main.c", compiler }, { file: "unit.c", compiler }]);

function commandsSay(tree: SourceTree, compiler: string): void {
  const path = join(tree.root, "compile_commands.json");
  const commands = JSON.parse(readFileSync(path, "utf8")) as readonly { readonly arguments: readonly string[] }[];
  writeFileSync(path, JSON.stringify(commands.map((command) => ({ ...command, arguments: [compiler, ...command.arguments.slice(1)] }))));
}

/** What building a patch says while the program runs. */
async function refusedFor(built: string, recorded: string, beside: Beside): Promise<void> {
  using tree = openSourceTree({ "main.c": asking, "unit.c": loop(3) });
  const program = await build(tree, built);
  commandsSay(tree, recorded);
  await beside(program, () => patchTree(tracer, { tree, program }, [tree.diff("fix", { "unit.c": loop(2) })]));
}

refused("X26", "another version of the compiler: an older one", "the program was compiled by GNU C17 12.2.0, this object by GNU C17 11.3.0 (gcc-11); put the one that built the program into compile_commands.json", (beside) => refusedFor("gcc", "gcc-11", beside));
refused("X26", "another version of the compiler: a newer one", "the program was compiled by GNU C17 11.3.0, this object by GNU C17 12.2.0 (gcc)", (beside) => refusedFor("gcc-11", "gcc", beside));
refused("X26", "gcc for a program of clang", "the program was compiled by Debian clang version 14.0.6, this object by GNU C17 12.2.0 (gcc)", (beside) => refusedFor("clang", "gcc", beside));
refused("X26", "clang for a program of gcc", "the program was compiled by GNU C17 12.2.0, this object by Debian clang version 14.0.6 (clang)", (beside) => refusedFor("gcc", "clang", beside));

describe("createPatchImage()", () => {
  test(lifted("X26", "the compiler of the program, which is not the newest one of the machine"), async () => {
    using tree = openSourceTree({ "main.c": asking, "unit.c": loop(3) });
    const program = await build(tree, "gcc-11");
    const { image, manifest, notes } = await patchTree(tracer, { tree, program }, [tree.diff("fix", { "unit.c": loop(2) })]);
    expect(await answersAround(tracer, program, image)).toEqual([["12"], ["13"], ["12"]]);
    expect(manifest.build?.units[0]?.producer).toMatch(/^GNU C17 11\.3\.0 /);
    expect(notes).toEqual([]);
  });

  test(lifted("X26", "another version of the compiler, which makes the same code: it is said"), async () => {
    using tree = openSourceTree({ "main.c": asking, "unit.c": constant(1) });
    const program = await build(tree, "gcc");
    commandsSay(tree, "gcc-11");
    const { image, notes } = await patchTree(tracer, { tree, program }, [tree.diff("fix", { "unit.c": constant(2) })]);
    expect(notes).toEqual(["Another compiler for unit.c: the program was compiled by GNU C17 12.2.0, this object by GNU C17 11.3.0; the code of all its functions is the same"]);
    expect(await answersAround(tracer, program, image)).toEqual([["2"], ["3"], ["2"]]);
  });
});
