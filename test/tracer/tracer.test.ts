import { execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { address, type AddressRange } from "../../native/address.ts";
import { readElf, sectionNamed, type ElfFile } from "../../native/elf/mod.ts";
import { SutureError } from "../../native/errors.ts";
import { protocolVersion, Tracer } from "../../native/tracer.ts";
import { compile, neglectfulParent, run, scratchFolder, sleepingThreads } from "./targets.ts";

const scratch = scratchFolder();
let tracer: Tracer;
let sleeper: string;

beforeAll(async () => {
  tracer = await Tracer.start();
  sleeper = compile(scratch.path, "sleeper", sleepingThreads);
});

afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

async function refusalOf(promise: Promise<unknown>): Promise<SutureError> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof SutureError)) throw new Error(`Expected a refusal, found ${String(error)}`);
  return error;
}

interface MapsLine extends AddressRange {
  readonly protection: string;
  readonly path: string;
}

async function mapsOf(pid: number): Promise<readonly MapsLine[]> {
  const lines = (await tracer.readMaps(pid)).trimEnd().split("\n");
  return lines.map((line) => {
    const [range = "", protection = "", , , , ...path] = line.split(/ +/);
    const [start, end] = range.split("-");
    return { start: address(BigInt(`0x${start}`)), end: address(BigInt(`0x${end}`)), protection, path: path.join(" ") };
  });
}

describe("describeProcess()", () => {
  it("says what a running process is", async () => {
    await using target = await run(sleeper);
    const description = await tracer.describeProcess(target.pid);
    expect(description).toEqual({
      pid: target.pid, program: sleeper, name: "sleeper", startTime: expect.any(BigInt), uid: process.getuid?.(), threads: 4,
    });
  });

  it("refuses a pid that nobody has", async () => {
    const error = await refusalOf(tracer.describeProcess(0x7ffffff0));
    expect(error.kind).toBe("no-such-process");
    expect(error.message).toContain("there is no such process");
  });

  it("refuses a process that has ended but was not waited for", async () => {
    await using parent = await run(compile(scratch.path, "neglectful", neglectfulParent));
    const [child] = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").trim().split(" ").map(Number);
    const error = await refusalOf(tracer.describeProcess(child ?? 0));
    expect(error.kind).toBe("process-gone");
    expect(error.message).toContain("waits for its parent");
  });

  it("refuses a process under a debugger and names the debugger", async () => {
    await using target = await run(sleeper);
    const debuggerProcess = spawn("gdb", ["-q", "-nx", "-p", String(target.pid)], { stdio: ["pipe", "ignore", "ignore"] });
    try {
      await expect.poll(() => readFileSync(`/proc/${target.pid}/status`, "utf8"), { timeout: 15_000 }).toMatch(/TracerPid:\t[1-9]/);
      const error = await refusalOf(tracer.describeProcess(target.pid));
      expect(error.kind).toBe("already-traced");
      expect(error.message).toContain(`gdb (${debuggerProcess.pid})`);
    } finally {
      const gone = new Promise((resolve) => debuggerProcess.once("exit", resolve));
      debuggerProcess.kill("SIGKILL");
      await gone;
    }
  }, 30_000);

  it("refuses a 32-bit program", async () => {
    // A process whose program file says so is enough; no 32-bit libraries are needed to make one.
    const source = "void _start(void) { static const char ready[] = \"x\\n\"; __asm__ volatile(\"int $0x80\" :: \"a\"(4), \"b\"(1), \"c\"(ready), \"d\"(2) : \"memory\"); for (;;) __asm__ volatile(\"int $0x80\" :: \"a\"(29)); }";
    const program = join(scratch.path, "narrow");
    writeFileSync(`${program}.c`, source);
    const built = spawnSync("gcc", ["-m32", "-nostdlib", "-static", "-fno-pic", "-no-pie", "-O1", "-o", program, `${program}.c`]);
    expect(built.status, String(built.stderr)).toBe(0);
    await using target = await run(program);
    const error = await refusalOf(tracer.describeProcess(target.pid));
    expect(error.kind).toBe("unsupported-architecture");
    expect(error.message).toContain("32-bit");
  });

  it.runIf(process.getuid?.() === 0)("refuses a process of somebody else and says what would be needed", async () => {
    await using target = await run(sleeper);
    const helper = join(scratch.path, "as-nobody");
    writeFileSync(helper, `#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "${scratch.path}/tracer"\n`, { mode: 0o755 });
    copyFileSync(new URL("../../dist/suture-tracer", import.meta.url), `${scratch.path}/tracer`);
    execFileSync("chmod", ["755", scratch.path, `${scratch.path}/tracer`]);
    await using unprivileged = await Tracer.start({ program: helper });
    const error = await refusalOf(unprivileged.describeProcess(target.pid));
    expect(error.kind).toBe("not-permitted");
    expect(error.message).toContain("CAP_SYS_PTRACE");
    expect((await refusalOf(unprivileged.readMaps(target.pid))).kind).toBe("not-permitted");
  });

  it("refuses a thread that is no process", async () => {
    await using target = await run(sleeper);
    const other = (await tracer.listThreads(target.pid)).at(-1);
    const error = await refusalOf(tracer.describeProcess(other?.tid ?? 0));
    expect(error.kind).toBe("no-such-process");
    expect(error.data["process"]).toBe(target.pid);
  });
});

