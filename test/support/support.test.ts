import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withFileLock } from "./file-lock.ts";
import { compileTarget, Gdb, snapshotOf, startTarget } from "./mod.ts";

const asleep = "threads-asleep.c";

describe("compileTarget()", () => {
  it("compiles once for each set of flags, with a compile command for each", async () => {
    const first = await compileTarget(asleep);
    const modified = (await stat(first.program)).mtimeMs;
    expect(await compileTarget(asleep)).toEqual(first);
    expect((await stat(first.program)).mtimeMs).toBe(modified);
    const other = await compileTarget(asleep, { flags: ["-g", "-O0"] });
    expect(other.program).not.toBe(first.program);
    expect(JSON.parse(await readFile(other.compileCommands, "utf8"))).toEqual([
      { directory: other.directory, file: other.source, arguments: ["gcc", "-pthread", "-g", "-O0", "-c", "-o", "threads-asleep.o", other.source], output: "threads-asleep.o" },
    ]);
  });

  it("says what the compiler says", async () => {
    await expect(compileTarget(asleep, { flags: ["-fno-such-flag"] })).rejects.toThrow("-fno-such-flag");
  });
});

describe("startTarget()", () => {
  it("gives what the program says, and its end", async () => {
    await using target = await startTarget("sh", { parameters: ["-c", "echo ready; read line; echo got $line; exit 3"] });
    expect(target.readyLine).toBe("ready");
    target.write("this\n");
    expect(await target.line(/^got/)).toBe("got this");
    await expect(target.line(/^never/)).rejects.toThrow("it ended (code 3)");
    expect(target.exit()).toEqual({ code: 3, signal: null });
  });

  it("ends the program with its scope", async () => {
    let pid = 0;
    {
      await using target = await startTarget("sleep", { parameters: ["1000"], ready: null });
      pid = target.pid;
      expect(target.exit()).toBeUndefined();
    }
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  it("refuses a program that says something else", async () => {
    await expect(startTarget("echo", { parameters: ["not up"] })).rejects.toThrow(/Cannot find .*ready.*last lines: not up/);
  });
});

describe("snapshotOf()", () => {
  it("is the same for a process left alone, and notices one changed byte of its code", async () => {
    const { program } = await compileTarget(asleep);
    await using target = await startTarget(program);
    const before = await snapshotOf(target.pid);
    expect(await snapshotOf(target.pid)).toEqual(before);
    {
      await using gdb = await Gdb.start();
      await gdb.attach(target.pid);
      await gdb.cli("set var *(char *)main = 0x90");
    }
    const after = await snapshotOf(target.pid);
    const changed = after.code.filter(({ sha256 }, index) => sha256 !== before.code[index]?.sha256);
    expect(changed.map(({ mapping }) => mapping.split(/\s+/).at(-1))).toEqual([program]);
  });
});

describe("withFileLock()", () => {
  it("lets one in at a time, and the next one in when work fails", async () => {
    const directory = await mkdtemp(join(tmpdir(), "suture-lock-"));
    const lock = join(directory, "lock");
    const order: string[] = [];
    const work = (name: string) => withFileLock(lock, async () => {
      order.push(`${name} in`);
      await writeFile(join(directory, "file"), name);
      await new Promise((resolve) => setTimeout(resolve, 30));
      order.push(`${name} out`);
      if (name === "a") throw new Error("a failed");
    });
    const results = await Promise.allSettled([work("a"), work("b"), work("c")]);
    await rm(directory, { recursive: true });
    expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    const pairs = [0, 2, 4].map((index) => order.slice(index, index + 2).map((entry) => entry.split(" ")[0]));
    expect(pairs.every(([entered, left]) => entered === left)).toBe(true);
  });
});
