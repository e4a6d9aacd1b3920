// Somebody wants the program to end, or to wait, in the middle of its work: from the keyboard, by closing the terminal, as a supervisor that
// sends a signal to all processes of a group, the helper among them. Whatever was begun is put back; nobody is held meanwhile.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sanitizedHelper, snapshotOf, startTarget, waitUntil, type CompiledTarget, type Target } from "../support/mod.ts";
import { buildPatch, buildWords, scratchDirectory, writeDiff } from "./patched-program.ts";
import { helperProgram, runSuture, sutureProgram } from "./run-suture.ts";

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let answers: CompiledTarget;
let triple: string;
let stays: CompiledTarget;
let stay: string;
let faulty: string;
beforeAll(async () => {
  scratch = await scratchDirectory();
  faulty = await sanitizedHelper();
  ({ compiled: answers, image: triple } = await buildPatch(scratch.path, "triple", { target: "answers-in-a-loop.c", old: "i < 2", replacement: "i < 3" }));
  ({ compiled: stays, image: stay } = await buildPatch(scratch.path, "stay", { target: "stays-in-function.c", old: "rounds++", replacement: "rounds += 2" }));
}, 600_000);
afterAll(async () => scratch[Symbol.asyncDispose]());

/** The leader of a process group of its own, as a shell starts it. */
async function startInGroup(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
  return spawn(process.execPath, [await sutureProgram(), ...words], { stdio: "ignore", detached: true, env: { ...process.env, SUTURE_TRACER: helperProgram, ...env } });
}

async function endOf(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return child.signalCode ?? child.exitCode;
}

const toGroup = (child: ChildProcess, signal: NodeJS.Signals): void => void process.kill(-(child.pid ?? Number.NaN), signal);
const isStaged = ({ pid }: Target) => async (): Promise<boolean> => (await readFile(`/proc/${pid}/maps`, "utf8")).includes("memfd:suture");
const patchesOf = async ({ pid }: Target): Promise<string> => (await runSuture(["list", "--pid", `${pid}`, "--json"])).out;

describe("suture apply that waits for a thread", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("gives back what it has staged when all of its processes get %s, and ends with 6", async (signal) => {
    await using target = await startTarget(stays.program, { parameters: ["60000"] });
    const before = await snapshotOf(target.pid);
    const applying = await startInGroup(["apply", stay, "--pid", `${target.pid}`, "--timeout", "60s"]);
    await waitUntil("the patch is staged", isStaged(target));
    toGroup(applying, signal);
    expect(await endOf(applying)).toBe(6);
    expect(await snapshotOf(target.pid)).toEqual(before);
  });

  it.each(["SIGTSTP", "SIGSTOP"] as const)("holds nobody while all of its processes have been stopped by %s, and can be taken up again", async (signal) => {
    await using target = await startTarget(answers.program);
    const before = await snapshotOf(target.pid);
    for (let round = 0; round < 6; round++) {
      const applying = await startInGroup(["apply", triple, "--pid", `${target.pid}`]);
      if (round > 0) await waitUntil("the patch is staged", async () => (await isStaged(target)()) || applying.exitCode !== null, { every: 1 });
      if (applying.exitCode === null) toGroup(applying, signal);
      // Held for ever, it would say nothing.
      for (let answer = 0; answer < 3; answer++) await target.line(/^answer/, target.lines.length);
      expect((await snapshotOf(target.pid)).tracers).toEqual([0]);
      if (applying.exitCode === null) toGroup(applying, "SIGCONT");
      // 3: a helper that was stopped while it held threads has been ended by its guardian.
      expect([0, 3, 6]).toContain(await endOf(applying));
      expect((await runSuture(["recover", "--pid", `${target.pid}`])).exitCode).toBe(0);
      if ((await patchesOf(target)).includes("triple")) expect((await runSuture(["revert", "triple", "--pid", `${target.pid}`])).exitCode).toBe(0);
      expect(await snapshotOf(target.pid)).toEqual(before);
    }
  }, 60_000);

  it("gives back what it has staged when its terminal is closed", async () => {
    await using target = await startTarget(stays.program, { parameters: ["60000"] });
    const before = await snapshotOf(target.pid);
    const line = [process.execPath, await sutureProgram(), "apply", stay, "--pid", `${target.pid}`, "--timeout", "60s"].join(" ");
    const terminal = spawn("script", ["-qfec", line, "/dev/null"], { stdio: ["pipe", "ignore", "ignore"], env: { ...process.env, SUTURE_TRACER: helperProgram } });
    await waitUntil("the patch is staged", isStaged(target));
    terminal.kill("SIGKILL");
    await waitUntil("the patch is gone", async () => !await isStaged(target)());
    expect(await snapshotOf(target.pid)).toEqual(before);
  });
});