describe("readMaps(), readMemory() and readMappedFile()", () => {
  it("readMemory() reads what the program has there", async () => {
    await using target = await run(sleeper);
    const [first] = await mapsOf(target.pid);
    if (!first) throw new Error("no mapping");
    expect(Buffer.from(await tracer.readMemory(target.pid, first.start, 4)).toString("latin1")).toBe("\x7fELF");
  });

  it("readMemory() refuses memory that is not there and names the place", async () => {
    await using target = await run(sleeper);
    const [first] = await mapsOf(target.pid);
    if (!first) throw new Error("no mapping");
    const error = await refusalOf(tracer.readMemory(target.pid, address(first.start - 4096n), 8192));
    expect(error.kind).toBe("unreadable-memory");
    expect((await refusalOf(tracer.readMemory(target.pid, address(0xffff_ffff_ffff_f000n), 8))).kind).toBe("unreadable-memory");
  });

  it.runIf(process.getuid?.() === 0)("readMappedFile() reads what tells of a program's symbols, after it was deleted, too", async () => {
    const program = join(scratch.path, "deleted");
    copyFileSync(sleeper, program);
    await using target = await run(program);
    const whole = readFileSync(program);
    rmSync(program);
    const [mapping] = (await mapsOf(target.pid)).filter(({ path }) => path.startsWith(program));
    if (!mapping) throw new Error("no mapping");
    expect(mapping.path).toBe(`${program} (deleted)`);
    const [found, expected] = [readElf(await tracer.readMappedFile(target.pid, mapping)), readElf(whole)];
    expect(found.symbols.length).toBeGreaterThan(30);
    for (const part of ["type", "entry", "buildId", "segments", "symbols", "dynamicSymbols"] as const) expect(found[part]).toEqual(expected[part]);
    const bytesOf = (elf: ElfFile, name: string) => Buffer.from(sectionNamed(elf, name)?.bytes ?? []);
    for (const name of [".rela.plt", ".gnu.version", ".dynamic"]) expect(bytesOf(found, name).equals(bytesOf(expected, name))).toBe(true);
    expect(bytesOf(expected, ".text").some((byte) => byte !== 0)).toBe(true);
    expect(bytesOf(found, ".text").every((byte) => byte === 0)).toBe(true);
  });

  it("readMappedFile() refuses memory with no file behind it", async () => {
    await using target = await run(sleeper);
    const heap = (await mapsOf(target.pid)).find(({ path }) => path === "[stack]");
    if (!heap) throw new Error("no stack");
    expect((await refusalOf(tracer.readMappedFile(target.pid, heap))).kind).toBe("file-not-found");
  });
});

describe("listThreads() and holders()", () => {
  it("listThreads() names every thread and its state", async () => {
    await using target = await run(sleeper);
    const describe = async () => (await tracer.listThreads(target.pid)).map(({ name, state }) => `${name} ${state}`);
    await expect.poll(describe).toEqual(["sleeper S", "one S", "two S", "three S"]);
    expect((await tracer.listThreads(target.pid))[0]?.tid).toBe(target.pid);
  });

  it("holders() finds the processes that map a file", async () => {
    await using first = await run(sleeper);
    await using second = await run(sleeper);
    const { mappings: found } = await tracer.holders(join(scratch.path, "sleep"));
    expect(new Set(found.map(({ pid }) => pid))).toEqual(new Set([first.pid, second.pid]));
    expect(found[0]?.program).toBe(sleeper);
    expect(await tracer.holders("/no/such/file")).toMatchObject({ mappings: [], hidden: expect.any(Number) as number });
  });
});

describe("debugInformation()", () => {
  const source = `
#include <stdio.h>
#include <stdlib.h>
static inline int twice(int x) { if (x > 1000) puts("large"); return x * 2; }
__attribute__((noinline)) static int local(int x) { return twice(x) + 1; }
__attribute__((noinline, noreturn)) void leave(int code) { exit(code); }
int main(int count, char **words) { (void)words; if (count > 3) leave(local(count)); return local(count); }
`;

  it("gives functions with their places, and inlined copies only on request", async () => {
    const program = compile(scratch.path, "functions", source);
    const { from, units, functions, inlined } = await tracer.debugInformation(program);
    expect(from).toBe(program);
    expect(units[0]?.name).toBe(`${program}.c`);
    expect(inlined).toEqual([]);
    const local = functions.find(({ name }) => name === "local");
    expect(local).toMatchObject({ file: `${program}.c`, line: 5, unit: 0, external: false, noReturn: false });
    expect(local?.ranges[0]?.start).toBe(local?.entry);
    expect(functions.find(({ name }) => name === "leave")?.noReturn).toBe(true);

    const withCopies = await tracer.debugInformation(program, { inlined: true });
    expect(withCopies.inlined).toContainEqual({ name: "twice", unit: 0, into: local?.entry, ranges: expect.any(Array) });
  });

  it("refuses what has none, each by its kind", async () => {
    const stripped = compile(scratch.path, "stripped", source, ["-O2", "-s"]);
    const error = await refusalOf(tracer.debugInformation(stripped));
    expect(error.kind).toBe("no-debug-information");
    expect(error.message).toMatch(/build it with -g$/);
    expect((await refusalOf(tracer.debugInformation(`${stripped}.c`))).kind).toBe("bad-elf");
    expect((await refusalOf(tracer.debugInformation("/no/such/file"))).kind).toBe("file-not-found");
  });
});

