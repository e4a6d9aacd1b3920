import { describe, expect, it } from "vitest";
import { address, fileAddress, SutureError, type PatchManifest } from "../../native/mod.ts";
import { formatError, formatJson, formatText } from "../../shell/formats/mod.ts";
import type { CommandResult } from "../../shell/results.ts";
import { colorStyle, plainStyle } from "../../shell/terminal.ts";

const committed: CommandResult = {
  type: "transaction",
  transaction: {
    result: "committed",
    patch: { name: "acl-fix", digest: "ab12" },
    processes: [{
      pid: 4242,
      functions: [
        { name: "ACLSetSelector", unit: "src/acl.c", module: "redis-server", old: address(0x5500_1000n), new: address(0x5400_0040n) },
        { name: "f", unit: "src/a.c", module: "redis-server", old: address(0x5500_2000n), new: address(0x5400_0080n) },
      ],
    }],
    stop: { workingMicroseconds: 87, sleepingMicroseconds: 312, attempts: 2, worstWorkingMicroseconds: 120, worstSleepingMicroseconds: 400 },
  },
};

const manifest: PatchManifest = {
  format: 1,
  name: "acl-fix",
  description: "",
  architecture: "x86-64",
  diffs: [{ name: "acl", text: "--- a\n" }],
  compilers: ["gcc 12.2.0"],
  objects: [{
    module: { name: "redis-server", buildId: "1f3c", kind: "program" },
    functions: [{
      name: "ACLSetSelector", unit: "src/acl.c", oldEntry: fileAddress(0x1000n), oldSize: 90, oldRanges: [], redirectOffset: 0,
      expected: Uint8Array.of(0x55, 0x48), newSymbol: 3, newSize: 120, reason: "its code differs", warnings: ["never returns"],
    }],
    values: [{ name: "limits.most", variable: fileAddress(0x4000n), offset: 8, expected: Uint8Array.of(3, 0), replacement: Uint8Array.of(9, 0) }],
    added: [{ name: "helper", unit: "src/acl.c", newSymbol: 4, newSize: 16 }],
    imports: [],
    sections: [1],
    proof: { units: 1, functions: 37, bytes: 1234 },
  }],
};

const lines = (result: CommandResult): readonly string[] => formatText(result, plainStyle).split("\n");

