// What an author of patches can do with suture.h, on a live process: a structure that needs a new member gets a shadow variable,
// a live value is changed by a callback; and what happens to a process when a callback goes wrong.

import { afterAll, beforeAll, expect, test, vi } from "vitest";

import { applyPatch, listPatches, revertPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted } from "../support/limits.ts";
import { snapshotOf, startTarget } from "../support/mod.ts";
import { startProgram } from "./live-program.ts";
import type { Change, LiveProgram } from "./live-program.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let tracer: Tracer;
let program: LiveProgram;
beforeAll(async () => {
  tracer = await Tracer.start();
  program = await startProgram(tracer, { files: ["counts-no-tries.c"] });
});
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await tracer[Symbol.asyncDispose]();
});

const header: Change = ["#include <unistd.h>\n", '#include <unistd.h>\n#include "suture.h"\n'];
const before = "__attribute__((noipa)) static void stay(void) {";
const withCallbacks = (text: string): readonly Change[] => [header, [before, `${text}\n${before}`]];

/** A session that has failed three times is let in no more: the number of its tries would be a member of the structure. */
const counted: readonly Change[] = [
  header,
  ['  return session->number < limit && strcmp(word, "sesame") == 0;\n', `  int *tries = suture_shadow_get_or_make(session, TRIES, sizeof *tries, 0, 0);
  if (tries == 0 || *tries >= 3) return 0;
  if (session->number < limit && strcmp(word, "sesame") == 0) return 1;
  __atomic_fetch_add(tries, 1, __ATOMIC_RELAXED);
  return 0;
`],
  ["static volatile int staying;\n", "static volatile int staying;\nenum { TRIES = 1 };\n"],
  ["  free(session);\n", "  suture_shadow_free(session, TRIES, 0);\n  free(session);\n"],
  [before, `static void forget_tries(void) { suture_shadow_free_all(TRIES, 0); }\nSUTURE_POST_UNPATCH(forget_tries)\n${before}`],
];

test(lifted("X11", "a structure that needs a new member: a shadow variable holds it"), async () => {
  const { image, manifest } = await program.build("tries", counted);
  expect(manifest.objects[0]?.callbacks).toMatchObject([{ when: "post-unpatch", name: "forget_tries" }]);
  const untouched = await snapshotOf(program.pid);
  const log = async (words: readonly string[], number = 2): Promise<readonly string[]> => {
    const answers: string[] = [];
    for (const word of words) answers.push(await program.ask(`login ${number} ${word}`));
    return answers;
  };
  expect(await log(["a", "b", "c", "sesame"])).toEqual(["out", "out", "out", "in"]);
  await applyPatch(tracer, image, program.pid);
  expect(await log(["a", "b", "sesame", "c", "sesame"])).toEqual(["out", "out", "in", "out", "out"]);
  expect(await log(["a", "sesame"], 3)).toEqual(["out", "in"]);
  await program.ask("close 2");
  expect(await log(["sesame", "sesame"])).toEqual(["in", "in"]);
  const { processes } = await revertPatch(tracer, "tries", program.pid);
  expect(processes).toMatchObject([{ pid: program.pid }]);
  expect(processes[0]).not.toHaveProperty("failedCallbacks");
  expect(await log(["a", "b", "c", "d", "sesame"])).toEqual(["out", "out", "out", "out", "in"]);
  await program.returnsTo(untouched);
});

test(lifted("X12", "a changed initial value: a callback sets the live one, another puts it back"), async () => {
  const { image } = await program.build("limit", withCallbacks(`
static void lower(void) { limit = 50; }
SUTURE_POST_PATCH(lower)
static void raise_again(void) { limit = 100; }
SUTURE_PRE_UNPATCH(raise_again)`));
  expect(await program.ask("limit")).toBe("limit 100");
  await applyPatch(tracer, image, program.pid, { dryRun: true });
  expect(await program.ask("limit")).toBe("limit 100");
  await applyPatch(tracer, image, program.pid);
  expect(await program.ask("limit")).toBe("limit 50");
  await revertPatch(tracer, "limit", program.pid);
  expect(await program.ask("limit")).toBe("limit 100");
});

test.each([
  ["refuses", "return limit > 99 ? 7 : 0;", { kind: "callback-refused", message: expect.stringContaining("its pre-patch callback check refuses with 7"), data: expect.objectContaining({ answer: 7 }) }],
  ["crashes", "*(volatile int *)0 = 1; return 0;", { kind: "callback-failed", message: expect.stringContaining("crashed with signal 11") }],
  ["never returns", "for (;;) {} return 0;", { kind: "callback-failed", message: expect.stringContaining("did not return in time") }],
  ["ends the program", "_exit(1);", { kind: "callback-failed", message: expect.stringContaining("wanted to end the process") }],
])("applyPatch() leaves the process byte for byte as it was when a pre-patch callback %s", async (_, body, failure) => {
  const { image } = await program.build("checked", withCallbacks(`static int check(void) { ${body} }\nSUTURE_PRE_PATCH(check)`));
  const untouched = await snapshotOf(program.pid);
  await expect(applyPatch(tracer, image, program.pid)).rejects.toMatchObject(failure);
  expect(await snapshotOf(program.pid)).toEqual(untouched);
  expect(await program.ask("login 4 sesame")).toBe("in");
  expect(await listPatches(tracer, program.pid)).toMatchObject([{ patches: [] }]);
});

