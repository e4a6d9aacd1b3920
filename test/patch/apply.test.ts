import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { address } from "../../native/address.ts";
import type { SutureError } from "../../native/errors.ts";
import { applyPatch, debugFilesOf, listPatches, recoverProcess, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import type { TransactionProgress } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { lifted, snapshotOf, waitUntil } from "../support/mod.ts";
import { forms, newAnswer, newAnswers, newKeep, newStay, oldAnswers, patchOf, patchOfAll, startAnswers } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const failureOf = (promise: Promise<unknown>): Promise<SutureError> =>
  promise.then(() => { throw new Error("It did not fail"); }, (error: unknown) => error as SutureError);

function openFifo(path: string): Disposable & { readonly write: (text: string) => void } {
  const file = openSync(path, "r+");
  return { write: (text) => writeSync(file, text), [Symbol.dispose]: () => closeSync(file) };
}

test.each(forms)("applyPatch() changes what eight threads answer, and revertPatch() changes it back: %s", async (form) => {
  await using situation = await startAnswers(form);
  const { pid } = situation;
  const before = await snapshotOf(pid);
  expect(await situation.ask()).toBe(oldAnswers);

  const applied = await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), pid);
  expect(applied).toMatchObject({ result: "committed", patch: { name: "two" }, processes: [{ pid, functions: [{ name: "answer", unit: "answers.c" }] }] });
  expect(await situation.ask()).toBe(newAnswers);
  expect(await listPatches(tracer, pid)).toMatchObject([{ pid, patches: [{ name: "two", state: "active", functions: [{ name: "answer" }] }] }]);
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true, patches: [{ codeMatches: true, functions: [{ name: "answer", matches: true }] }] });

  expect(await revertPatch(tracer, "two", pid)).toMatchObject({ result: "reverted", patch: { name: "two" } });
  expect(await situation.ask()).toBe(oldAnswers);
  expect(await snapshotOf(pid)).toEqual(before);
  expect(await listPatches(tracer, pid)).toMatchObject([{ pid, patches: [] }]);
});

test("applyPatch() reports its steps, and how long threads were held", async () => {
  await using situation = await startAnswers("PIE");
  const steps: TransactionProgress[] = [];
  const { stop } = await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid, { onProgress: (step) => steps.push(step) });
  expect(steps).toEqual([{ step: "staged", pid: situation.pid, bytes: 12288 }, { step: "committed", attempt: 1 }]);
  expect(stop.sleepingMicroseconds).toBeGreaterThan(0);
  expect(stop.attempts).toBe(1);
});

test.each(forms)("a call of a patched function costs one direct jump, from its old entry to the new one: %s", async (form) => {
  await using situation = await startAnswers(form);
  const { pid } = situation;
  const { processes: [report] } = await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), pid);
  const { old = address(0n), new: replacement = address(0n) } = report?.functions[0] ?? {};
  const entry = Buffer.from(await tracer.readMemory(pid, old, 16));
  // endbr64 stays where it is.
  const at = entry.readUInt32LE(0) === 0xfa1e0ff3 ? 4 : 0;
  expect([entry[at], old + BigInt(at + 5 + entry.readInt32LE(at + 1))]).toEqual([0xe9, replacement]);
});

test("applyPatch() leaves a patch that a debugger can name functions of", async () => {
  await using situation = await startAnswers("PIE");
  const { processes } = await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  const maps = execFileSync("cat", [`/proc/${situation.pid}/maps`], { encoding: "utf8" }).split("\n").filter((line) => line.includes("/memfd:suture-two"));
  expect(maps.map((line) => line.split(" ")[1])).toEqual(["r--p", "r-xp", "rw-p"]);
  const file = `/proc/${situation.pid}/map_files/${maps[0]?.split(" ")[0] ?? ""}`;
  const base = `0x${maps[0]?.split("-")[0] ?? ""}`;
  const replacement = processes[0]?.functions[0]?.new ?? 0n;
  const said = execFileSync("gdb", ["-batch", "-nx", "-p", `${situation.pid}`, "-ex", `add-symbol-file ${file} -o ${base}`, "-ex", `info symbol ${replacement}`], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  expect(said).toContain("answer in section .text");
});

test("applyPatch() as a dry run checks everything and leaves the process as it was", async () => {
  await using situation = await startAnswers("PIE");
  const before = await snapshotOf(situation.pid);
  const rehearsed = await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid, { dryRun: true });
  expect(rehearsed).toMatchObject({ result: "checked", processes: [{ functions: [{ name: "answer" }] }], stop: { attempts: 1 } });
  expect(await snapshotOf(situation.pid)).toEqual(before);
  expect(await situation.ask()).toBe(oldAnswers);
});

