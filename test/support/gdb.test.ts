import { describe, expect, it } from "vitest";
import { Gdb, readRecords } from "./gdb.ts";
import { compileTarget, snapshotOf, startTarget, waitUntil } from "./mod.ts";

const sleeper = `${import.meta.dirname}/../targets/threads-asleep.c`;

describe("readRecords()", () => {
  it("keeps what an empty tuple is followed by", () => {
    expect(readRecords('^done,a={},b="x"\n')).toEqual([{ class: "done", result: { a: {}, b: "x" } }]);
  });
  it("keeps spaces, backslashes, octal escapes and UTF-8 of strings", () => {
    expect(readRecords(String.raw`^done,a=" x ",b="c:\\new",d="\303\251",e="é",f="{}"`)).toEqual([
      { class: "done", result: { a: " x ", b: String.raw`c:\new`, d: "é", e: "é", f: "{}" } },
    ]);
  });
  it("reads records of the console and of events", () => {
    expect(readRecords('~"a\\tb\\n"\n*stopped,reason="signal-received",frame={args=[]}\n')).toEqual([
      { class: "console", result: "a\tb\n" },
      { class: "stopped", result: { reason: "signal-received", frame: { args: [] } } },
    ]);
  });
});

describe("Gdb", () => {
  it("holds a process as its tracer and lets it go unchanged", async () => {
    const { program } = await compileTarget(sleeper);
    await using target = await startTarget(program);
    const before = await snapshotOf(target.pid);
    {
      await using gdb = await Gdb.start();
      await gdb.attach(target.pid);
      expect((await snapshotOf(target.pid)).tracers).not.toContain(0);
      expect(await gdb.cli("info threads")).toContain("threads-asleep");
    }
    await waitUntil("nobody traces it", async () => (await snapshotOf(target.pid)).tracers.join() === "0");
    expect(await snapshotOf(target.pid)).toEqual(before);
    expect(target.exit()).toBeUndefined();
  });

  it("says what gdb says when it refuses", async () => {
    await using gdb = await Gdb.start();
    await expect(gdb.attach(4_000_000)).rejects.toThrow(/Cannot do "-target-attach 4000000" in gdb: ptrace/);
  });
});
