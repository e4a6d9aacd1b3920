// How often a program with one thread is held by a patch that comes and goes: each time is a request that waits. Counted by strace of the
// helper, as nothing timed could decide it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPatch, listPatches, revertPatch } from "../../native/patch/mod.ts";
import { findHelper } from "../../native/tracer/connection.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget } from "../support/mod.ts";
import { patchOf } from "./situations.ts";

let scratch: string;
beforeAll(() => { scratch = mkdtempSync(join(tmpdir(), "suture-holds-")); });
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** strace must not wait for a processor behind the threads that are raised. */
function straced(log: string): Promise<Tracer> {
  const program = join(scratch, "helper.sh");
  writeFileSync(program, `#!/bin/sh\nexec chrt -R -f 3 strace -f -e trace=ptrace -o "${log}" "${findHelper()}"\n`, { mode: 0o755 });
  return Tracer.start({ program });
}

/** It has called a function of the C library, and the place where it returned to stays on the stack, below where anything else comes. */
const leavingTraces = `
  #include <string.h>
  #include <unistd.h>
  int answer(int question) { char room[16384]; memset(room, question, sizeof room); getppid(); __asm__ volatile("" :: "r"(room) : "memory"); return question + 1; }`;

test("a program with one thread is held twice when a patch comes, and twice when it goes", async () => {
  const { program } = await compileTarget("answers-in-a-loop.c", { flags: ["-O1", "-fPIE"], link: ["-pie", "-Wl,--build-id"] });
  const target = await startTarget(program);
  try {
    const { pid } = target;
    const before = await snapshotOf(pid);
    const log = join(scratch, "log");
    await using tracer = await straced(log);
    const held = (): number => readFileSync(log, "utf8").match(new RegExp(`ptrace\\(PTRACE_SEIZE, ${pid},`, "g"))?.length ?? 0;
    await applyPatch(tracer, patchOf({ module: program, kind: "program" }, "traces", leavingTraces, ["answer"]), pid);
    expect(held()).toBe(2);
    await target.line(/^answer 22$/);
    expect(await revertPatch(tracer, "traces", pid)).toMatchObject({ processes: [{ pid }] });
    expect(held()).toBe(4);
    expect([await listPatches(tracer, pid), await snapshotOf(pid)]).toEqual([[expect.objectContaining({ patches: [] })], before]);
  } finally {
    await target.stop();
  }
});