test(lifted("X3", "several patches side by side, by their names"), async () => {
  await using situation = await startAnswers("library");
  const { pid } = situation;
  const before = await snapshotOf(pid);
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), pid);
  await applyPatch(tracer, patchOf(situation, "words", newKeep, ["keep"]), pid);
  expect((await listPatches(tracer, pid))[0]?.patches.map(({ name, state }) => `${name} ${state}`)).toEqual(["two active", "words active"]);

  await revertPatch(tracer, "two", pid);
  expect(await situation.ask()).toBe(oldAnswers);
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), pid);
  expect(await situation.ask()).toBe(newAnswers);
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
  await revertPatch(tracer, "words", pid);
  await revertPatch(tracer, "two", pid);
  expect(await snapshotOf(pid)).toEqual(before);
});

test("applyPatch() redirects several functions in one stop", async () => {
  await using situation = await startAnswers("non-PIE");
  const patch = patchOf(situation, "three", newAnswer + newKeep + newStay, ["answer", "keep", "stay"]);
  const { processes } = await applyPatch(tracer, patch, situation.pid);
  expect(processes[0]?.functions.map(({ name }) => name)).toEqual(["answer", "keep", "stay"]);
  expect(await situation.ask()).toBe(newAnswers);
  await situation.say("keep", /^kept/);
  expect(await situation.say("kept", /^kept:/)).toBe("kept: new words");
});

test(lifted("X2", "functions of a program and of a library, in one stop"), async () => {
  await using situation = await startAnswers("library");
  const { pid, program } = situation;
  const before = await snapshotOf(pid);
  const newStayIn = `
    #include <stdio.h>
    extern int way[2]; void stay(int);
    void *stayIn(void *unused) { stay(way[0]); printf("left for good\\n"); return unused; }`;
  const patch = patchOfAll("both", [
    { ...situation, source: newAnswer, functions: ["answer"] },
    { module: program, kind: "program", source: newStayIn, functions: ["stayIn"] },
  ]);
  const { processes } = await applyPatch(tracer, patch, pid);
  expect(processes[0]?.functions.map(({ name, module }) => `${name} in ${module}`)).toEqual(["answer in answers-by-function.so", "stayIn in answers-by-function"]);
  // What profilers record of a mapping is its name.
  const seen = await debugFilesOf(tracer, pid);
  expect(seen.map(({ path }) => path).sort()).toEqual(["/memfd:suture-both:answers-by-function (deleted)", "/memfd:suture-both:answers-by-function.so (deleted)"]);
  expect(seen.flatMap(({ functions }) => functions)).toEqual(expect.arrayContaining(["answer", "stayIn"]));
  expect(await situation.ask()).toBe(newAnswers);
  situation.target.write("stay\n");
  expect(await situation.say("leave", /^left/)).toBe("left for good");
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true, patches: [{ codeMatches: true }] });
  await revertPatch(tracer, "both", pid);
  expect((await snapshotOf(pid)).code.filter(({ mapping }) => !mapping.includes("/memfd:suture"))).toEqual(before.code);
});

test("applyPatch() reaches thread-local variables, far variables and far functions", async () => {
  await using situation = await startAnswers("PIE");
  const source = `
    #define _GNU_SOURCE
    #include <stdlib.h>
    #include <unistd.h>
    extern __thread int mine;
    int answer(int thread) { mine += thread; return environ != 0 && atoi("7") == 7 ? mine : -1; }`;
  const patch = patchOfAll("local", [{ ...situation, source, functions: ["answer"], flags: ["-mno-direct-extern-access"] }]);
  await applyPatch(tracer, patch, situation.pid);
  expect(await situation.ask()).toBe("answers: 5 6 7 8 9 10 11 12");
  expect(await situation.ask()).toBe("answers: 5 7 9 11 13 15 17 19");
});