test.each([
  ["crashes", "*(volatile int *)0 = 1;", "crashed with signal 11"],
  ["never returns", "for (;;) {}", "did not return in time"],
  ["ends the program", "_exit(1);", "wanted to end the process"],
])("revertPatch() is not held up by a pre-unpatch callback that %s: it is told, and the patch goes", async (_, body, outcome) => {
  const { image } = await program.build("going", withCallbacks(`static void before(void) { limit = 60; ${body} }\nSUTURE_PRE_UNPATCH(before)\nstatic void back(void) { limit += 40; }\nSUTURE_POST_UNPATCH(back)`));
  const untouched = await snapshotOf(program.pid);
  await applyPatch(tracer, image, program.pid);
  expect(await revertPatch(tracer, "going", program.pid)).toMatchObject({ result: "reverted", processes: [{ failedCallbacks: [{ when: "pre-unpatch", function: "before", outcome }] }] });
  expect(await program.ask("limit")).toBe("limit 100");
  expect(await program.ask("login 4 sesame")).toBe("in");
  await program.returnsTo(untouched);
});

test("applyPatch() to two processes: when the pre-patch callback refuses in one, what it did in the other is answered there, and nothing is patched in either", async () => {
  await using one = await startTarget(program.path);
  await using other = await startTarget(program.path);
  const targets = [one, other].sort((a, b) => a.pid - b.pid);
  const pids = targets.map(({ pid }) => pid);
  const limits = (): Promise<readonly string[]> => Promise.all(targets.map((target) => {
    const from = target.lines.length;
    target.write("limit\n");
    return target.line(/^limit/, from);
  }));
  const refusedBy = async (pid: number): Promise<void> => {
    const { image } = await program.build("both", withCallbacks(`static int begin(void) { if (getpid() == ${pid}) return 3; limit += 10; return 0; }\nSUTURE_PRE_PATCH(begin)\nstatic void end(void) { limit += 1; }\nSUTURE_POST_UNPATCH(end)`));
    const untouched = await Promise.all(pids.map(snapshotOf));
    await expect(applyPatch(tracer, image, { pids })).rejects.toMatchObject({ kind: "callback-refused", data: expect.objectContaining({ pid, answer: 3 }) as unknown });
    expect(await Promise.all(pids.map(snapshotOf))).toEqual(untouched);
  };
  // One that has run and refused is answered, too; one that was not asked is not.
  await refusedBy(pids[0] ?? 0);
  expect(await limits()).toEqual(["limit 101", "limit 100"]);
  await refusedBy(pids[1] ?? 0);
  expect(await limits()).toEqual(["limit 112", "limit 101"]);
});

test("applyPatch() tells of a post-patch callback that crashes; the patch and the process stay", async () => {
  const { image } = await program.build("after", withCallbacks("static void after(void) { limit = 60; abort(); }\nSUTURE_POST_PATCH(after)\nstatic void back(void) { limit = 100; }\nSUTURE_POST_UNPATCH(back)"));
  const { processes } = await applyPatch(tracer, image, program.pid);
  expect(processes).toMatchObject([{ failedCallbacks: [{ when: "post-patch", function: "after", outcome: "crashed with signal 6" }] }]);
  expect(await program.ask("limit")).toBe("limit 60");
  await revertPatch(tracer, "after", program.pid);
  expect(await program.ask("limit")).toBe("limit 100");
});

test("applyPatch() says so when the callback that answers a pre-patch one fails, as well as why the switch did not come about", async () => {
  const { image } = await program.build("unanswered", [
    ...withCallbacks("static int begin(void) { return 0; }\nSUTURE_PRE_PATCH(begin)\nstatic void end(void) { abort(); }\nSUTURE_POST_UNPATCH(end)"),
    ["while (staying) usleep(1000);", "while (staying) usleep(2000);"],
  ]);
  await program.ask("stay");
  const untouched = await snapshotOf(program.pid);
  await expect(applyPatch(tracer, image, program.pid, { timeout: 100 })).rejects.toMatchObject({
    kind: "unfinished-transaction", message: expect.stringMatching(/is in stay.*its post-unpatch callback end, which answers what was done before, crashed with signal 6 in pid \d+$/),
  });
  expect(await snapshotOf(program.pid)).toEqual(untouched);
  await program.ask("go");
});

test("applyPatch() has what a pre-patch callback did undone by post-unpatch when the switch does not come about", async () => {
  const { image } = await program.build("blocked", [
    ...withCallbacks("static int begin(void) { limit = 70; return 0; }\nSUTURE_PRE_PATCH(begin)\nstatic void end(void) { limit += 1; }\nSUTURE_POST_UNPATCH(end)"),
    ["while (staying) usleep(1000);", "while (staying) usleep(2000);"],
  ]);
  await program.ask("stay");
  const untouched = await snapshotOf(program.pid);
  await expect(applyPatch(tracer, image, program.pid, { timeout: 100 })).rejects.toMatchObject({ kind: "blocked" });
  expect(await program.ask("limit")).toBe("limit 71");
  expect(await snapshotOf(program.pid)).toEqual(untouched);
  await program.ask("go");
});