describe("formatText()", () => {
  it("shows a committed patch as a table and says how long threads were held", () => {
    expect(lines(committed)).toEqual([
      "Applied acl-fix, pid 4242: 2 functions",
      "  FUNCTION        UNIT       MODULE        OLD         NEW",
      "  ACLSetSelector  src/acl.c  redis-server  0x55001000  0x54000040",
      "  f               src/a.c    redis-server  0x55002000  0x54000080",
      "Held: working threads 87 µs, sleeping threads 312 µs (2 attempts; at worst 120 µs and 400 µs)",
    ]);
  });

  it("lists a line for each patch", () => {
    const processes = [{
      pid: 7, program: "/usr/bin/redis-server", patches: [
        { name: "one", state: "active", digest: "", functions: [{ name: "f", unit: "", module: "", old: address(0n), new: address(0n) }] },
        { name: "another", state: "staged", digest: "", functions: [] },
      ],
    }] as const;
    expect(lines({ type: "list", processes })).toEqual([
      "PID  PROGRAM                PATCH    STATE   FUNCTIONS AND VARIABLES",
      "7    /usr/bin/redis-server  one      active  f",
      "7    /usr/bin/redis-server  another  staged",
      expect.stringMatching(/^warning: another is staged in pid 7: /),
    ]);
  });

  it("says so when no patch is applied", () => {
    expect(lines({ type: "list", processes: [] })).toEqual(["No patch is applied"]);
    expect(lines({ type: "list", processes: [{ pid: 7, program: "/bin/x", patches: [] }] })).toEqual(["No patch is applied"]);
  });

  it("shows which bytes verify did not expect", () => {
    const verified = {
      pid: 7, program: "/bin/x", verified: false, patches: [{
        name: "one", state: "active", codeMatches: false, values: [], functions: [
          { name: "f", patch: "one", at: address(0x1000n), matches: false, expected: Uint8Array.of(0xe9, 1), found: Uint8Array.of(0x55, 0x48) },
          { name: "g", patch: "one", at: address(0x2000n), matches: true, expected: Uint8Array.of(0xe9), found: Uint8Array.of(0xe9) },
        ],
      }],
    } as const;
    expect(lines({ type: "verified", verified })).toEqual([
      "pid 7 (/bin/x): NOT as the ledger says",
      "  one (active): 2 functions",
      "    the patch's own code was changed",
      "    f at 0x1000: expected e901, found 5548",
    ]);
  });

  it("says what to do about a transaction that was left in the middle", () => {
    const patches = [{ name: "one", state: "activating", digest: "ab12", codeMatches: true, functions: [], values: [] }] as const;
    const wayOut = 'warning: one is activating in pid 7: a run is at work on it, or has died in the middle; then "suture recover --pid 7" finishes or undoes it';
    expect(lines({ type: "list", processes: [{ pid: 7, program: "/bin/x", patches: [{ ...patches[0], values: [] }] }] }).at(-1)).toBe(wayOut);
    expect(lines({ type: "verified", verified: { pid: 7, program: "/bin/x", verified: false, patches } }).at(-1)).toBe(wayOut);
  });

  it("says which process could not be verified, and why", () => {
    const reports = [{ pid: 7, program: "/bin/x", verified: false, patches: [], problem: "Cannot work on pid 7: gdb (8) is tracing it; detach that first" }];
    expect(lines({ type: "verified-several", reports })).toEqual(["pid 7 (/bin/x): not verified: Cannot work on pid 7: gdb (8) is tracing it; detach that first"]);
    expect(lines({ type: "verified-several", reports: [] })).toEqual(["No patch is applied"]);
  });

  it("shows what an image holds", () => {
    expect(lines({ type: "inspected", inspected: { file: "acl.suture", bytes: 4096, digest: "ab12", manifest, debugBytes: 1234 } })).toEqual([
      "acl-fix",
      "  file         acl.suture, 4,096 bytes, format 1 for x86-64",
      "  sha256       ab12",
      "  debug info   names of functions and source lines, 1,234 bytes",
      "  made from    acl (+0 −0 lines in 0 files)",
      "",
      "redis-server (program, build-id 1f3c)",
      "  proved: 37 functions of 1 unit, 1,234 bytes, are those of the program",
      "  FUNCTION        UNIT       AT      SIZE  NEW SIZE  WHY",
      "  ACLSetSelector  src/acl.c  0x1000  90    120       its code differs",
      "  warning: ACLSetSelector: never returns",
      "  sets: limits.most at 0x4000+8 to 0900 if it is 0300",
      "  new: helper (src/acl.c), 16 bytes",
    ]);
  });

  it("shows stacks innermost frame first, and where one breaks off", () => {
    const stacks = {
      pid: 7,
      stop: { workingMicroseconds: 0, sleepingMicroseconds: 50, workingThreads: 0, sleepingThreads: 1 },
      threads: [{ tid: 8, name: "io", state: "S", complete: false, frames: [{ at: address(0x10n), function: "read" }, { at: address(0x20n), function: "main" }] }],
    };
    expect(lines({ type: "stacks", stacks })).toEqual([
      "thread 8 io (sleeping)",
      "  #0   0x10 read",
      "  #1   0x20 main",
      "  the rest of the stack could not be read",
      "",
      "Held: working threads 0 µs, sleeping threads 50 µs",
    ]);
  });

  it("colours only when asked to", () => {
    expect(formatText(committed, plainStyle)).not.toContain("\x1b[");
    expect(formatText(committed, colorStyle)).toContain("\x1b[32mApplied\x1b[39m");
  });
});

describe("formatJson()", () => {
  it("writes addresses as 0x strings, on one line", () => {
    expect(formatJson(committed, false)).toBe(
      '{"result":"committed","patch":{"name":"acl-fix","digest":"ab12"},"processes":[{"pid":4242,"functions":['
      + '{"name":"ACLSetSelector","unit":"src/acl.c","module":"redis-server","old":"0x55001000","new":"0x54000040"},'
      + '{"name":"f","unit":"src/a.c","module":"redis-server","old":"0x55002000","new":"0x54000080"}]}],'
      + '"stop":{"workingMicroseconds":87,"sleepingMicroseconds":312,"attempts":2,"worstWorkingMicroseconds":120,"worstSleepingMicroseconds":400}}');
  });

  it("writes bytes as hex", () => {
    const json = JSON.parse(formatJson({ type: "inspected", inspected: { file: "a", bytes: 1, digest: "d", manifest, debugBytes: 0 } }, false)) as unknown;
    expect(json).toMatchObject({ file: "a", digest: "d", name: "acl-fix", objects: [{ functions: [{ expected: "5548", oldEntry: "0x1000" }] }] });
  });

  it("lists as an array", () => expect(formatJson({ type: "list", processes: [] }, false)).toBe("[]"));

  it("is indented for people", () => expect(formatJson({ type: "list", processes: [{ pid: 1, program: "x", patches: [] }] }, true)).toContain("\n  {"));
});

describe("formatError()", () => {
  it("is one line, whatever the message holds", () => {
    const error = new SutureError("compile-error", "Cannot compile src/a.c: a.c:3: error\n  x = ;\r\n      ^\n");
    expect(formatError(error, plainStyle)).toBe("error: Cannot compile src/a.c: a.c:3: error · x = ; · ^");
  });
});
