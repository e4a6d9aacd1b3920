// Bad input, each through the real program: an exit code, one line that says what was found and what to do, and the
// process exactly as it was.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileTarget, Gdb, snapshotOf, startTarget, waitUntil, type CompiledTarget } from "../support/mod.ts";
import { buildPatch, buildWords, scratchDirectory, writeDiff } from "./patched-program.ts";
import { runSuture, type RunOptions } from "./run-suture.ts";

const run = promisify(execFile);
const neverAPid = "4194304";

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let answers: CompiledTarget;
/** Makes answer() give 63 instead of 42. */
let image: string;

beforeAll(async () => {
  scratch = await scratchDirectory();
  ({ compiled: answers, image } = await buildPatch(scratch.path, "triple", { target: "answers-in-a-loop.c", old: "i < 2", replacement: "i < 3" }));
}, 60_000);
afterAll(async () => scratch[Symbol.asyncDispose]());

interface Refusal {
  readonly exitCode: number;
  readonly kind: string;
  readonly found: string | RegExp;
}

/** Asserts the refusal in text and in JSON; `options.uid` runs it as somebody else. */
async function expectRefusal(words: readonly string[], { exitCode, kind, found }: Refusal, options: RunOptions = {}): Promise<void> {
  const result = await runSuture([...words, "--json"], options);
  const { error } = JSON.parse(result.out) as { error: { kind: string; message: string } };
  expect({ exitCode: result.exitCode, kind: error.kind }).toEqual({ exitCode, kind });
  // A build tells of its steps in lines of JSON before.
  expect(result.error.replaceAll(/^\{.*\}\n/gm, "")).toMatch(/^error: [A-Z][^\n]*[^.\n]\n$/);
  expect(error.message).toMatch(found);
}

/** Starts the answering program, asserts the refusal of `words`, and that the process is as it was and still answers 42. */
async function expectUntouched(words: (pid: number) => readonly string[], refusal: Refusal, options: RunOptions = {}): Promise<void> {
  await using target = await startTarget(answers.program);
  const before = await snapshotOf(target.pid);
  await expectRefusal(words(target.pid), refusal, options);
  expect(await snapshotOf(target.pid)).toEqual(before);
  const seen = target.lines.length;
  expect(await target.line(/^answer /, seen)).toBe("answer 42");
}

const onPid = (...words: readonly string[]) => (pid: number) => [...words, "--pid", `${pid}`];

describe("a process that cannot be worked on", () => {
  it.each([["apply"], ["revert"], ["list"], ["verify"], ["recover"], ["threads"], ["stack"], ["symbols"]])(
    "%s refuses a pid that nobody has", async (command) => {
      const operands = command === "apply" ? [image] : command === "revert" ? ["triple"] : [];
      await expectRefusal([command, ...operands, "--pid", neverAPid], { exitCode: 3, kind: "no-such-process", found: /4194304/ });
    });

  it("apply refuses a process of another user", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root can run it as somebody else");
    await expectUntouched(onPid("apply", image), { exitCode: 3, kind: "not-permitted", found: /not permit/ }, { uid: 65534 });
  });

  it("list says that it may not look into the processes of others", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root can run it as somebody else");
    await using target = await startTarget(answers.program);
    const { exitCode, error } = await runSuture(["list"], { uid: 65534 });
    expect(exitCode).toBe(0);
    expect(error).toMatch(/^warning: \d+ processes of this machine may not be looked into; root, .* sees all\n$/);
    expect(target.exit()).toBeUndefined();
  });

  it("--exe says why it cannot find the file out", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root can run it as somebody else");
    const closed = join(scratch.path, "closed");
    await mkdir(closed, { mode: 0o700 });
    await expectRefusal(["apply", image, "--exe", join(closed, "program")], { exitCode: 5, kind: "file-not-found", found: /: not permitted$/ }, { uid: 65534 });
  });

  it("symbols refuses a module that the process does not have", async () => {
    await expectUntouched(onPid("symbols", "--module", "libnone.so"), { exitCode: 2, kind: "usage", found: /has no module libnone\.so; it has answers-in-a-loop, / });
  });

  it("apply says that the process went away while it was waiting", async () => {
    const { compiled, image: gone } = await buildPatch(scratch.path, "stay", { target: "stays-in-function.c", old: "rounds++", replacement: "rounds += 2" });
    await using target = await startTarget(compiled.program, { parameters: ["1000"] });
    await expectRefusal(["apply", gone, "--pid", `${target.pid}`, "--timeout", "20s"], { exitCode: 3, kind: "process-gone", found: /has ended|is gone|went away/ });
    expect(target.lines).toContain("stayed for 100 rounds");
    expect(target.exit()).toEqual({ code: 0, signal: null });
  });

  it("apply refuses a process that a debugger holds", async () => {
    await using target = await startTarget(answers.program);
    await using gdb = await Gdb.start();
    await gdb.attach(target.pid);
    const before = await snapshotOf(target.pid);
    await expectRefusal(["apply", image, "--pid", `${target.pid}`], { exitCode: 3, kind: "already-traced", found: /gdb|traced/ });
    expect(await snapshotOf(target.pid)).toEqual(before);
  });

  it("apply refuses a 32-bit process", async () => {
    const compiled = await compileTarget("thirty-two-bit.c", {
      flags: ["-m32", "-nostdlib", "-fno-pic", "-fno-stack-protector"], link: ["-m32", "-nostdlib", "-static", "-no-pie"],
    });
    await using target = await startTarget(compiled.program);
    const before = await snapshotOf(target.pid);
    await expectRefusal(["apply", image, "--pid", `${target.pid}`], { exitCode: 3, kind: "unsupported-architecture", found: /32-bit/ });
    expect(await snapshotOf(target.pid)).toEqual(before);
  });
});

