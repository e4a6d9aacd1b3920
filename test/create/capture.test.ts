import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { captureCompileCommands } from "../../native/create/capture.ts";
import { compileTree, openSourceTree } from "./source-tree.ts";

const files = { "a.c": "int a(void) { return 1; }\n", "Makefile": "a.o: a.c\n\tgcc -O2 -DX='\"y z\"' -c a.c -o a.o\n" };

test("captureCompileCommands() writes what a build compiles, ready to be used", async () => {
  using tree = openSourceTree(files);
  const commands = await captureCompileCommands(["make"], { directory: tree.root });
  expect(commands).toMatchObject([{ file: join(tree.root, "a.c"), output: join(tree.root, "a.o") }]);
  expect(commands[0]?.arguments).toContain('-DX="y z"');
  const { units } = await compileTree(tree, [tree.diff("fix", { "a.c": "int a(void) { return 2; }\n" })]);
  expect(units).toMatchObject([{ unit: "a.c", differing: [".text.a"] }]);
});

test("captureCompileCommands() writes elsewhere when told to", async () => {
  using tree = openSourceTree(files);
  const output = join(tree.directory, "commands.json");
  await captureCompileCommands(["make", "-s"], { directory: tree.root, output });
  expect([existsSync(output), existsSync(join(tree.root, "compile_commands.json"))]).toEqual([true, false]);
});

test("captureCompileCommands() keeps the file that is there when the build fails or compiles nothing", async () => {
  using tree = openSourceTree({ ...files, "compile_commands.json": "[]" });
  const capture = (...command: readonly string[]) => captureCompileCommands(command, { directory: tree.root });
  await expect(capture("make", "no-such-goal")).rejects.toMatchObject({ kind: "compile-error", message: expect.stringContaining("the build ended with 2") });
  await expect(capture("true")).rejects.toMatchObject({ kind: "no-compile-command", message: expect.stringContaining("clean the build first") });
  await expect(capture()).rejects.toMatchObject({ kind: "usage" });
  expect(tree.contents().get("compile_commands.json")).toBe("[]");
  expect(readdirSync(tree.root).sort()).toEqual(["Makefile", "a.c", "compile_commands.json"]);
});

test("captureCompileCommands() names the package of a missing bear", async () => {
  using tree = openSourceTree(files);
  const path = process.env["PATH"];
  process.env["PATH"] = tree.root;
  try {
    await expect(captureCompileCommands(["make"], { directory: tree.root })).rejects.toMatchObject({ kind: "missing-tool", message: expect.stringContaining("apt install bear") });
  } finally {
    process.env["PATH"] = path;
  }
});
