// `suture build` and `suture inspect` through the real program: ways to say what a patch is made from, progress, and what
// an image shows of itself.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openProgress, parseProgressMode } from "../../shell/progress.ts";
import { plainStyle } from "../../shell/terminal.ts";
import { compileTarget, snapshotOf, startTarget, type CompiledTarget } from "../support/mod.ts";
import { scratchDirectory, writeDiff } from "./patched-program.ts";
import { runSuture, type Run } from "./run-suture.ts";

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let answers: CompiledTarget;
let diff: string;
beforeAll(async () => {
  scratch = await scratchDirectory();
  answers = await compileTarget("answers-in-a-loop.c");
  diff = await writeDiff(join(scratch.path, "triple.patch"), answers, "i < 2", "i < 3");
}, 60_000);
afterAll(async () => scratch[Symbol.asyncDispose]());

const output = (name: string): string => join(scratch.path, `${name}.suture`);

function build(name: string, ...words: readonly string[]): Promise<Run> {
  return runSuture(["build", "--target", answers.program, "--compile-commands", answers.compileCommands, "--name", name, "-o", output(name), ...words], { cwd: scratch.path });
}

describe("suture build", () => {
  it("tells of each step in a line of its own where standard error is no terminal", async () => {
    const { exitCode, error } = await build("lines", diff, "--source", answers.sourceDirectory);
    expect(exitCode).toBe(0);
    expect(error.split("\n").map((line) => line.replace(/\d+\.\d s/, "0.0 s"))).toEqual([
      "looking for the units of answers-in-a-loop.c", "1 to compile: answers-in-a-loop.c", expect.stringMatching(/^\[1\/2\] compiled answers-in-a-loop\.c as (it was|patched), 0\.0 s$/),
      expect.stringMatching(/^\[2\/2\] compiled answers-in-a-loop\.c as (it was|patched), 0\.0 s$/),
      expect.stringMatching(/^proved answers-in-a-loop\.c: \d+ functions are those of the program$/), "compared answers-in-a-loop.c: changed answer", "",
    ]);
  });

  it("gives each step as JSON on standard error with --json, and the result alone on standard output", async () => {
    const { out, error } = await build("json", diff, "--source", answers.sourceDirectory, "--json");
    expect(JSON.parse(out)).toMatchObject({ result: "built", notes: [] });
    const events = error.trim().split("\n").map((line) => JSON.parse(line) as { readonly step: string; readonly elapsedMilliseconds: number });
    expect(events.map(({ step }) => step)).toEqual(["search", "units", "compiling", "compiling", "compiled", "compiled", "proved", "compared", "assembled"]);
    expect(events).toMatchObject([{ files: ["answers-in-a-loop.c"] }, { units: ["answers-in-a-loop.c"] }, { done: 0, of: 2 }, {}, { done: 1, of: 2, milliseconds: expect.any(Number) }, { done: 2, of: 2 }, { functions: expect.any(Number) }, { changed: ["answer"] }, { bytes: expect.any(Number) }]);
    for (const { elapsedMilliseconds } of events) expect(elapsedMilliseconds).toBeGreaterThanOrEqual(0);
  });

  it("says that it asks the units for a header, before anything is compiled", async () => {
    const source = join(scratch.path, "header");
    await mkdir(source);
    await writeFile(join(source, "a.h"), "#define N 1\n");
    await writeFile(join(source, "a.c"), "#include \"a.h\"\nint answer(void) { return N; }\n");
    await writeFile(join(source, "compile_commands.json"), JSON.stringify([{ directory: source, file: "a.c", command: "gcc -c a.c" }]));
    await writeFile(join(source, "fix.patch"), "--- a/a.h\n+++ b/a.h\n@@ -1 +1 @@\n-#define N 1\n+#define N 2\n");
    const { error } = await runSuture(["build", join(source, "fix.patch"), "--target", answers.program, "--source", source, "--progress", "json"], { cwd: scratch.path });
    const events = error.trim().split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as object);
    expect(events.slice(0, 2)).toMatchObject([{ step: "search", files: ["a.h"] }, { step: "searching", files: ["a.h"], done: 0, of: 1 }]);
  });

  it("gives each step as JSON beside a result for people, and nothing when told so", async () => {
    const { out, error } = await build("mixed", diff, "--source", answers.sourceDirectory, "--progress", "json");
    expect(out).toContain("answer");
    expect(JSON.parse(error.trim().split("\n").at(-1) ?? "")).toMatchObject({ step: "assembled" });
    for (const words of [["--json", "--progress", "none"], ["--progress", "none"]]) expect((await build("quiet", diff, "--source", answers.sourceDirectory, ...words)).error).toBe("");
  });

  it("says of a function that a running process never enters again that it is one, before anything is committed; inspect says so, too", async () => {
    const main = await writeDiff(join(scratch.path, "main.patch"), answers, "usleep(10000)", "usleep(20000)");
    const warning = /warning: main: it runs from the start of the program to its end: a running process never enters it again/;
    expect(await build("main", main, "--source", answers.sourceDirectory)).toMatchObject({ exitCode: 0, error: expect.stringMatching(warning) as string });
    expect((await runSuture(["inspect", output("main")])).out).toMatch(warning);
    // And to commit it all the same is a choice of its own.
    await using target = await startTarget(answers.program);
    const before = await snapshotOf(target.pid);
    expect(await runSuture(["apply", output("main"), "--pid", `${target.pid}`, "--timeout", "1s"])).toMatchObject({ exitCode: 6, error: expect.stringMatching(/is in main, .*--force-active/) as string });
    expect(await snapshotOf(target.pid)).toEqual(before);
  });

  it("makes the same patch from a new version's tree as from the diff", async () => {
    const changed = join(scratch.path, "changed");
    await mkdir(changed);
    const source = await readFile(answers.source, "utf8");
    await writeFile(join(changed, "answers-in-a-loop.c"), source.replace("i < 2", "i < 3"));
    const { exitCode, out } = await build("tree", "--new-source", changed, "--source", answers.sourceDirectory, "--json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ result: "built", functions: [{ name: "answer" }] });
  });

  it("makes a patch from a function written by hand", async () => {
    const fix = join(scratch.path, "fix.c");
    await writeFile(fix, "int mine(int n) { return n * 9; }\n");
    const { exitCode, out } = await build("hand", "--replace", "answer=mine", fix, "--source", answers.sourceDirectory, "--json");
    expect({ exitCode, ...(JSON.parse(out) as object) }).toMatchObject({ exitCode: 0, functions: [{ name: "answer", reason: "replaced by mine of fix.c, by hand" }], notes: ["Written by hand: mine of fix.c takes the place of answer"] });
  });

  it("refuses other flags than the program's, and with --no-proof says so from the build to the process that carries the patch", async () => {
    const commands = join(scratch.path, "other_commands.json");
    await writeFile(commands, (await readFile(answers.compileCommands, "utf8")).replaceAll('"-O2"', '"-O1"'));
    const words = [diff, "--source", answers.sourceDirectory, "--compile-commands", commands];
    const refused = await build("unproved", ...words, "--json");
    expect({ ...JSON.parse(refused.out) as object, exitCode: refused.exitCode }).toMatchObject({ exitCode: 5, error: { kind: "source-mismatch", message: expect.stringContaining("the program has -O2, the compile command -O1") as string } });

    const built = await build("unproved", ...words, "--no-proof");
    expect([built.exitCode, built.error]).toEqual([0, expect.stringMatching(/^note: The proof of answers-in-a-loop\.c was waived: \d+ of its functions are others in the program: .*answer/m)]);
    expect((await runSuture(["inspect", output("unproved")])).out).toMatch(/^ {2}proof waived: \d+ functions? of these units (is another|are others) in the program$/m);
    const { objects } = JSON.parse((await runSuture(["inspect", output("unproved"), "--json"])).out) as { readonly objects: readonly { readonly proof: { readonly waivedFor: number } }[] };
    const unproved = objects[0]?.proof.waivedFor;
    expect(unproved).toBeGreaterThan(0);

    await using target = await startTarget(answers.program);
    const pid = `${target.pid}`;
    expect((await runSuture(["apply", output("unproved"), "--pid", pid])).exitCode).toBe(0);
    await target.line(/^answer 63$/, target.lines.length);
    for (const step of ["list", "verify"]) {
      expect((await runSuture([step, "--pid", pid])).out).toContain("built with --no-proof");
      const answer = JSON.parse((await runSuture([step, "--pid", pid, "--json"])).out) as object;
      expect([answer].flat()[0]).toMatchObject({ patches: [{ name: "unproved", unproved }] });
    }
    expect((await runSuture(["revert", "unproved", "--pid", pid])).exitCode).toBe(0);
    await target.line(/^answer 42$/, target.lines.length);
  });

  it.each<[string, readonly string[], RegExp]>([
    ["no input", ["--source", "."], /neither a diff nor --set is given/],
    ["no source tree", ["fix.patch"], /add --source DIRECTORY, the tree that built the program/],
    ["diffs and a new tree", ["fix.patch", "--source", ".", "--new-source", "."], /two different ways/],
    ["no file of replacements", ["--replace", "a=b", "--source", "."], /takes C files with the new functions, and none is named/],
    ["a replacement that is none", ["--replace", "a", "x.c", "--source", "."], /"a" is not OLD=NEW/],
    ["flags without a replacement", ["fix.patch", "--source", ".", "--flags", "-O2"], /--flags belongs to --replace/],
    ["a number that is none", ["fix.patch", "--source", ".", "-p", "x"], /"x" is not 0 to 9/],
    ["an unknown way of progress", ["fix.patch", "--source", ".", "--progress", "loud"], /"loud" is none of auto, line, lines, json, none/],
  ])("refuses %s", async (_, words, found) => {
    const { exitCode, out } = await build("none", ...words, "--json");
    const { error } = JSON.parse(out) as { readonly error: { readonly kind: string; readonly message: string } };
    expect({ exitCode, kind: error.kind }).toEqual({ exitCode: 2, kind: "usage" });
    expect(error.message).toMatch(found);
  });
});