test("applyPatch() takes another place when something is mapped where it was going to", async () => {
  await using situation = await startAnswers("PIE");
  let places = 0;
  // Somebody is quicker, twice.
  const overtaken: TracerClient = new Proxy(tracer, {
    get: (real, name: keyof TracerClient) => name !== "stage" ? Reflect.get(real, name).bind(real) : async (...request: Parameters<TracerClient["stage"]>) => {
      const [pid, startTime, mappings] = request;
      const mapping = mappings.find(({ name: file }) => file === "suture-two");
      if (mapping !== undefined && places++ < 2) await real.stage(pid, startTime, [{ ...mapping, name: "in-the-way" }]);
      return real.stage(...request);
    },
  });
  expect(await applyPatch(overtaken, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid)).toMatchObject({ result: "committed" });
  expect(places).toBe(3);
  expect(await situation.ask()).toBe(newAnswers);
});

test(lifted("X4", "a run that knows nothing but the process verifies its patches and takes them back"), async () => {
  await using situation = await startAnswers("PIE");
  const before = await snapshotOf(situation.pid);
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  await using another = await Tracer.start();
  expect(await verifyPatches(another, situation.pid)).toMatchObject({ verified: true, patches: [{ name: "two" }] });
  await revertPatch(another, "two", situation.pid);
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test("revertPatch() as a dry run changes nothing", async () => {
  await using situation = await startAnswers("PIE");
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  const before = await snapshotOf(situation.pid);
  expect(await revertPatch(tracer, "two", situation.pid, { dryRun: true })).toMatchObject({ result: "checked" });
  expect(await snapshotOf(situation.pid)).toEqual(before);
  expect(await situation.ask()).toBe(newAnswers);
});

test("applyPatch() names the thread and the function that block it, and leaves the process as it was", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  situation.target.write("stay\n");
  await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(pid)).length === 10);
  const before = await snapshotOf(pid);
  const error = await failureOf(applyPatch(tracer, patchOf(situation, "go", newStay, ["stay"]), pid, { timeout: 60 }));
  expect(error.kind).toBe("blocked");
  expect(error.message).toMatch(/^Cannot apply patch "go" to pid \d+: thread \d+ \(answers-by-func\) is in stay.* \(\S+ < .*stay < stayIn.*\); tried (?:once|\d+ times in \d+\.\d s), nothing was changed/);
  expect(error.data["blockers"]).toMatchObject([{ pid, reason: "in-use", function: "stay", stack: expect.arrayContaining(["stay", "stayIn"]) }]);
  expect(await snapshotOf(pid)).toEqual(before);
  expect(await listPatches(tracer, pid)).toMatchObject([{ patches: [] }]);
  await situation.say("leave", /^left/);
});

test("applyPatch() waits while a thread stands in the old function, and commits when it has left", async () => {
  await using situation = await startAnswers("non-PIE");
  situation.target.write("stay\n");
  await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(situation.pid)).length === 10);
  const blocked: number[] = [];
  const applying = applyPatch(tracer, patchOf(situation, "go", newStay, ["stay"]), situation.pid, {
    onProgress: (step) => { if (step.step === "blocked") blocked.push(step.attempt); },
  });
  await waitUntil("it was blocked twice", () => blocked.length >= 2);
  situation.target.write("leave\n");
  const { stop } = await applying;
  expect(stop.attempts).toBeGreaterThan(blocked.length);
  expect(blocked[0]).toBe(1);
});

test("revertPatch() is blocked while a thread is in the patch's own code, and the patch stays active", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  await applyPatch(tracer, patchOf(situation, "go", newStay, ["stay"]), pid);
  situation.target.write("stay\n");
  await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(pid)).length === 10);
  const before = await snapshotOf(pid);
  const error = await failureOf(revertPatch(tracer, "go", pid, { timeout: 30 }));
  expect(error.kind).toBe("blocked");
  expect(error.data["blockers"]).toMatchObject([{ function: "stay", stack: expect.arrayContaining(["stay", "stayIn"]) }]);
  expect((await snapshotOf(pid)).code).toEqual(before.code);
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true, patches: [{ name: "go", state: "active" }] });

  await situation.say("leave", /^left/);
  expect(await revertPatch(tracer, "go", pid)).toMatchObject({ result: "reverted" });
});

