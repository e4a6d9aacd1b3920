// Processes that change themselves under a patch: become another program, close a library that was patched, write to their own
// code, take the ledger away. What is said of them stays true, and who wants the patch out gets it out.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applyPatch, listPatches, recoverProcess, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { SutureError } from "../../native/errors.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { patchOf } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

const plainAnswer = "int answer(int of) { return of < 1000 ? 2 : 3; }";

async function say(target: Target, word: string, reply: RegExp): Promise<string> {
  const from = target.lines.length;
  target.write(`${word}\n`);
  return target.line(reply, from);
}
const ask = (target: Target): Promise<string> => say(target, "ask", /^answers/);

/** Whatever else a refusal says, nothing is left behind. */
const isInTheMiddle: ReadonlySet<string> = new Set(["unfinished-transaction", "bad-ledger", "internal", "tracer-failed"]);

describe("a program", () => {
  async function start(): Promise<{ readonly target: Target; readonly image: Uint8Array }> {
    const { program } = await compileTarget("changes-itself.c", { flags: ["-O1"], link: ["-Wl,--build-id"] });
    return { target: await startTarget(program), image: patchOf({ module: program, kind: "program" }, "two", plainAnswer, ["answer"]) };
  }

  test("that executes another one, or itself, carries no patch any more, and can have it again", async () => {
    const { target, image } = await start();
    await using _target = target;
    await applyPatch(tracer, image, target.pid);
    await say(target, "execute", /^ready/);
    expect(await ask(target)).toBe("answers: 1");
    expect(await listPatches(tracer, target.pid)).toMatchObject([{ patches: [] }]);
    expect(await verifyPatches(tracer, target.pid)).toMatchObject({ verified: true, patches: [] });
    expect(await recoverProcess(tracer, target.pid)).toMatchObject({ patches: [] });
    await expect(revertPatch(tracer, "two", target.pid)).rejects.toMatchObject({ kind: "no-such-patch" });
    const untouched = await snapshotOf(target.pid);
    await applyPatch(tracer, image, target.pid);
    expect(await ask(target)).toBe("answers: 2");
    await revertPatch(tracer, "two", target.pid);
    expect(await snapshotOf(target.pid)).toEqual(untouched);
  });

  test("that executes itself while a patch is applied over and over is never left in the middle", async () => {
    const { target, image } = await start();
    await using _target = target;
    await say(target, "often", /^often/);
    const kinds = new Set<string>();
    for (let tries = 0; tries < 40; tries++) {
      const end = await applyPatch(tracer, image, target.pid, { timeout: 200 }).then(() => revertPatch(tracer, "two", target.pid)).then(() => "done", (error: unknown) => (error instanceof SutureError ? error.kind : String(error)));
      kinds.add(end);
    }
    expect([...kinds].filter((kind) => isInTheMiddle.has(kind))).toEqual([]);
    expect(target.exit()).toBeUndefined();
    await say(target, "seldom", /^seldom/);
    await recoverProcess(tracer, target.pid);
    expect(await listPatches(tracer, target.pid)).toMatchObject([{ patches: [] }]);
    expect(await ask(target)).toBe("answers: 1");
  });

  test("that has made its code writable is patched as any other", async () => {
    const { target, image } = await start();
    await using _target = target;
    await say(target, "open", /^opened/);
    await applyPatch(tracer, image, target.pid);
    expect(await ask(target)).toBe("answers: 2");
    expect(await verifyPatches(tracer, target.pid)).toMatchObject({ verified: true });
    await revertPatch(tracer, "two", target.pid);
    expect(await ask(target)).toBe("answers: 1");
  });

  test("that unmaps the ledger is said to have done so, and is left alone", async () => {
    const { target, image } = await start();
    await using _target = target;
    await applyPatch(tracer, image, target.pid);
    await say(target, "forget", /^forgotten/);
    const before = await snapshotOf(target.pid);
    const missing = { kind: "bad-ledger", message: expect.stringMatching(/memory of patches and no ledger.*restart the process/) as string };
    await expect(listPatches(tracer, target.pid)).rejects.toMatchObject(missing);
    await expect(verifyPatches(tracer, target.pid)).rejects.toMatchObject(missing);
    await expect(recoverProcess(tracer, target.pid)).rejects.toMatchObject(missing);
    await expect(revertPatch(tracer, "two", target.pid)).rejects.toMatchObject(missing);
    await expect(applyPatch(tracer, image, target.pid)).rejects.toMatchObject(missing);
    expect(await snapshotOf(target.pid)).toEqual(before);
    expect(await ask(target)).toBe("answers: 2");
  });
});

describe("a library", () => {
  async function start(): Promise<{ readonly target: Target; readonly image: Uint8Array }> {
    const library = await compileTarget("closes-a-library.c", { flags: ["-O1", "-fPIC", "-DLIBRARY"], link: ["-shared", "-Wl,--build-id"] });
    const { program } = await compileTarget("closes-a-library.c", { flags: ["-O1"], link: ["-Wl,--build-id"] });
    return {
      target: await startTarget(program, { parameters: [library.program] }),
      image: patchOf({ module: library.program, kind: "library" }, "two", plainAnswer, ["answer"]),
    };
  }

  test.each(["closed", "closed, and opened again"])("that was patched and is %s: verify says so, and the patch can be taken out and put in again", async (how) => {
    const { target, image } = await start();
    await using _target = target;
    await applyPatch(tracer, image, target.pid);
    expect(await ask(target)).toBe("answers: 2");
    await say(target, "close", /^closed/);
    if (how !== "closed") await say(target, "open", /^open/);
    const report = await verifyPatches(tracer, target.pid);
    expect(report).toMatchObject({ verified: false, patches: [{ name: "two", state: "active", functions: [{ matches: false }] }] });
    if (how === "closed") expect(report.patches[0]?.functions[0]?.found).toHaveLength(0);

    expect(await revertPatch(tracer, "two", target.pid)).toMatchObject({ result: "reverted" });
    expect(await listPatches(tracer, target.pid)).toMatchObject([{ patches: [] }]);
    if (how === "closed") await say(target, "open", /^open/);
    expect(await ask(target)).toBe("answers: 1");
    await applyPatch(tracer, image, target.pid);
    expect(await ask(target)).toBe("answers: 2");
  });

  test("that is opened and closed all the time ends no process, and leaves nothing in the middle", async () => {
    const { target, image } = await start();
    await using _target = target;
    await say(target, "turn", /^turning/);
    const kinds = new Set<string>();
    for (let tries = 0; tries < 40; tries++) {
      for (const act of [() => applyPatch(tracer, image, target.pid), () => revertPatch(tracer, "two", target.pid)]) {
        kinds.add(await act().then(() => "done", (error: unknown) => (error instanceof SutureError ? error.kind : String(error))));
      }
    }
    expect([...kinds].filter((kind) => isInTheMiddle.has(kind))).toEqual([]);
    await recoverProcess(tracer, target.pid);
    if ((await listPatches(tracer, target.pid))[0]?.patches.length === 1) await revertPatch(tracer, "two", target.pid);
    expect(await listPatches(tracer, target.pid)).toMatchObject([{ patches: [] }]);
    expect(await say(target, "ask", /^turns/)).toMatch(/^turns: \d+ 0$/);
    expect(target.exit()).toBeUndefined();
  });
});