/** One place of so many: each costs a start of Node. */
const stride = 9;

describe("suture apply", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("ends in order when %s comes to all of its processes in the middle, wherever that is", async (signal) => {
    await using target = await startTarget(answers.program);
    const untouched = await snapshotOf(target.pid);
    const ends = new Set<number | string | null>();
    for (let step = 0; !ends.has("through"); step += stride) {
      const ended = await endOf(await startInGroup(["apply", triple, "--pid", `${target.pid}`], { SUTURE_TRACER: faulty, SUTURE_KILL_AT_STEP: `${step}`, SUTURE_SIGNAL: `${constants.signals[signal]}` }));
      ends.add(ended);
      expect([0, 6]).toContain(ended);
      const patches = await patchesOf(target);
      // Refused is unchanged, done is done.
      expect([step, ended, patches.includes("active")]).toEqual([step, ended, ended === 0]);
      if (ended === 0) expect((await runSuture(["revert", "triple", "--pid", `${target.pid}`])).exitCode).toBe(0);
      expect(await snapshotOf(target.pid)).toEqual(untouched);
      if (step > 60) ends.add("through");
    }
    expect(ends).toContain(6);
  }, 120_000);
});

/** A program of the tool chain that starts another, as a compiler's driver does, and does not end it. */
const driver = (started: string): string => `sleep 600 & echo $! > '${started}.new'; mv '${started}.new' '${started}'; wait`;

/** Somebody may still have to ask how it ended. */
const isGone = (pid: number): boolean => !existsSync(`/proc/${pid}/stat`) || /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));

async function expectAllToEnd(building: ChildProcess, started: string, signal: NodeJS.Signals, ended: number | string): Promise<void> {
  await waitUntil("the compiler is at work", () => existsSync(started));
  const pid = Number(await readFile(started, "utf8"));
  try {
    building.kill(signal);
    expect(await endOf(building)).toBe(ended);
    await waitUntil("what the driver has started is gone", () => isGone(pid));
  } finally {
    if (!isGone(pid)) process.kill(pid, "SIGKILL");
  }
}

describe("a build", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("leaves no compiler at work, and no files, when %s comes to suture alone", async (signal) => {
    const directory = join(scratch.path, `build-${signal}`);
    const [compiler, started, temporary, commands] = ["compiler", "started", "temporary", "commands.json"].map((name) => join(directory, name)) as [string, string, string, string];
    await mkdir(temporary, { recursive: true });
    await writeFile(compiler, `#!/bin/bash\n[[ " $* " == *" -S "* ]] || exec gcc "$@"\n${driver(started)}\n`);
    await chmod(compiler, 0o755);
    const recorded = JSON.parse(await readFile(answers.compileCommands, "utf8")) as readonly { readonly arguments: readonly string[] }[];
    await writeFile(commands, JSON.stringify(recorded.map((command) => ({ ...command, arguments: [compiler, ...command.arguments.slice(1)] }))));
    const diff = await writeDiff(join(directory, "fix.patch"), answers, "i < 2", "i < 3");
    const building = await startInGroup(buildWords({ ...answers, compileCommands: commands }, diff, join(directory, "fix.suture")), { TMPDIR: temporary, XDG_CACHE_HOME: join(directory, "cache") });
    await expectAllToEnd(building, started, signal, 6);
    expect(await readdir(temporary)).toEqual([]);
  });

  it("that another program asks for ends with it, when that leaves signals alone", async () => {
    const started = join(scratch.path, "started");
    const module = new URL("../../native/create/run-program.ts", import.meta.url).href;
    const script = `import(${JSON.stringify(module)}).then(({ runProgram }) => runProgram("sh", ["-c", ${JSON.stringify(driver(started))}], { directory: "/" }))`;
    const building = spawn(process.execPath, ["--import", "tsx", "-e", script], { stdio: "ignore" });
    await expectAllToEnd(building, started, "SIGINT", "SIGINT");
  });
});
