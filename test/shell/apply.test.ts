// The way of a patch through the real program, on a real process: build, inspect, apply, list, verify, revert.

import { chmod, copyFile, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileTarget, snapshotOf, startTarget, waitUntil, type CompiledTarget, type Target } from "../support/mod.ts";
import { buildPatch, scratchDirectory } from "./patched-program.ts";
import { runSuture } from "./run-suture.ts";

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let answers: CompiledTarget;
let image: string;

beforeAll(async () => {
  scratch = await scratchDirectory();
  ({ compiled: answers, image } = await buildPatch(scratch.path, "triple", { target: "answers-in-a-loop.c", old: "i < 2", replacement: "i < 3" }));
}, 60_000);
afterAll(async () => scratch[Symbol.asyncDispose]());

/** What the program answers from now on. */
async function nextAnswer(target: Target): Promise<string> {
  // The line that is being written may still be the old one.
  const seen = target.lines.length;
  await target.line(/^answer /, seen);
  return target.line(/^answer /, target.lines.length);
}

async function suture(...words: readonly string[]): Promise<unknown> {
  const { exitCode, out, error } = await runSuture([...words, "--json"]);
  expect({ exitCode, error }).toEqual({ exitCode: 0, error: "" });
  return JSON.parse(out) as unknown;
}

const hexAddress = expect.stringMatching(/^0x[0-9a-f]+$/) as string;
const digest = expect.stringMatching(/^[0-9a-f]{64}$/) as string;
const functions = [{ name: "answer", unit: "answers-in-a-loop.c", module: "answers-in-a-loop", old: hexAddress, new: hexAddress }];
const stop = expect.objectContaining({
  ...Object.fromEntries(["workingMicroseconds", "sleepingMicroseconds", "worstWorkingMicroseconds", "worstSleepingMicroseconds", "attempts"].map((name) => [name, expect.any(Number) as number])),
}) as object;

describe("suture build and inspect", () => {
  it("print the documented JSON", async () => {
    expect(await suture("build", join(scratch.path, "triple.patch"), "--source", answers.sourceDirectory, "--target", answers.program,
      "--compile-commands", answers.compileCommands, "--name", "renamed", "--description", "three times", "-o", join(scratch.path, "renamed.suture"), "--progress", "none")).toEqual({
      result: "built",
      patch: { name: "renamed", digest },
      output: join(scratch.path, "renamed.suture"),
      functions: [{ name: "answer", unit: "answers-in-a-loop.c", module: "answers-in-a-loop", old: hexAddress, reason: expect.any(String) as string, warnings: [] }],
      added: [],
      values: [],
      units: ["answers-in-a-loop.c"],
      notes: [],
      milliseconds: expect.any(Number) as number,
    });
    expect(await suture("inspect", join(scratch.path, "renamed.suture"))).toMatchObject({
      file: join(scratch.path, "renamed.suture"), digest, name: "renamed", description: "three times", format: 1, objects: [{ module: { kind: "program" } }],
    });
  });

  it("write NAME.suture into the working directory when no output is named", async () => {
    const { exitCode } = await runSuture(["build", "triple.patch", "--source", answers.sourceDirectory, "--target", answers.program,
      "--compile-commands", answers.compileCommands, "--name", "by-name"], { cwd: scratch.path });
    expect(exitCode).toBe(0);
    expect(await suture("inspect", join(scratch.path, "by-name.suture"))).toMatchObject({ name: "by-name" });
  });
});

