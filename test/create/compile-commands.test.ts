import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { parseCompileCommands, readCompileCommands } from "../../native/create/compile-commands.ts";
import { formatArguments, parseArguments, linkTimeOptimisation } from "../../native/create/compiler-arguments.ts";
import { readInvocation } from "../../native/create/invocation.ts";
import { splitShellWords } from "../../native/create/shell-words.ts";
import { openSourceTree } from "./source-tree.ts";
import type { SourceTree } from "./source-tree.ts";

test.each([
  ["a  b\tc\n", ["a", "b", "c"]],
  [`'-DX="a b"' "-DY=\\"q\\"" -DZ=\\"z\\"`, ['-DX="a b"', '-DY="q"', '-DZ="z"']],
  [`-D'A'"B"C "" ''`, ["-DABC", "", ""]],
  [`$HOME "$x" '\\n' "\\n" a\\ b "a\\\nb" a\\\nb`, ["$HOME", "$x", "\\n", "\\n", "a b", "ab", "ab"]],
  ["", []],
])("splitShellWords() splits %j", (text, words) => {
  expect(splitShellWords(text)).toEqual(words);
});

const parse = (tree: SourceTree, entries: unknown) => parseCompileCommands(JSON.stringify(entries), join(tree.root, "compile_commands.json"));

test("parseCompileCommands() makes paths absolute and finds the output", () => {
  using tree = openSourceTree({ "src/a.c": "" });
  const expected = { directory: join(tree.root, "src"), file: join(tree.root, "src/a.c"), arguments: ["gcc", "-c", "-o", "../a.o", "a.c"], output: join(tree.root, "a.o") };
  expect(parse(tree, [{ directory: "src", file: "a.c", command: "gcc -c -o ../a.o a.c" }])).toEqual([expected]);
  expect(parse(tree, [{ directory: join(tree.root, "src"), file: "../src/a.c", arguments: expected.arguments, output: "../a.o" }])).toEqual([expected]);
});

test("parseCompileCommands() keeps the same file with other flags, drops repetitions and files that are gone", () => {
  using tree = openSourceTree({ "a.c": "" });
  const entry = (command: string, file = "a.c") => ({ directory: ".", file, command });
  const commands = parse(tree, [entry("gcc -DONE -c a.c"), entry("gcc -DTWO -c a.c"), entry("gcc -DONE -c a.c"), entry("gcc -c gone.c", "gone.c")]);
  expect(commands.map((command) => command.arguments[1])).toEqual(["-DONE", "-DTWO"]);
});

test("readCompileCommands() names capture as the way out of a missing or damaged file", async () => {
  using tree = openSourceTree({});
  const wayOut = { kind: "no-compile-command", message: expect.stringContaining('"suture capture -- make"') };
  await expect(readCompileCommands({ source: tree.root })).rejects.toMatchObject(wayOut);
  for (const text of ["{", "{}", '[{"file": 1, "directory": "."}]']) {
    writeFileSync(join(tree.root, "compile_commands.json"), text);
    await expect(readCompileCommands({ source: tree.root })).rejects.toMatchObject(wayOut);
  }
});

async function invocation(tree: SourceTree, command: string) {
  const [parsed] = parse(tree, [{ directory: ".", file: "a.c", command }]);
  if (!parsed) throw new Error("no command");
  const read = await readInvocation(parsed);
  return [read.compiler, ...formatArguments(read.arguments)].join(" ");
}

test("readInvocation() leaves out outputs, dependency files, other inputs and launchers", async () => {
  using tree = openSourceTree({ "a.c": "", "flags": "-DA=\"x y\" @more", "more": "-DB" });
  expect(await invocation(tree, "ccache gcc -MD -MP -MF a.d -MTa.o -Wp,-MMD,x.d -O2 -Iinc -I inc2 -c a.c -o a.o")).toBe("gcc -O2 -Iinc -I inc2 a.c");
  expect(await invocation(tree, "/usr/bin/ccache distcc gcc -oa.o -x c ./a.c -c")).toBe("/usr/bin/gcc ./a.c".replace("/usr/bin/gcc", "gcc -x c"));
  expect(await invocation(tree, "gcc -o prog a.c b.c lib.a -lm -Werror=all -fno-function-sections")).toBe("gcc a.c -lm");
  expect(await invocation(tree, "gcc @flags -c a.c @gone")).toBe("gcc -DA=x y -DB a.c");
  expect(await invocation(tree, "./bin/gcc -c a.c")).toBe(`${join(tree.root, "bin/gcc")} a.c`);
});

test("parseArguments() gives back what it took apart", () => {
  const words = ["-I", "a", "-Ib", "-isystem/c", "-include", "d.h", "-include-pch", "e", "-D", "F=1", "-DG", "--param", "h=1", "-MD", "-Xclang", "-mllvm", "i.c", "-", "-o"];
  expect(formatArguments(parseArguments(words))).toEqual(words);
});

test("linkTimeOptimisation() believes the last option", () => {
  expect([["-flto"], ["-flto=auto", "-O2"], ["-ffat-lto-objects", "-flto=thin"], ["-flto", "-ffat-lto-objects", "-fno-fat-lto-objects"], ["-flto", "-fno-lto"], ["-ffat-lto-objects"]]
    .map((words) => linkTimeOptimisation(parseArguments(words)))).toEqual(["only", "only", "fat", "only", undefined, undefined]);
});
