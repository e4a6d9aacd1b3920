// What gdb, perf and core dumps show of a patched process: names and source lines of the patched source, and nothing once it is
// reverted. Each through the real program, on a live process, with the real tools.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { applyPatch } from "diff";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileTarget, snapshotOf, startTarget, waitUntil, type CompiledTarget, type Target } from "../support/mod.ts";
import { buildWords, scratchDirectory } from "./patched-program.ts";
import { runSuture } from "./run-suture.ts";

const run = promisify(execFile);
const name = "works-and-crashes";
const diff = new URL(`../targets/${name}.patch`, import.meta.url).pathname;

interface Built extends CompiledTarget {
  readonly image: string;
}

let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
let plain: Built;
let numbered: Built;
/** Of the patched source. */
let lines: readonly string[];

beforeAll(async () => {
  scratch = await scratchDirectory();
  plain = await build("plain", []);
  numbered = await build("numbered", ["-DNUMBERED"]);
  const patched = applyPatch(await readFile(plain.source, "utf8"), await readFile(diff, "utf8"));
  if (patched === false) throw new Error("The target's patch does not apply");
  lines = patched.split("\n");
}, 60_000);
afterAll(async () => scratch[Symbol.asyncDispose]());

async function build(as: string, flags: readonly string[]): Promise<Built> {
  const compiled = await compileTarget(`${name}.c`, { flags: ["-g", "-O2", ...flags] });
  const image = join(scratch.path, `${as}.suture`);
  const { exitCode, error } = await runSuture([...buildWords(compiled, diff, image), "--name", "visible"]);
  if (exitCode !== 0) throw new Error(`Cannot build the test's patch: ${error}`);
  return { ...compiled, image };
}

/** Where the patched source has this text, once. */
function lineOf(text: string): number {
  const found = lines.flatMap((line, index) => (line.includes(text) ? [index + 1] : []));
  expect(found, text).toHaveLength(1);
  return found[0] ?? 0;
}

const canSample = (): Promise<boolean> => run("perf", ["record", "-e", "cpu-clock", "-o", join(scratch.path, "trial"), "true"]).then(() => true, () => false);

/** Time of processors that a process has used, in hundredths of a second. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Of the patched source. */
function bodyOfMix(): readonly number[] {
  const first = lineOf("static uint64_t mix(");
  return Array.from({ length: lineOf("value * 6364136223846793005u") + 2 - first }, (_, index) => first + index);
}

async function startPatched({ program, image }: Built): Promise<Target> {
  const target = await startTarget(program, { cwd: scratch.path });
  const { exitCode, error } = await runSuture(["apply", image, "--pid", `${target.pid}`]);
  expect(error).toBe("");
  expect(exitCode).toBe(0);
  return target;
}

interface Debug {
  readonly patches: readonly { readonly patch: string; readonly base: string; readonly functions: readonly string[]; readonly hasLines: boolean; readonly file?: string }[];
  readonly written?: { readonly directory: string; readonly gdb: string; readonly perf: string };
}

async function debug(...words: readonly string[]): Promise<Debug> {
  const { out, exitCode } = await runSuture(["debug", ...words, "--json"]);
  expect(exitCode).toBe(0);
  return JSON.parse(out) as Debug;
}

/** What the text output says to type, typed; `more` are commands for gdb behind it. */
async function typed(line: string, ...more: readonly string[]): Promise<string> {
  const script = `${line.replace(/^gdb /, "gdb -batch -nx -iex 'set debuginfod enabled off' ")} ${more.map((command) => `-ex '${command}'`).join(" ")} 2>&1`;
  return (await run("sh", ["-c", script], { maxBuffer: 1 << 24 })).stdout;
}

async function gdbLine(...words: readonly string[]): Promise<string> {
  const { out } = await runSuture(["debug", ...words]);
  return out.split("\n").find((line) => line.startsWith("  gdb "))?.trim() ?? "";
}