describe("suture apply and revert", () => {
  it("change what a running program answers, and change it back, in the documented shapes", async () => {
    await using target = await startTarget(answers.program);
    const pid = `${target.pid}`;
    expect(await nextAnswer(target)).toBe("answer 42");

    const processes = [{ pid: target.pid, functions }];
    expect(await suture("apply", image, "--pid", pid)).toEqual({ result: "committed", patch: { name: "triple", digest }, processes, stop });
    expect(await nextAnswer(target)).toBe("answer 63");

    const listed = { pid: target.pid, program: answers.program, patches: [{ name: "triple", state: "active", digest, functions, symbols: [{ file: expect.stringMatching(new RegExp(`^/proc/${target.pid}/map_files/[0-9a-f]+-[0-9a-f]+$`)), base: expect.any(String) }] }] };
    expect(await suture("list", "--pid", pid)).toEqual([listed]);
    expect(JSON.parse((await runSuture(["list", "--json"])).out)).toContainEqual(listed);
    expect(await suture("verify", "--pid", pid)).toMatchObject({ pid: target.pid, verified: true, patches: [{ name: "triple", codeMatches: true }] });

    expect(await suture("revert", "triple", "--pid", pid)).toEqual({ result: "reverted", patch: { name: "triple", digest }, processes, stop });
    expect(await nextAnswer(target)).toBe("answer 42");
    expect(target.errorText()).toBe("");
  });

  it("apply refuses the same patch twice, and leaves the first in place", async () => {
    await using target = await startTarget(answers.program);
    await suture("apply", image, "--pid", `${target.pid}`);
    const before = await snapshotOf(target.pid);
    const { exitCode, error } = await runSuture(["apply", image, "--pid", `${target.pid}`]);
    expect(exitCode).toBe(4);
    expect(error).toMatch(/^error: Cannot [^\n]*triple[^\n]*\n$/);
    expect(await snapshotOf(target.pid)).toEqual(before);
    expect(await nextAnswer(target)).toBe("answer 63");
  });

  it("serve an ordinary user in a process of his own", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root can run them as somebody else");
    const program = join(scratch.path, "own-answers-in-a-loop");
    await copyFile(answers.program, program);
    await chmod(program, 0o755);
    await using target = await startTarget("setpriv", { parameters: ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", program] });
    const before = await snapshotOf(target.pid);
    const asHimself = async (...words: readonly string[]): Promise<void> =>
      expect({ words, ...await runSuture([...words, "--pid", `${target.pid}`], { uid: 65534, cwd: scratch.path }) }).toMatchObject({ words, exitCode: 0, error: "" });
    await asHimself("apply", image);
    expect(await nextAnswer(target)).toBe("answer 63");
    await asHimself("list");
    await asHimself("verify");
    await asHimself("revert", "triple");
    expect(await nextAnswer(target)).toBe("answer 42");
    expect(await snapshotOf(target.pid)).toEqual(before);
  });

  it("apply --dry-run checks everything and changes nothing", async () => {
    await using target = await startTarget(answers.program);
    const before = await snapshotOf(target.pid);
    expect(await suture("apply", image, "--pid", `${target.pid}`, "--dry-run")).toMatchObject({ result: "checked", processes: [{ pid: target.pid, functions }] });
    expect(await snapshotOf(target.pid)).toEqual(before);
    expect(await nextAnswer(target)).toBe("answer 42");
  });

  it("end with 9 when the patch is in, or out, and its own callback after the switch failed", async () => {
    const head = "__attribute__((noinline, noclone)) static int answer(int question) {\n  int sum = 0;";
    const callbacks = "#include \"suture.h\"\nstatic void broken(void) { *(volatile int *)0 = 1; }\nSUTURE_POST_PATCH(broken)\nSUTURE_POST_UNPATCH(broken)\n";
    const { image: failing } = await buildPatch(scratch.path, "failing", { target: "answers-in-a-loop.c", old: head, replacement: callbacks + head.replace("0;", "question;") });
    await using target = await startTarget(answers.program);
    const pid = `${target.pid}`;
    const applied = await runSuture(["apply", failing, "--pid", pid, "--json"]);
    expect(applied.exitCode).toBe(9);
    expect(JSON.parse(applied.out)).toMatchObject({ result: "committed", processes: [{ failedCallbacks: [{ when: "post-patch", function: "broken", outcome: "crashed with signal 11" }] }] });
    expect(await nextAnswer(target)).toBe("answer 63");
    expect(await runSuture(["revert", "failing", "--pid", pid])).toMatchObject({ exitCode: 9, out: expect.stringMatching(/^Reverted failing[^]*warning: the post-unpatch callback broken crashed with signal 11/) });
    expect(await nextAnswer(target)).toBe("answer 42");
  });

  it("apply names the thread that stands in the way when the time is up", async () => {
    const { compiled, image: stay } = await buildPatch(scratch.path, "stay", { target: "stays-in-function.c", old: "rounds++", replacement: "rounds += 2" });
    await using target = await startTarget(compiled.program, { parameters: ["60000"] });
    const before = await snapshotOf(target.pid);
    const { exitCode, out } = await runSuture(["apply", stay, "--pid", `${target.pid}`, "--timeout", "200ms", "--json"]);
    expect(exitCode).toBe(6);
    expect(JSON.parse(out)).toMatchObject({ error: { kind: "blocked", message: expect.stringMatching(new RegExp(`${target.pid}.*stay`)) as string } });
    expect(await snapshotOf(target.pid)).toEqual(before);
  });

  it("apply gives back what it has staged when it is interrupted while it waits", async () => {
    const { compiled, image: stay } = await buildPatch(scratch.path, "interrupted", { target: "stays-in-function.c", old: "rounds++", replacement: "rounds += 2" });
    await using target = await startTarget(compiled.program, { parameters: ["60000"] });
    const before = await snapshotOf(target.pid);
    const isStaged = async () => (await readFile(`/proc/${target.pid}/maps`, "utf8")).includes("memfd:suture");
    const { exitCode, error } = await runSuture(["apply", stay, "--pid", `${target.pid}`, "--timeout", "60s"], {
      onStart: (pid) => void waitUntil("the patch is staged", isStaged).then(() => process.kill(pid, "SIGINT")),
    });
    expect(exitCode).toBe(6);
    expect(error).toMatch(/^error: Cannot [^\n]*interrupted[^\n]*\n$/);
    expect(await snapshotOf(target.pid)).toEqual(before);
  });

  it("verify ends with 7 and shows the bytes when somebody else has written over the entry", async () => {
    await using target = await startTarget(answers.program);
    const applied = await suture("apply", image, "--pid", `${target.pid}`) as { processes: [{ functions: [{ old: string }] }] };
    const at = Number(applied.processes[0].functions[0].old);
    // Stopped, so that it does not run into what is written.
    target.signal("SIGSTOP");
    await poke(target.pid, at, Uint8Array.of(0xcc));
    const { exitCode, out } = await runSuture(["verify", "--pid", `${target.pid}`, "--json"]);
    await target.stop();
    expect(exitCode).toBe(7);
    expect(JSON.parse(out)).toMatchObject({ verified: false, patches: [{ functions: [{ name: "answer", matches: false }] }] });
  });
});

describe("suture apply, list, verify and revert of several processes", () => {
  it("take --pid more than once, and are all or nothing", async () => {
    await using one = await startTarget(answers.program);
    await using other = await startTarget(answers.program);
    const pids = ["--pid", `${one.pid}`, "--pid", `${other.pid}`];
    const both = [{ pid: one.pid, functions }, { pid: other.pid, functions }].sort((a, b) => a.pid - b.pid);
    expect(await suture("apply", image, ...pids)).toEqual({ result: "committed", patch: { name: "triple", digest }, processes: both, stop });
    expect([await nextAnswer(one), await nextAnswer(other)]).toEqual(["answer 63", "answer 63"]);
    expect(await suture("list", ...pids)).toMatchObject([{ pid: one.pid, patches: [{ name: "triple" }] }, { pid: other.pid, patches: [{ name: "triple" }] }]);
    expect(await suture("verify", ...pids)).toMatchObject([{ pid: one.pid, verified: true }, { pid: other.pid, verified: true }]);
    // Other tests have processes of their own, in whatever state.
    expect(JSON.parse((await runSuture(["verify", "--all", "--json"])).out)).toEqual(expect.arrayContaining([one, other].map(({ pid }) => expect.objectContaining({ pid, verified: true }) as object)));
    expect(await suture("recover", ...pids)).toMatchObject([{ pid: one.pid, patches: [] }, { pid: other.pid, patches: [] }]);
    for (const command of ["list", "verify", "recover"]) expect(await suture(command, "--tree", `${one.pid}`)).toMatchObject([{ pid: one.pid }]);

    await suture("revert", "triple", "--pid", `${other.pid}`);
    const before = await snapshotOf(other.pid);
    const { exitCode, error } = await runSuture(["apply", image, ...pids]);
    expect({ exitCode, error }).toEqual({ exitCode: 4, error: expect.stringMatching(/a patch of this name is applied already/) as string });
    expect(await snapshotOf(other.pid)).toEqual(before);

    expect(await suture("revert", "triple", "--tree", `${one.pid}`)).toMatchObject({ processes: [{ pid: one.pid }] });
    expect([await nextAnswer(one), await nextAnswer(other)]).toEqual(["answer 42", "answer 42"]);
  });

  it("--exe names the file that runs", async () => {
    // Other tests run the same program.
    const program = join(scratch.path, "own-answers");
    await copyFile(answers.program, program);
    await using one = await startTarget(program);
    await using other = await startTarget(program);
    await delay(100); // younger ones are left to the look afterwards
    const applied = await suture("apply", image, "--exe", program) as { processes: { pid: number }[] };
    expect(applied.processes.map(({ pid }) => pid)).toEqual(expect.arrayContaining([one.pid, other.pid]));
    await suture("revert", "triple", "--exe", program);
    expect([await nextAnswer(one), await nextAnswer(other)]).toEqual(["answer 42", "answer 42"]);
    expect((await runSuture(["apply", image, "--exe", "/no/such/file"])).exitCode).toBe(5);
  });
});

describe("suture watch", () => {
  it("patches the processes of a program as they start, says so, and ends with 0 when it is told to stop", async () => {
    const program = join(scratch.path, "watched");
    await copyFile(answers.program, program);
    await using running = await startTarget(program);
    let watcher = 0;
    const watching = runSuture(["watch", image, "--exe", program, "--json"], { onStart: (pid) => { watcher = pid; } });
    await running.line(/^answer 63$/);
    await using later = await startTarget(program);
    await later.line(/^answer 63$/);
    process.kill(watcher, "SIGINT");
    const { exitCode, out, error } = await watching;
    expect({ exitCode, out: JSON.parse(out) as unknown }).toEqual({ exitCode: 0, out: { result: "watched", patch: { name: "triple", digest }, applied: 2, carried: 0, failed: 0 } });
    expect(error.trim().split("\n").map((line) => JSON.parse(line) as unknown)).toMatchObject([{ event: "applied", pid: running.pid, functions: ["answer"] }, { event: "applied", pid: later.pid }]);
    expect(await runSuture(["watch", image])).toMatchObject({ exitCode: 2, error: expect.stringMatching(/no program is named; add --exe FILE/) });
  });
});

describe("suture apply on top of a patch", () => {
  it("says what it covers, and --replace what it replaced", async () => {
    const { image: more } = await buildPatch(scratch.path, "quadruple", { target: "answers-in-a-loop.c", old: "i < 2", replacement: "i < 4" });
    await using target = await startTarget(answers.program);
    const pid = `${target.pid}`;
    await suture("apply", image, "--pid", pid);
    expect(await suture("apply", more, "--pid", pid)).toMatchObject({ processes: [{ covers: [{ function: "answer", patch: "triple" }] }] });
    expect(await nextAnswer(target)).toBe("answer 84");
    await suture("revert", "triple", "--pid", pid);
    expect(await nextAnswer(target)).toBe("answer 84");
    const { out } = await runSuture(["apply", image, "--pid", pid, "--replace"]);
    expect(out).toContain("\n  in the place of quadruple\n");
    expect(await nextAnswer(target)).toBe("answer 63");
    const covering = await runSuture(["apply", more, "--pid", pid]);
    expect(covering.out).toMatch(/warning: answer was redirected by triple, whose fix to it is not in this one/);
    await suture("revert", "quadruple", "--pid", pid);
    expect(await nextAnswer(target)).toBe("answer 63");
  });
});

describe("suture shell", () => {
  it("applies and reverts in the attached process", async () => {
    await using target = await startTarget(answers.program);
    const input = [`apply ${image}`, "list", "revert triple", "list", ""].join("\n");
    const { exitCode, out, error } = await runSuture(["shell", `${target.pid}`], { input });
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: "" });
    expect(out).toMatch(/^Applied triple, pid \d+: 1 function\n[^]*\n\d+ +\S+ +triple +active +answer\n[^]*Reverted triple/);
  });
});

