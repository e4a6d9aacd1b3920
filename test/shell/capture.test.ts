import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runSuture } from "./run-suture.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "suture-capture-"));
  await copyFile(fileURLToPath(new URL("../targets/answers-in-a-loop.c", import.meta.url)), join(directory, "answers.c"));
  await writeFile(join(directory, "Makefile"), "answers: answers.o\n\t$(CC) -o $@ $^\nanswers.o: answers.c\n\t$(CC) -g -O2 -c -o $@ $<\n");
});
afterEach(async () => rm(directory, { recursive: true }));

describe("suture capture", () => {
  it("writes the compile commands of a build, which build then uses", async () => {
    const captured = await runSuture(["capture", "--json", "--", "make"], { cwd: directory });
    expect(captured.exitCode).toBe(0);
    expect(JSON.parse(captured.out)).toEqual({ result: "captured", output: "compile_commands.json", units: 1 });

    const source = await readFile(join(directory, "answers.c"), "utf8");
    const line = source.split("\n").findIndex((text) => text.includes("i < 2")) + 1;
    await writeFile(join(directory, "fix.patch"),
      `--- a/answers.c\n+++ b/answers.c\n@@ -${line},1 +${line},1 @@\n-  for (int i = 0; i < 2; i++) {\n+  for (int i = 0; i < 3; i++) {\n`);
    const built = await runSuture(["build", "fix.patch", "--progress", "none", "--source", ".", "--target", "answers"], { cwd: directory });
    expect(built).toMatchObject({ exitCode: 0, error: "", out: expect.stringMatching(/^Built fix: 1 function from 1 unit in /) });
    expect(await readdir(directory)).toContain("fix.suture");
  });

  it("leaves an older file alone when the build fails", async () => {
    await writeFile(join(directory, "compile_commands.json"), "[]");
    const { exitCode, out, error } = await runSuture(["capture", "--", "make", "no-such-target"], { cwd: directory });
    expect({ exitCode, out }).toEqual({ exitCode: 5, out: "" });
    expect(error).toMatch(/\nerror: Cannot capture "make no-such-target": [^\n]*\n$/);
    expect(await readFile(join(directory, "compile_commands.json"), "utf8")).toBe("[]");
  });

  it("says so when nothing was compiled", async () => {
    const { exitCode, error } = await runSuture(["capture", "--", "true"], { cwd: directory });
    expect(exitCode).toBe(5);
    expect(error).toMatch(/^error: Cannot capture "true": it compiled nothing/);
  });

  it("leaves the build's own --json to the build", async () => {
    const { out } = await runSuture(["capture", "--", "false", "--json"], { cwd: directory });
    expect(out).toBe("");
  });
});