describe("a patch that does not belong to the process", () => {
  it("apply refuses a program of another build-id", async () => {
    const other = await compileTarget("answers-in-a-loop.c", { flags: ["-g", "-O1"] });
    await using target = await startTarget(other.program);
    const before = await snapshotOf(target.pid);
    await expectRefusal(["apply", image, "--pid", `${target.pid}`], { exitCode: 4, kind: "build-id-mismatch", found: /build-id/ });
    expect(await snapshotOf(target.pid)).toEqual(before);
  });

  it("apply refuses an image that is truncated", async () => {
    const bytes = await readFile(image);
    for (const length of [0, 40, bytes.length >> 1, bytes.length - 1]) {
      const path = join(scratch.path, `truncated-${length}.suture`);
      await writeFile(path, bytes.subarray(0, length));
      await expectUntouched(onPid("apply", path), { exitCode: 4, kind: "bad-image", found: /truncated-\d+\.suture/ });
    }
  });

  it("apply refuses an image of an unknown version", async () => {
    const bytes = await readFile(image, "latin1");
    const path = join(scratch.path, "newer.suture");
    await writeFile(path, bytes.replace(/("format":\s*)1/, (_, key: string) => `${key}9`), "latin1");
    await expectUntouched(onPid("apply", path), { exitCode: 4, kind: "unsupported-image-version", found: /9/ });
  });

  it("apply refuses a diff, and says what to do with it", async () => {
    await expectUntouched(onPid("apply", join(scratch.path, "triple.patch")), { exitCode: 4, kind: "bad-image", found: /suture build/ });
  });

  it("apply refuses a file that is not there", async () => {
    await expectUntouched(onPid("apply", join(scratch.path, "none.suture")), { exitCode: 5, kind: "file-not-found", found: /no such file/ });
  });

  it("revert refuses a patch that is not applied", async () => {
    await expectUntouched(onPid("revert", "triple"), { exitCode: 4, kind: "no-such-patch", found: /triple/ });
  });
});