/** Writes as a debugger would, whatever the protection of the page. */
async function poke(pid: number, at: number, bytes: Uint8Array): Promise<void> {
  const memory = await open(`/proc/${pid}/mem`, "r+");
  try {
    await memory.write(bytes, 0, bytes.length, at);
  } finally {
    await memory.close();
  }
}

describe("suture load, activate, deactivate and unload", () => {
  it("are apply and revert step by step, with the states that list shows", async () => {
    await using target = await startTarget(answers.program);
    const pid = `${target.pid}`;
    const before = await snapshotOf(target.pid);
    const old = await nextAnswer(target);
    const state = async (): Promise<unknown> => ((await suture("list", "--pid", pid)) as readonly { readonly patches: readonly { readonly state: string }[] }[])[0]?.patches[0]?.state;
    expect(await suture("load", image, "--pid", pid)).toMatchObject({ result: "loaded", patch: { name: "triple" }, stop: { attempts: 0 } });
    expect([await nextAnswer(target), await state()]).toEqual([old, "loaded"]);
    expect(await suture("activate", "triple", "--pid", pid, "--timeout", "10s")).toMatchObject({ result: "activated", processes: [{ functions }] });
    expect(await nextAnswer(target)).not.toBe(old);
    const refused = await runSuture(["unload", "triple", "--pid", pid]);
    expect(refused).toMatchObject({ exitCode: 4, error: expect.stringMatching(/it is active; deactivate it first, or revert it, which is both/) });
    expect(await suture("deactivate", "triple", "--pid", pid)).toMatchObject({ result: "deactivated" });
    expect([await nextAnswer(target), await state()]).toEqual([old, "loaded"]);
    expect((await runSuture(["unload", "triple", "--pid", pid])).out).toMatch(/^Unloaded triple, pid \d+: 1 function/);
    expect(await snapshotOf(target.pid)).toEqual(before);
  });
});