describe("suture inspect", () => {
  it("shows the diffs and the code, old against new, on request", async () => {
    await build("shown", diff, "--source", answers.sourceDirectory);
    const { exitCode, out } = await runSuture(["inspect", output("shown"), "--diff", "--disassembly", "--function", "answer", "--target", answers.program]);
    expect(exitCode).toBe(0);
    expect(out).toContain("made from    triple (+1 −1 lines in 1 file)");
    expect(out).toMatch(/^compiled\n {2}answers-in-a-loop\.c: GNU C.*\n {4}gcc .*-O2/m);
    expect(out).toMatch(/^diff triple\n(=+\n)?--- a\/answers-in-a-loop\.c/m);
    expect(out).toMatch(/^code of answer \(answers-in-a-loop\.c, .*\), old \(-\) against new \(\+\)\n@@ /m);
    const { disassembly } = JSON.parse((await runSuture(["inspect", "--disassembly", output("shown"), "--json"])).out) as { readonly disassembly: unknown };
    expect(disassembly).toMatchObject([{ function: "answer", new: expect.arrayContaining(["  ret"]) }]);
  });

  it("refuses a program of another build", async () => {
    const { exitCode, error } = await runSuture(["inspect", output("shown"), "--disassembly", "--target", process.execPath]);
    expect(exitCode).not.toBe(0);
    expect(error).toMatch(/^error: Cannot show the old code: .* has build-id/);
  });
});