describe.each([["code that does not depend on the numbers of its lines", () => plain], ["code that does", () => numbered]] as const)("suture debug, for %s", (_, built) => {
  it("lets gdb stop at a line of the patched source, and show the way there", async () => {
    await using target = await startPatched(built());
    const wanted = lineOf("value ^= value >> 7;");
    const said = await typed(await gdbLine("--pid", `${target.pid}`), `break ${name}.c:${wanted}`, "continue", "backtrace", "info source");
    expect(said).toMatch(new RegExp(`#0 .*\\bmix \\(.*${name}\\.c:${wanted}$`, "m"));
    expect(said).toMatch(new RegExp(`#1 .*\\bwork \\(.*${name}\\.c:${lineOf("value = mix(value);")}$`, "m"));
    expect(said).toMatch(/#2 .*\balways \(/);
    expect(said).toMatch(/#3 .*\bstart_thread/);
    await waitUntil("gdb has let it go", () => /^TracerPid:\t0$/m.test(readFileSync(`/proc/${target.pid}/status`, "utf8")));
    target.write("ask\n");
    expect(await target.line(/^patched frames/)).toMatch(/line \d+$/);
  });

  it("keeps what __LINE__ is, whatever the debug information says", async () => {
    await using target = await startTarget(built().program);
    target.write("ask\n");
    const old = await target.line(/^frames/);
    await runSuture(["apply", built().image, "--pid", `${target.pid}`]);
    target.write("ask\n");
    // backtrace() finds as many frames through the patch as without it.
    expect(await target.line(/^patched/)).toBe(`patched ${old}`);
  });
});

describe("suture debug", () => {
  it("says nothing of a process without patches, and nothing is left after a revert", async () => {
    await using target = await startTarget(plain.program);
    const before = await snapshotOf(target.pid);
    expect((await debug("--pid", `${target.pid}`)).patches).toEqual([]);
    await runSuture(["apply", plain.image, "--pid", `${target.pid}`]);
    expect((await debug("--pid", `${target.pid}`)).patches).toMatchObject([{ patch: "visible", functions: ["mix", "work", "asked"], hasLines: true }]);
    expect((await runSuture(["revert", "visible", "--pid", `${target.pid}`])).exitCode).toBe(0);
    expect((await debug("--pid", `${target.pid}`)).patches).toEqual([]);
    expect(await snapshotOf(target.pid)).toEqual(before);
  });

  it("lets gdb show the line on which patched code has crashed, from the kernel's core dump", async (context) => {
    const pattern = readFileSync("/proc/sys/kernel/core_pattern", "utf8").trim();
    if (/[|/%]/.test(pattern)) context.skip(`the kernel puts core dumps elsewhere: ${pattern}`);
    await using target = await startPatched(plain);
    await run("prlimit", ["--pid", `${target.pid}`, "--core=unlimited:unlimited"]);
    target.write("crash\n");
    await waitUntil("it has crashed", () => target.exit());
    const core = join(scratch.path, readdirSync(scratch.path).find((file) => file.startsWith(pattern)) ?? "no-core-dump");
    const line = (await gdbLine("--core", core)).replace("PROGRAM", plain.program);
    const said = await typed(line, "backtrace");
    expect(said).toMatch(/Program terminated with signal SIGSEGV/);
    expect(said).toMatch(new RegExp(`#0 .*\\bwork \\(.*${name}\\.c:${lineOf("sink = value + (unsigned)*wanted;")}$`, "m"));
    expect(said).toMatch(/#1 .*\balways \(/);
    expect(await debug("--core", core)).toMatchObject({ core, patches: [{ patch: "visible", functions: ["mix", "work", "asked"], hasLines: true }] });
  });

  it("reads what gcore has written, and refuses what is no core dump or only half of one", async () => {
    await using target = await startPatched(plain);
    const core = join(scratch.path, `gcore.${target.pid}`);
    await run("gdb", ["-batch", "-nx", "-iex", "set debuginfod enabled off", "-p", `${target.pid}`, "-ex", `gcore ${core}`]);
    const { patches: [patch] } = await debug("--core", core);
    expect(patch).toMatchObject({ patch: "visible", functions: ["mix", "work", "asked"], hasLines: true });
    const said = await typed((await gdbLine("--core", core)).replace("PROGRAM", plain.program), `info line *(${patch?.base}+0x1000)`);
    expect(bodyOfMix()).toContain(Number(/^Line (\d+) of/m.exec(said)?.[1]));

    const half = join(scratch.path, "half");
    await run("sh", ["-c", `head -c 600 ${core} > ${half}`]);
    for (const [file, kind] of [[half, "bad-elf"], [plain.program, "bad-elf"], [diff, "bad-elf"], [join(scratch.path, "nothing"), "file-not-found"]] as const) {
      const { out, exitCode } = await runSuture(["debug", "--core", file, "--json"]);
      expect({ kind: (JSON.parse(out) as { error: { kind: string } }).error.kind, exitCode }).toEqual({ kind, exitCode: kind === "bad-elf" ? 4 : 5 });
    }
  });

  it("lets perf name patched functions and their lines, in what was recorded before it was asked", async (context) => {
    if (!(await canSample())) context.skip("perf may not sample here");
    await using target = await startPatched(plain);
    const data = join(scratch.path, "perf.data");
    const directory = join(scratch.path, "with spaces");
    const report = await waitUntil("perf has seen it at work", async () => {
      await run("perf", ["record", "-e", "cpu-clock", "-F", "997", "-o", data, "-p", `${target.pid}`, "--", "sleep", "0.3"]);
      const written = (await debug("--pid", `${target.pid}`, "--output", directory).catch(() => undefined))?.written?.perf ?? `perf report --symfs '${directory}/perf'`;
      const { stdout } = await run("sh", ["-c", `${written} -i ${data} --stdio -s sym,srcline 2>/dev/null`]);
      return /\bmix\b/.test(stdout) ? stdout : undefined;
    }, { timeout: 25_000 });
    const seen = [...report.matchAll(new RegExp(`\\] mix +${name}\\.c:(\\d+)`, "g"))].map(([, line]) => Number(line));
    expect(seen.length).toBeGreaterThan(0);
    for (const line of seen) expect(bodyOfMix()).toContain(line);

    // The files serve gdb as well, and no second run writes over them.
    const { patches: [{ base } = { base: "" }] } = await debug("--pid", `${target.pid}`);
    const again = await runSuture(["debug", "--pid", `${target.pid}`, "--output", directory, "--json"]);
    expect(again.exitCode).toBe(5);
    expect(JSON.parse(again.out)).toMatchObject({ error: { kind: "cannot-write" } });
    const said = await typed(`gdb -p ${target.pid} -x '${directory}/gdb'`, `info line *(${base}+0x1000)`);
    expect(bodyOfMix()).toContain(Number(/^Line (\d+) of/m.exec(said)?.[1]));
  });

  it("lets perf find patched functions by build-id, without --symfs, in a recording during which the patch came", async (context) => {
    if (!(await canSample())) context.skip("perf may not sample here");
    await using target = await startTarget(plain.program, { cwd: scratch.path });
    const [data, begun, stop, directory, cache] = ["during.data", "begun", "stop", "by-build-id", "perf-cache"].map((each) => join(scratch.path, each)) as [string, string, string, string, string];
    const recording = run("perf", ["record", "--buildid-mmap", "-e", "cpu-clock", "-F", "997", "-o", data, "-p", `${target.pid}`, "--", "sh", "-c", 'touch "$1"; while [ ! -e "$2" ]; do sleep 0.05; done', "sh", begun, stop]);
    await waitUntil("perf records", () => Promise.resolve(existsSync(begun)));
    expect((await runSuture(["apply", plain.image, "--pid", `${target.pid}`])).exitCode).toBe(0);
    const enough = ticksOf(target.pid) + 50;
    await waitUntil("it has worked for half a second with the patch", () => Promise.resolve(ticksOf(target.pid) >= enough), { timeout: 25_000 });
    await writeFile(stop, "");
    await recording;

    const { patches: [patch], written } = await debug("--pid", `${target.pid}`, "--output", directory);
    const symbolsIn = async (): Promise<string> => (await run("perf", ["--buildid-dir", cache, "report", "-i", data, "--stdio", "-s", "dso,sym"])).stdout;
    expect(await symbolsIn()).not.toMatch(/memfd:suture-visible \(deleted\) +\[\.\] mix\b/);
    await run("perf", ["--buildid-dir", cache, "buildid-cache", "--add", join(written?.directory ?? "", `patch-${patch?.base ?? ""}.so`)]);
    expect(await symbolsIn()).toMatch(/memfd:suture-visible \(deleted\) +\[\.\] mix\b/);
  });

  it("makes perf a tree of the process's own files, where these are others than ours", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root can start it in a mount namespace of its own");
    await using target = await startTarget("unshare", { parameters: ["--mount", plain.program] });
    expect((await runSuture(["apply", plain.image, "--pid", `${target.pid}`])).exitCode).toBe(0);
    const directory = join(scratch.path, "elsewhere");
    await debug("--pid", `${target.pid}`, "--output", directory);
    expect(readlinkSync(join(directory, "perf", "usr"))).toBe(`/proc/${target.pid}/root/usr`);
    expect(readdirSync(join(directory, "perf"))).toContain("memfd:suture-visible (deleted)");
  });

  it("refuses a process that is not there, and two subjects at once", async () => {
    expect((await runSuture(["debug", "--pid", "4194304"])).exitCode).toBe(3);
    expect((await runSuture(["debug", "--pid", "1", "--core", "core"])).exitCode).toBe(2);
    expect((await runSuture(["debug"])).exitCode).toBe(2);
  });
});
