// Processes in surroundings of their own: namespaces, a root of their own, filters, limits, a thread that cannot be stopped.
// Each works, or is refused with the reason and is, byte for byte, what it was. The tests make these surroundings, so they
// need to be root with the rights of one.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SutureError } from "../../native/errors.ts";
import { applyPatch, listPatches, recoverProcess, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import { copyTo, Corners, failureOf } from "./corner.ts";
import { fillLedger } from "./full-ledger.ts";
import { newAnswer, newKeep, patchOf, startAnswers } from "./situations.ts";

let tracer: Tracer;
let corners: Corners;
beforeAll(async () => {
  tracer = await Tracer.start();
  corners = await Corners.open();
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  corners[Symbol.dispose]();
});

describe("applyPatch() works", () => {
  test("in another mount namespace, with a program that is not to be seen from here", async () => {
    const inside = "/tmp/answers-in-a-corner";
    await using situation = await corners.enter("plain", ["unshare", "--mount", "sh", "-c", `mount -t tmpfs none /tmp && cp "$0" ${inside} && exec ${inside} "$1"`], corners.compiled);
    expect(() => readFileSync(inside)).toThrow("ENOENT");
    await corners.expectThereAndBack(situation, tracer);
  });

  test("with a root directory of its own", async () => {
    const root = join(corners.scratch, "root");
    copyTo(root, corners.program);
    for (const library of execFileSync("ldd", [corners.program], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)) {
      const [, path = ""] = library;
      mkdirSync(join(root, dirname(path)), { recursive: true });
      cpSync(realpathSync(path), join(root, path));
    }
    await using situation = await corners.enter("plain", ["chroot", root], "/answers-in-a-corner");
    await corners.expectThereAndBack(situation, tracer);
  });

  test("in another pid namespace, where its threads have other numbers", async () => {
    await using situation = await corners.enter("plain", ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    expect(situation.pid).not.toBe(situation.target.pid);
    expect(readFileSync(`/proc/${situation.pid}/status`, "utf8")).toMatch(/^NSpid:\s+\d+\s+1$/m);
    await corners.expectThereAndBack(situation, tracer);
  });

  test("in a user namespace of its own", async () => {
    await using situation = await corners.enter("plain", ["unshare", "--user", "--map-root-user"]);
    await corners.expectThereAndBack(situation, tracer);
  });

  test.each(["refused", "killed"])("under a seccomp filter by which calls that change memory are %s", async (how) => {
    await using situation = await corners.enter(how);
    await corners.expectThereAndBack(situation, tracer);
    expect(situation.target.exit()).toBeUndefined();
  });

  test("in a process that is not dumpable", async () => {
    await using situation = await corners.enter("private");
    await corners.expectThereAndBack(situation, tracer);
  });

  test("when a thread was in uninterruptible sleep, and is so no more", async () => {
    await using situation = await corners.enter("waiting");
    await waitUntil("a thread sleeps uninterruptibly", async () => (await tracer.listThreads(situation.pid)).some(({ state }) => state === "D"));
    const before = await snapshotOf(situation.pid);
    const error = await failureOf(applyPatch(tracer, corners.image, situation.pid, { timeout: 0 }));
    expect(error).toMatchObject({ kind: "blocked", message: expect.stringMatching(/thread \d+ \(\S+\) did not stop/) as string, data: { blockers: [{ reason: "not-stopped" }] } });
    expect(await snapshotOf(situation.pid)).toEqual(before);
    const applying = applyPatch(tracer, corners.image, situation.pid, { timeout: 20_000 });
    await situation.say("wake", /^woken/);
    expect(await applying).toMatchObject({ result: "committed" });
    expect(await situation.ask()).toBe("answers: 2");
  });
});

describe("applyPatch() refuses, and changes nothing", () => {
  test.each(["refused", "killed"])("a process whose filter it may not suspend, and by which such calls are %s", async (how) => {
    await using situation = await corners.enter(how);
    await using weaker = await corners.helperWith("without-admin", "--bounding-set=-sys_admin --inh-caps=-sys_admin");
    await corners.expectRefusal(situation, weaker, { kind: "cannot-borrow-thread", message: /under a seccomp filter that cannot be suspended; .*run as root$/ });
    expect(situation.target.exit()).toBeUndefined();
  });

  test("a process that is not dumpable, to its own user", async () => {
    await using situation = await corners.enter("private", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    await using nobody = await corners.helperWith("as-nobody", "--reuid=65534 --regid=65534 --clear-groups --inh-caps=-all");
    await corners.expectRefusal(situation, nobody, { kind: "not-permitted", message: /the kernel does not permit it/ });
  });

  test("a process whose main thread has ended while others live: to apply, to revert, to list and to verify", async () => {
    const { program } = await compileTarget("main-thread-ended.c", { flags: ["-O0"], link: ["-Wl,--build-id"] });
    const patch = patchOf({ module: program, kind: "program" }, "three", "int step(int of) { return of + 3; }", ["step"]);
    await using target = await startTarget(program, { parameters: ["later"] });
    const { pid } = target;
    const saysFromNowOn = async (line: RegExp): Promise<string> => {
      await target.line(/^step/, target.lines.length);
      return target.line(line, target.lines.length);
    };
    // Of seven looks six find its working thread in the function.
    await applyPatch(tracer, patch, pid, { timeout: 25_000 });
    expect(await saysFromNowOn(/^step/)).toBe("step 4");
    target.write("end\n");
    await waitUntil("the main thread has ended", () => /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
    const living = readdirSync(`/proc/${pid}/task`).map(Number).find((tid) => tid !== pid) ?? 0;
    // By a thread that lives, whose memory is that of all.
    const before = await snapshotOf(living);
    const gone = { kind: "process-gone", message: expect.stringContaining("main thread has ended") as string };
    for (const act of [listPatches, verifyPatches, recoverProcess]) expect(await failureOf(act(tracer, pid))).toMatchObject(gone);
    expect(await failureOf(revertPatch(tracer, "three", pid))).toMatchObject(gone);
    expect(await failureOf(applyPatch(tracer, patch, pid))).toMatchObject(gone);
    expect(await snapshotOf(living)).toEqual(before);
    // And it goes on with the patch.
    expect(await saysFromNowOn(/^step/)).toBe("step 4");
    expect(target.exit()).toBeUndefined();
  });

  test("a process that has opened all the files that it may", async () => {
    await using situation = await corners.enter("plain");
    execFileSync("prlimit", ["--pid", `${situation.pid}`, "--nofile=3:"]);
    await corners.expectRefusal(situation, tracer, { kind: "out-of-memory", message: /Cannot make a memory file named "suture-ledger" in pid \d+: Too many open files/ });
  });

  test("a process that has room for the first, the second, the third … page of what is needed, but not for all", async () => {
    await using situation = await corners.enter("plain");
    const used = 1024 * Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${situation.pid}/status`, "utf8"))?.[1]);
    const untouched = await snapshotOf(situation.pid);
    let refusals = 0;
    for (let isDone = false; !isDone; refusals += isDone ? 0 : 1) {
      execFileSync("prlimit", ["--pid", `${situation.pid}`, `--as=${used + refusals * 4096}:`]);
      const error = await applyPatch(tracer, corners.image, situation.pid).then(() => undefined, (thrown: unknown) => thrown as SutureError);
      isDone = error === undefined;
      if (isDone) break;
      expect(error).toMatchObject({ kind: "out-of-memory", message: expect.stringMatching(/Cannot allocate memory/) as string });
      expect(await snapshotOf(situation.pid)).toEqual(untouched);
    }
    // The ledger alone takes sixteen.
    expect(refusals).toBeGreaterThan(16);
    expect(await situation.ask()).toBe("answers: 2");
  });

  test("a patch for which the ledger would have to grow where there is no room", async () => {
    await using situation = await startAnswers("PIE");
    const { pid } = situation;
    await applyPatch(tracer, patchOf(situation, "words", newKeep, ["keep"]), pid);
    await fillLedger(tracer, pid);
    const before = await snapshotOf(pid);
    const used = 1024 * Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    // Room for the patch and for what a borrowed thread needs, but not for another ledger.
    execFileSync("prlimit", ["--pid", `${pid}`, `--as=${used + (60 << 10)}:`]);
    const image = patchOf(situation, "two", newAnswer, ["answer"]);
    expect(await failureOf(applyPatch(tracer, image, pid))).toMatchObject({ kind: "out-of-memory" });
    expect(await snapshotOf(pid)).toEqual(before);
    expect(await listPatches(tracer, pid)).toMatchObject([{ patches: [{ name: "words", state: "active" }] }]);
    expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true });
    execFileSync("prlimit", ["--pid", `${pid}`, "--as=unlimited:"]);
    expect(await applyPatch(tracer, image, pid)).toMatchObject({ result: "committed" });
  });
});