describe("suture build --set", () => {
  it("makes a patch of values alone, which needs no source, and says what became of them", async () => {
    const settings = await compileTarget("has-settings.c", { flags: ["-g", "-O1"], link: ["-Wl,--build-id"], sources: ["has-settings-too.c"] });
    await using target = await startTarget(settings.program);
    const pid = `${target.pid}`;
    const file = join(scratch.path, "limits.suture");
    expect(await suture("build", "--set", "limits.most=60 if 50", "--set", "retries=5 if 3", "--target", settings.program, "--name", "limits", "-o", file)).toMatchObject({ values: ["limits.most", "retries"], functions: [] });
    expect((await runSuture(["inspect", file])).out).toMatch(/sets: limits.most at 0x[0-9a-f]+\+4 to 3c00 if it is 3200/);
    expect(await suture("apply", file, "--pid", pid)).toMatchObject({ processes: [{ values: [{ name: "limits.most", outcome: "set", value: "3c00" }, { name: "retries" }] }] });
    expect((await runSuture(["verify", "--pid", pid])).out).toMatch(/variable retries is 05000000: as the patch sets it/);
    target.write("retries 6\n");
    await target.line(/^set/);
    const { out } = await runSuture(["revert", "limits", "--pid", pid]);
    expect(out).toMatch(/limits.most is 3200 again\n.*warning: retries is 06000000, which the patch had not set, and was left so/);
    const nothing = await runSuture(["build", "--target", settings.program]);
    expect(nothing).toMatchObject({ exitCode: 2, error: expect.stringMatching(/neither a diff nor --set is given/) });
  });
});