test("applyPatch() stops trying when it is told to, and gives everything back", async () => {
  await using situation = await startAnswers("PIE");
  situation.target.write("stay\n");
  await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(situation.pid)).length === 10);
  const before = await snapshotOf(situation.pid);
  const wish = new AbortController();
  const applying = failureOf(applyPatch(tracer, patchOf(situation, "go", newStay, ["stay"]), situation.pid, {
    signal: wish.signal, onProgress: (step) => { if (step.step === "blocked") wish.abort(); },
  }));
  expect(await applying).toMatchObject({ kind: "interrupted" });
  expect(await snapshotOf(situation.pid)).toEqual(before);
});

test("applyPatch() says so when the process ends in the middle", async () => {
  await using situation = await startAnswers("PIE");
  situation.target.write("stay\n");
  await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(situation.pid)).length === 10);
  const applying = failureOf(applyPatch(tracer, patchOf(situation, "go", newStay, ["stay"]), situation.pid, {
    onProgress: (step) => { if (step.step === "blocked") situation.target.signal("SIGKILL"); },
  }));
  expect((await applying).kind).toMatch(/^(process-gone|no-such-process)$/);
});

test("a forked child carries patches of its own", async () => {
  await using situation = await startAnswers("PIE");
  const directory = mkdtempSync(join(tmpdir(), "suture-fork-"));
  try {
    await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
    const fifo = join(directory, "words");
    execFileSync("mkfifo", [fifo]);
    situation.target.write(`fork ${fifo}\n`);
    // Open for reading too, so that neither side waits for the other.
    using words = openFifo(fifo);
    const child = Number((await situation.target.line(/^child \d/)).split(" ")[1]);
    words.write("ask\n");
    expect(await situation.target.line(/^child answers/)).toBe("child answers: 2");
    expect(await listPatches(tracer, child)).toMatchObject([{ pid: child, patches: [{ name: "two", state: "active" }] }]);
    expect((await listPatches(tracer)).map(({ pid }) => pid)).toEqual(expect.arrayContaining([situation.pid, child]));

    await revertPatch(tracer, "two", situation.pid);
    expect(await situation.ask()).toBe(oldAnswers);
    expect(await verifyPatches(tracer, child)).toMatchObject({ verified: true, patches: [{ name: "two" }] });
    await revertPatch(tracer, "two", child);
    expect(await listPatches(tracer, child)).toMatchObject([{ patches: [] }]);
    const from = situation.target.lines.length;
    words.write("ask\n");
    expect(await situation.target.line(/^child answers/, from)).toBe("child answers: 1");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("revertPatch() keeps memory that the process still refers to, until it does not any more", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const before = await snapshotOf(pid);
  await applyPatch(tracer, patchOf(situation, "words", newKeep, ["keep"]), pid);
  await situation.say("keep", /^kept/);
  expect(await revertPatch(tracer, "words", pid)).toMatchObject({ result: "reverted", processes: [{ memoryKept: true }] });
  expect(await situation.say("kept", /^kept:/)).toBe("kept: new words");
  expect(await listPatches(tracer, pid)).toMatchObject([{ patches: [{ name: "words", state: "retired" }] }]);
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });

  // Its name is free again, and so is the function.
  await applyPatch(tracer, patchOf(situation, "words", newKeep, ["keep"]), pid);
  await revertPatch(tracer, "words", pid);
  await situation.say("forget", /^forgotten/);
  await waitUntil("nothing refers to the patch any more", async () => {
    await recoverProcess(tracer, pid);
    return (await listPatches(tracer, pid))[0]?.patches.length === 0;
  });
  expect(await snapshotOf(pid)).toEqual(before);
});

test("applyPatch() and revertPatch() while eight threads are asked without a pause", async () => {
  await using situation = await startAnswers("PIE");
  const { pid } = situation;
  const patch = patchOf(situation, "two", newAnswer, ["answer"]);
  let isOver = false;
  const load = (async () => {
    const seen = new Set<string>();
    while (!isOver) seen.add(await situation.ask());
    return seen;
  })();
  for (let round = 0; round < 10; round++) {
    await applyPatch(tracer, patch, pid);
    await sleep(10);
    await revertPatch(tracer, "two", pid);
  }
  isOver = true;
  const seen = await load;
  expect([...seen].filter((line) => !/^answers:( [12]){8}$/.test(line))).toEqual([]);
  expect(seen).toContain(oldAnswers);
  expect(seen).toContain(newAnswers);
});