describe("openProgress()", () => {
  const record = (mode: string, isTerminal: boolean, asJson: boolean): string => {
    let written = "";
    const terminal = {
      out: () => undefined, error: (text: string) => { written += text; }, outIsTerminal: false, errorIsTerminal: isTerminal, errorWidth: () => 24, style: plainStyle, errorStyle: plainStyle,
    };
    const progress = openProgress(mode === "watched" ? mode : parseProgressMode(mode), terminal, asJson);
    progress.report({ step: "one" }, "a step", "step");
    progress.report({ step: "two" }, "a moment that is much too long for the line", "momentary");
    progress.report({ step: "three" }, "a note", "lasting");
    progress.report({ step: "four" }, "the end");
    progress[Symbol.dispose]();
    return written;
  };

  it("writes one line of a terminal over, cut to its width, keeps notes, and leaves it empty", () => {
    expect(record("auto", true, false)).toBe("a step\r\x1b[Ka moment that is much t\r\x1b[Ka note\nthe end\r\x1b[K");
  });

  it("writes lines elsewhere, and JSON beside JSON, but for what only a terminal would show", () => {
    expect(record("auto", false, false)).toBe("a step\na note\nthe end\n");
    expect(record("auto", true, true).split("\n").map((line) => (line === "" ? "" : (JSON.parse(line) as { readonly step: string }).step))).toEqual(["one", "two", "three", "four", ""]);
    expect(record("watched", true, true)).toBe("");
    expect(record("none", true, false)).toBe("");
  });
});