describe("a patch that cannot be built", () => {
  const output = (): string => join(scratch.path, "never.suture");

  async function expectNotBuilt(target: CompiledTarget, diff: string, refusal: Refusal): Promise<void> {
    await expectRefusal(buildWords(target, diff, output()), refusal);
    await expect(readFile(output())).rejects.toThrow("ENOENT");
  }

  const diffOf = (name: string, old: string, replacement: string): Promise<string> =>
    writeDiff(join(scratch.path, `${name}.patch`), answers, old, replacement);

  it("build refuses a stripped program without debug information anywhere", async () => {
    const program = join(scratch.path, "stripped");
    await copyFile(answers.program, program);
    await run("strip", ["--strip-all", program]);
    await expectNotBuilt({ ...answers, program }, join(scratch.path, "triple.patch"), { exitCode: 5, kind: "no-debug-information", found: /-g|dbgsym/ });
  });

  it("build refuses a diff that does not apply", async () => {
    const diff = await diffOf("stale", "i < 2", "i < 3");
    await writeFile(diff, (await readFile(diff, "utf8")).replace("int sum = 0;", "int total = 0;"));
    await expectNotBuilt(answers, diff, { exitCode: 5, kind: "diff-does-not-apply", found: /answers-in-a-loop\.c/ });
  });

  it("build refuses a file that is not a diff", async () => {
    await expectNotBuilt(answers, answers.source, { exitCode: 5, kind: "diff-does-not-apply", found: /diff/ });
  });

  it("build passes on what the compiler says of the patched source", async () => {
    const diff = await diffOf("broken", "return sum;", "return sun;");
    await expectNotBuilt(answers, diff, { exitCode: 5, kind: "compile-error", found: /sun/ });
  });

  it("build refuses a diff that changes no object code", async () => {
    const diff = await diffOf("comment", "int sum = 0;", "int sum = 0; // nothing yet");
    await expectNotBuilt(answers, diff, { exitCode: 5, kind: "nothing-to-patch", found: /changes no object code/ });
  });

  it("build refuses a source tree other than the one that built the program", async () => {
    const other = await compileTarget("answers-in-a-loop.c", { flags: ["-g", "-O1"] });
    await expectNotBuilt({ ...answers, program: other.program }, join(scratch.path, "triple.patch"), { exitCode: 5, kind: "source-mismatch", found: /main|answer/ });
  });

  it("build refuses a diff that is not there", async () => {
    await expectNotBuilt(answers, join(scratch.path, "none.patch"), { exitCode: 5, kind: "file-not-found", found: /none\.patch: no such file$/ });
  });

  it("build refuses a name that a patch cannot have, before it compiles", async () => {
    await expectRefusal([...buildWords(answers, join(scratch.path, "triple.patch"), output()), "--name", "a/b"], { exitCode: 2, kind: "usage", found: /"a\/b": has a slash/ });
  });

  it("build that is interrupted leaves no files and no compiler", async () => {
    const directory = join(scratch.path, "temporary");
    await mkdir(directory);
    // A compiler that never comes to an end.
    const stuck = join(directory, "stuck-compiler");
    await writeFile(stuck, `#!/bin/sh\necho $$ > ${stuck}.pid\nexec sleep 1000\n`, { mode: 0o755 });
    const commands = join(directory, "compile_commands.json");
    await writeFile(commands, (await readFile(answers.compileCommands, "utf8")).replace('"gcc"', JSON.stringify(stuck)));
    const words = [...buildWords({ ...answers, compileCommands: commands }, join(scratch.path, "triple.patch"), output()), "--no-cache"];
    const { exitCode, error } = await runSuture(words, {
      env: { TMPDIR: directory },
      onStart: (pid) => void waitUntil("the compiler runs", () => existsSync(`${stuck}.pid`)).then(() => process.kill(pid, "SIGINT")),
    });
    expect({ exitCode, error }).toMatchObject({ exitCode: 6, error: expect.stringMatching(/interrupted by SIGINT\n$/) as string });
    const compiler = Number(await readFile(`${stuck}.pid`, "utf8"));
    await waitUntil("the compiler has ended", () => !existsSync(`/proc/${compiler}`));
    expect((await readdir(directory)).filter((name) => name.startsWith("suture-"))).toEqual([]);
  });

  it("build refuses a program that is not there", async () => {
    await expectNotBuilt({ ...answers, program: "/nonexistent/program" }, join(scratch.path, "triple.patch"), { exitCode: 5, kind: "file-not-found", found: /nonexistent/ });
  });

  it("patchability refuses a function that the program does not have", async () => {
    await expectRefusal(["patchability", "anwser", "--target", answers.program], { exitCode: 5, kind: "unknown-function", found: /did you mean answer\?/ });
    await expectUntouched(onPid("patchability", "anwser"), { exitCode: 5, kind: "unknown-function", found: /did you mean answer\?/ });
  });
});
