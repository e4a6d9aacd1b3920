// What the helper does while it holds working threads, as strace sees it: it stops, reads registers and stacks, checks, writes, reads
// back and lets go. All that can take long, files, memory of its own, was done before; and the order is the one that holds them least.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { findHelper } from "../../native/tracer/connection.ts";
import { Tracer } from "../../native/tracer.ts";
import { waitUntil } from "../support/mod.ts";
import { attempt, enter, jumpFrom, range, sameBytes } from "./situations.ts";

let scratch: string;
beforeAll(() => { scratch = mkdtempSync(join(tmpdir(), "suture-strace-")); });
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** strace must not wait for a processor behind the threads that are raised, or these keep everybody else from one for seconds. */
function straced(log: string): Promise<Tracer> {
  const program = `${log}.sh`;
  writeFileSync(program, `#!/bin/sh\nexec chrt -R -f 3 strace -f -o "${log}" "${findHelper()}"\n`, { mode: 0o755 });
  return Tracer.start({ program });
}

interface Call {
  readonly name: string;
  /** With what strace says of its arguments. */
  readonly text: string;
}

/** Of the thread of the helper that traces, in their order. */
function callsIn(log: string): readonly Call[] {
  const lines = readFileSync(log, "utf8").split("\n");
  const tracing = /^(\d+) +ptrace\(PTRACE_INTERRUPT/m.exec(lines.join("\n"))?.[1] ?? "";
  return lines.flatMap((line) => {
    const [, thread, text = "", name = ""] = /^(\d+) +(([a-z_0-9]+)\(.*)/.exec(line) ?? [];
    return thread === tracing ? [{ name, text }] : [];
  });
}

test("while working threads are held nothing is opened, mapped or allocated; sleepers are held before them and let go after them", async () => {
  const log = join(scratch, "log");
  const tracer = await straced(log);
  await using situation = await enter(tracer, "one-busy-of-many.c", { parameters: ["10", "3"] });
  const threads = readdirSync(`/proc/${situation.pid}/task`).filter((tid) => Number(tid) !== situation.pid);
  const [working, sleeping] = [threads.slice(0, 3), threads.slice(3)];
  await waitUntil("those that do not work sleep", async () => (await tracer.listThreads(situation.pid)).filter(({ tid }) => sleeping.includes(`${tid}`)).every(({ state }) => state === "S"));
  const at = situation.at("answer");
  const write = { ...await sameBytes(tracer, situation.pid, at), replacement: jumpFrom(at, situation.at("otherAnswer")) };
  const outcome = await attempt(tracer, situation, { forbidden: [range(at, 5)], writes: [write], maxStopMicroseconds: 10_000_000 });
  expect(outcome).toMatchObject({ outcome: "done", stop: { workingThreads: working.length } });
  await tracer[Symbol.asyncDispose]();

  const calls = callsIn(log);
  const indexesOf = (what: RegExp, tids: readonly string[]): readonly number[] =>
    calls.flatMap(({ text }, index) => (tids.includes(what.exec(text)?.[1] ?? "") ? [index] : []));
  const [interrupted, letGo] = [/^ptrace\(PTRACE_INTERRUPT, (\d+)/, /^ptrace\(PTRACE_(?:DETACH|CONT), (\d+)/];
  const first = Math.min(...indexesOf(interrupted, working));
  const last = Math.max(...indexesOf(letGo, working));
  expect([indexesOf(interrupted, working).length, indexesOf(letGo, working).length]).toEqual([3, 3]);
  expect(Math.max(...indexesOf(interrupted, sleeping))).toBeLessThan(first);
  expect(Math.min(...indexesOf(letGo, sleeping))).toBeGreaterThan(last);
  // They are given real-time priority before, and their own back when they run again.
  const raised = indexesOf(/^sched_setattr\((\d+), .*SCHED_FIFO/, working);
  const lowered = indexesOf(/^sched_setattr\((\d+), .*SCHED_OTHER/, working);
  expect([raised.every((index) => index < first), lowered.every((index) => index > last), raised.length, lowered.length]).toEqual([true, true, 3, 3]);

  const during = new Set(calls.slice(first, last + 1).map(({ name }) => name));
  // newfstatat: whether a thread has come that nobody knows, by the directory that was opened before; rt_sigreturn: a wait has an end.
  const quick = ["ptrace", "rt_sigreturn", "wait4", "process_vm_readv", "pread64", "pwrite64", "timer_settime", "newfstatat", "sched_getattr", "sched_setattr"];
  expect([...during].filter((name) => !quick.includes(name))).toEqual([]);
  expect([...during]).toEqual(expect.arrayContaining(["ptrace", "process_vm_readv", "pwrite64"]));
});

test("while many working threads are held those who help read stacks, and wait for each other, and do nothing else", async () => {
  const log = join(scratch, "log-of-helpers");
  const tracer = await straced(log);
  await using situation = await enter(tracer, "works-on-deep-stacks.c", { parameters: ["16"] });
  const write = await sameBytes(tracer, situation.pid, situation.at("elsewhere"));
  const outcome = await attempt(tracer, situation, { forbidden: [situation.whole("elsewhere")], writes: [write], maxStopMicroseconds: 10_000_000 });
  expect(outcome).toMatchObject({ outcome: "done", stop: { workingThreads: 16 } });
  await tracer[Symbol.asyncDispose]();

  const lines = readFileSync(log, "utf8").split("\n");
  const from = lines.findIndex((line) => line.includes("ptrace(PTRACE_INTERRUPT, ") && !line.includes(`, ${situation.pid}`));
  const held = lines.slice(from, lines.findIndex((line, index) => index > from && line.includes("ptrace(PTRACE_DETACH, ")));
  const threadOf = (line: string): string => line.split(" ")[0] ?? "";
  const untilRead = held.slice(0, held.findLastIndex((line) => line.includes("process_vm_readv")));
  // Beside them the guardian looks whether the helper still runs.
  const readers = new Set(untilRead.filter((line) => line.includes("process_vm_readv")).map(threadOf));
  const byOthers = untilRead.filter((line) => threadOf(line) !== threadOf(held[0] ?? "") && readers.has(threadOf(line)));
  const names = new Set(byOthers.map((line) => /^\d+ +(?:<\.\.\. )?([a-z_0-9]+)/.exec(line)?.[1]));
  if (availableParallelism() > 1) expect([...names].sort()).toEqual(["futex", "process_vm_readv"]);
});
