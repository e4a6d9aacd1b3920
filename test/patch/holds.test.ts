// How often a program with one thread is held by a patch that comes and goes: each time is a request that waits. Counted by strace of the
// helper, as nothing timed could decide it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import { findHelper } from "../../native/tracer/connection.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget } from "../support/mod.ts";
import { patchOf } from "./situations.ts";

let scratch: string;
beforeAll(() => { scratch = mkdtempSync(join(tmpdir(), "suture-holds-")); });
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** What the helper asks the kernel to do with a process while it does `act`. strace must not wait for a processor behind the threads that are raised. */
async function requestsFor(pid: number, act: (tracer: Tracer) => Promise<unknown>): Promise<Readonly<Record<string, number>>> {
  const [program, log] = [join(scratch, "helper.sh"), join(scratch, "log")];
  writeFileSync(program, `#!/bin/sh\nexec chrt -R -f 3 strace -f -e trace=ptrace -o "${log}" "${findHelper()}"\n`, { mode: 0o755 });
  const tracer = await Tracer.start({ program });
  await act(tracer);
  await tracer[Symbol.asyncDispose]();
  const requests = [...readFileSync(log, "utf8").matchAll(new RegExp(`ptrace\\(PTRACE_(\\w+), ${pid}[,)]`, "g"))].map(([, request = ""]) => request);
  return Object.fromEntries(["SEIZE", "SYSCALL"].map((request) => [request, requests.filter((each) => each === request).length]));
}

/** It has called a function of the C library, and the place where it returned to stays on the stack, below where anything else comes. */
const leavingTraces = `
  #include <string.h>
  #include <unistd.h>
  void keep(volatile unsigned long *where, unsigned long complement) {
    char room[16384];
    memset(room, 0, sizeof room);
    __asm__ volatile("" :: "r"(room) : "memory");
    getppid();
    *where = ~complement;
  }`;

test("a program with one thread is held twice when a patch comes, and twice when it goes", async () => {
  const { program } = await compileTarget("remembers-pointers.c", { flags: ["-O1"], link: ["-Wl,--build-id"] });
  const target = await startTarget(program);
  try {
    const { pid } = target;
    const before = await snapshotOf(pid);
    // Once for the calls, which it makes in a row without a stop at any, and once for the switch.
    const twice = { SEIZE: 2, SYSCALL: 0 };
    const image = patchOf({ module: program, kind: "program" }, "traces", leavingTraces, ["keep"]);
    expect(await requestsFor(pid, (tracer) => applyPatch(tracer, image, pid))).toEqual(twice);
    target.write("data 1234\n");
    await target.line(/^ok/);
    expect(await requestsFor(pid, (tracer) => revertPatch(tracer, "traces", pid))).toEqual(twice);
    expect(await snapshotOf(pid)).toEqual(before);
  } finally {
    await target.stop();
  }
});
