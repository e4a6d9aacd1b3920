// Processes that start while somebody watches for their program: patched as they start, whoever starts them; those that run
// already, too. What cannot be patched is told once.

import { copyFileSync, mkdtempSync, readlinkSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPatch, chooseProcesses, revertPatch, watchPrograms } from "../../native/patch/mod.ts";
import type { WatchEvent } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { newAnswer, newAnswers, newStay, oldAnswers, patchOf, startAnswers } from "./situations.ts";

let tracer: Tracer;
let scratch: string;
beforeAll(async () => {
  tracer = await Tracer.start();
  scratch = mkdtempSync(join(tmpdir(), "suture-watch-"));
});
afterAll(async () => {
  rmSync(scratch, { recursive: true });
  await tracer[Symbol.asyncDispose]();
});

interface Watching extends AsyncDisposable {
  readonly events: readonly WatchEvent[];
  readonly eventOf: (pid: number) => Promise<WatchEvent>;
}

function watch(image: Uint8Array, programs: readonly string[]): Watching {
  const ending = new AbortController();
  const events: WatchEvent[] = [];
  const done = watchPrograms(tracer, image, { programs, signal: ending.signal, timeout: 500, onEvent: (event) => events.push(event) });
  done.catch(() => undefined);
  return {
    events,
    eventOf: async (pid) => {
      await waitUntil(`something about pid ${pid}`, () => Promise.resolve(events.some((each) => each.pid === pid)), { timeout: 20_000 });
      const [event] = events.filter((each) => each.pid === pid);
      if (event === undefined) throw new Error("It was there a moment ago");
      return event;
    },
    [Symbol.asyncDispose]: async () => { ending.abort(); await done; },
  };
}

/** A copy of the program that no other test runs. */
function copyOf(program: string, name: string): string {
  copyFileSync(program, join(scratch, name));
  return join(scratch, name);
}

interface Asked extends Target {
  readonly ask: () => Promise<string>;
}

async function start(program: string, how: { readonly parameters?: readonly string[] } = {}): Promise<Asked> {
  const target = await startTarget(program, how);
  return Object.assign(target, { ask: async () => {
    const from = target.lines.length;
    target.write("ask\n");
    return target.line(/^answers/, from);
  } });
}

test(lifted("X5", "processes are patched as they start, those that run already too; the program itself is started as ever"), async () => {
  await using model = await startAnswers("library");
  const program = copyOf(model.program, "served");
  await using running = await start(program);
  const untouched = await snapshotOf(running.pid);
  await using watching = watch(patchOf(model, "two", newAnswer, ["answer"]), [program]);
  expect(await watching.eventOf(running.pid)).toMatchObject({ event: "applied", transaction: { processes: [{ functions: [{ name: "answer" }] }] } });
  await using later = await start(program);
  expect(await watching.eventOf(later.pid)).toMatchObject({ event: "applied" });
  expect([await running.ask(), await later.ask()]).toEqual([newAnswers, newAnswers]);
  // A shell that becomes the program, under a number that was looked at before.
  await using became = await start("/bin/sh", { parameters: ["-c", `sleep 0.3; exec '${program}'`] });
  expect(await watching.eventOf(became.pid)).toMatchObject({ event: "applied" });
  // Taken back by hand, it stays away.
  await revertPatch(tracer, "two", running.pid);
  await using last = await start(program);
  await watching.eventOf(last.pid);
  expect(await running.ask()).toBe(oldAnswers);
  expect(await snapshotOf(running.pid)).toEqual(untouched);
  expect(watching.events.map(({ event }) => event)).toEqual(["applied", "applied", "applied", "applied"]);
});

test("watchPrograms() leaves alone who has the patch and who runs another build, and says so once", async () => {
  await using model = await startAnswers("PIE");
  await using other = await startAnswers("non-PIE");
  const [program, upgraded] = [copyOf(model.program, "old-build"), copyOf(other.program, "new-build")];
  const image = patchOf(model, "two", newAnswer, ["answer"]);
  await using one = await start(program);
  await using another = await start(upgraded);
  const untouched = await snapshotOf(another.pid);
  {
    await using first = watch(image, [program]);
    await first.eventOf(one.pid);
  }
  await using watching = watch(image, [program, upgraded]);
  expect(await watching.eventOf(one.pid)).toEqual({ event: "carried", pid: one.pid });
  expect(await watching.eventOf(another.pid)).toMatchObject({ event: "failed", triesAgain: false, error: { kind: "build-id-mismatch" } });
  await using later = await start(program);
  await watching.eventOf(later.pid);
  expect(watching.events).toHaveLength(3);
  expect(await snapshotOf(another.pid)).toEqual(untouched);
});

test(lifted("X5", "processes whose program an upgrade has replaced on disk since they were started are found by its path; those of the new build are told"), async () => {
  await using model = await startAnswers("PIE");
  await using other = await startAnswers("non-PIE");
  const program = copyOf(model.program, "upgraded");
  const image = patchOf(model, "two", newAnswer, ["answer"]);
  await using old = await start(program);
  renameSync(copyOf(other.program, "upgraded.new"), program);
  expect(readlinkSync(`/proc/${old.pid}/exe`)).toBe(`${program} (deleted)`);
  const isChosen = (count: number) => () => chooseProcesses({ programs: [program] }).then(({ length }) => length === count, () => false);
  await waitUntil("it is old enough to be chosen", isChosen(1));
  await applyPatch(tracer, image, { programs: [program] });
  expect(await old.ask()).toBe(newAnswers);
  await revertPatch(tracer, "two", { programs: [program] });
  await using fresh = await start(program);
  const untouched = [await snapshotOf(old.pid), await snapshotOf(fresh.pid)];
  // Those of both builds are all of them, and one patch is not for all.
  await waitUntil("both are chosen", isChosen(2));
  await expect(applyPatch(tracer, image, { programs: [program] })).rejects.toMatchObject({ kind: "build-id-mismatch", message: expect.stringContaining(`pid ${fresh.pid}`) });
  expect([await snapshotOf(old.pid), await snapshotOf(fresh.pid)]).toEqual(untouched);
  await using watching = watch(image, [program]);
  expect(await watching.eventOf(old.pid)).toMatchObject({ event: "applied" });
  expect(await watching.eventOf(fresh.pid)).toMatchObject({ event: "failed", triesAgain: false, error: { kind: "build-id-mismatch" } });
});

test("watchPrograms() goes on trying while a thread stands in the function, and says once that it does", async () => {
  await using model = await startAnswers("PIE");
  const program = copyOf(model.program, "held-up");
  await using held = await start(program);
  held.write("stay\n");
  await waitUntil("a ninth thread waits", async () => (await tracer.listThreads(held.pid)).length === 10);
  await using watching = watch(patchOf(model, "go", newStay, ["stay"]), [program]);
  expect(await watching.eventOf(held.pid)).toMatchObject({ event: "failed", triesAgain: true, error: { kind: "blocked" } });
  held.write("leave\n");
  await waitUntil("it is applied", () => Promise.resolve(watching.events.length === 2), { timeout: 20_000 });
  expect(watching.events[1]).toMatchObject({ event: "applied", pid: held.pid });
});

test("watchPrograms() refuses a program that is not there", async () => {
  await expect(watchPrograms(tracer, new Uint8Array(), { programs: ["/no/such/file"], signal: new AbortController().signal, onEvent: () => undefined })).rejects.toMatchObject({ kind: "file-not-found" });
});