describe("Tracer", () => {
  it("answers requests that were made at once, each its own", async () => {
    await using target = await run(sleeper);
    const answers = await Promise.allSettled([
      tracer.listThreads(target.pid), tracer.describeProcess(0x7ffffff0), tracer.readMaps(target.pid), tracer.describeProcess(target.pid),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
  });

  it("fails every pending and every later request when the helper dies", async () => {
    const program = join(scratch.path, "dies");
    const helper = new URL("../../dist/suture-tracer", import.meta.url).pathname;
    writeFileSync(program, `#!/bin/sh\ndd bs=1 count=80 2>/dev/null | "${helper}"\nexit 3\n`, { mode: 0o755 });
    await using dying = await Tracer.start({ program });
    const pending = [dying.holders("/a"), dying.holders("/b"), dying.holders("/c")].map(refusalOf);
    for (const error of await Promise.all(pending)) expect(error.kind).toBe("tracer-failed");
    const later = await refusalOf(dying.holders("/d"));
    expect(later.kind).toBe("tracer-failed");
    expect(later.message).toContain('Cannot finish "holders": the helper ended with code 3');
  });

  it("start() refuses a helper that is not there or is none", async () => {
    expect((await refusalOf(Tracer.start({ program: "/bin/cat" }))).message).toContain("is no suture-tracer");
    expect((await refusalOf(Tracer.start({ program: "/no/such/helper" }))).kind).toBe("tracer-failed");
    expect((await refusalOf(Tracer.start({ program: "/bin/false" }))).kind).toBe("tracer-failed");
    expect((await refusalOf(Tracer.start({ program: "/bin/ls" }))).kind).toBe("tracer-failed");
  });

  it("refuses requests after it was disposed of", async () => {
    const closed = await Tracer.start();
    await closed[Symbol.asyncDispose]();
    const error = await refusalOf(closed.holders("/a"));
    expect(error.kind).toBe("tracer-failed");
    expect(error.message).toContain("has been closed");
  });

  const runScript = (...lines: readonly string[]) => {
    const module = JSON.stringify(new URL("../../native/tracer.ts", import.meta.url).href);
    const script = [`const { Tracer } = await import(${module});`, "const tracer = await Tracer.start();", ...lines].join("\n");
    return spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], { timeout: 20_000, encoding: "utf8" });
  };

  it("does not keep Node alive when nobody disposes of it, and ends with Node", () => {
    const ran = runScript('process.stdout.write("started");');
    expect(ran.stdout + ran.stderr).toContain("started");
    expect(ran.status).toBe(0);
  }, 30_000);

  it("keeps Node alive until it is closed, when answers come after that was asked for", () => {
    const ran = runScript(
      "const answers = [1, 2, 3].map(() => tracer.readMaps(process.pid));",
      "await tracer[Symbol.asyncDispose]();",
      'await Promise.all(answers);',
      'process.stdout.write("closed");',
    );
    expect(ran.stdout + ran.stderr).toBe("closed");
    expect(ran.status).toBe(0);
  }, 30_000);
});

describe("suture-tracer", () => {
  const helper = new URL("../../dist/suture-tracer", import.meta.url).pathname;
  const serve = (input: Uint8Array) => spawnSync(helper, { input, timeout: 10_000 });
  const lengths = (head: number, body: number) => Buffer.from(new Uint32Array([head, body]).buffer);

  it("ends quietly when its input closes", () => {
    expect(serve(new Uint8Array())).toMatchObject({ status: 0, signal: null });
  });

  it("answers and ends at a frame that is none", () => {
    for (const input of [Buffer.from("junk"), lengths(0xffffffff, 0), lengths(4, 0x7fffffff), Buffer.concat([lengths(3, 0), Buffer.from("abc")])]) {
      const ran = serve(input);
      expect(ran).toMatchObject({ status: 2, signal: null });
      expect(ran.stdout.toString("utf8", 8)).toMatch(/"kind":"usage"/);
    }
  });

  it("ends when nobody reads its answers", async () => {
    const child = spawn(helper, { stdio: ["pipe", "pipe", "ignore"] });
    child.stdout.destroy();
    child.stdin.on("error", () => {});
    const head = Buffer.from(JSON.stringify({ id: 1, method: "hello", protocol: protocolVersion }));
    const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
    child.stdin.write(Buffer.concat([lengths(head.length, 0), head]));
    expect(await ended).toEqual({ code: 0, signal: null });
  });
});
