// Every refusal leaves the process exactly as it was: code, mappings, and nobody traces it.

import { afterAll, beforeAll, expect, test } from "vitest";
import { address, fileAddress } from "../../native/address.ts";
import type { SutureError } from "../../native/errors.ts";
import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import { lockProcess } from "../../native/patch/lock.ts";
import { readElf } from "../../native/elf/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { readBytes } from "../elf/toolchain.ts";
import { Gdb, snapshotOf } from "../support/mod.ts";
import { functionNamed } from "./images.ts";
import { flipped } from "./memory.ts";
import { newAnswer, newAnswers, newKeep, patchOf, startAnswers } from "./situations.ts";
import type { Situation } from "./situations.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

async function expectRefusal(situation: Situation, patch: Uint8Array, kind: string, message: RegExp): Promise<void> {
  const before = await snapshotOf(situation.pid);
  const error = await applyPatch(tracer, patch, situation.pid, { timeout: 50 }).then(() => undefined, (thrown: unknown) => thrown as SutureError);
  expect([error?.kind, error?.message]).toEqual([kind, expect.stringMatching(message)]);
  expect(error?.message).not.toContain("\n");
  expect(await snapshotOf(situation.pid)).toEqual(before);
}

interface Refusal {
  readonly what: string;
  readonly kind: string;
  readonly message: RegExp;
  readonly make: (situation: Situation) => Uint8Array;
}

const refusals: readonly Refusal[] = [
  {
    what: "an image for another build of the program", kind: "build-id-mismatch",
    message: /^Cannot stage patch "two" in pid \d+: answers-by-function has build-id [0-9a-f]{40}, the image was made for 1f3c1f3c$/,
    make: (situation) => patchOf(situation, "two", newAnswer, ["answer"], { buildId: "1f3c1f3c" }),
  },
  {
    what: "an image for a library that is not loaded", kind: "build-id-mismatch", message: /it has not loaded other\.so, for which the image was made$/,
    make: (situation) => patchOf(situation, "two", newAnswer, ["answer"], { buildId: "1f3c1f3c", kind: "library", called: "other.so" }),
  },
  {
    what: "a function that has other bytes", kind: "bytes-mismatch", message: /function answer has [0-9a-f]{10} at 0x[0-9a-f]+ where 0000000000 is expected/,
    make: (situation) => patchOf(situation, "two", newAnswer, ["answer"], { change: (each) => ({ ...each, expected: new Uint8Array(5) }) }),
  },
  {
    what: "a function outside of the program's code", kind: "bad-image", message: /function answer would be at 0x[0-9a-f]+, which is not code of answers-by-function/,
    make: (situation) => patchOf(situation, "two", newAnswer, ["answer"], {
      change: (each) => ({ ...each, oldEntry: fileAddress(0x10n), oldRanges: [{ start: fileAddress(0x10n), end: fileAddress(0x20n) }] }),
    }),
  },
  {
    what: "a symbol that nobody has", kind: "unresolved-symbol", message: /Cannot find symbol "nowhere" in pid \d+: none of its modules defines it/,
    make: (situation) => patchOf(situation, "two", "int nowhere(void); int answer(int x) { return nowhere(); }", ["answer"]),
  },
  {
    what: "an address that is out of reach", kind: "unreachable-memory", message: /R_X86_64_PC32 at \.text\.answer\+0x\S+ to "abs" would have to hold .* does not fit/,
    make: (situation) => patchOf(situation, "two", "#pragma GCC visibility push(hidden)\nint abs(int); __attribute__((optimize(\"no-builtin\"))) int answer(int x) { return (long)(void *)abs; }", ["answer"]),
  },
  {
    what: "a patch with the ledger's name", kind: "bad-image", message: /its name is that of the ledger itself/,
    make: (situation) => patchOf(situation, "ledger", newAnswer, ["answer"]),
  },
  { what: "an image that is cut off", kind: "bad-image", message: /^Cannot read patch image: /, make: (situation) => patchOf(situation, "two", newAnswer, ["answer"]).subarray(0, 700) },
  { what: "something that is no image", kind: "bad-image", message: /not an ELF file/, make: () => new TextEncoder().encode("hello") },
];

test.each(refusals)("applyPatch() refuses $what", async ({ kind, message, make }) => {
  await using situation = await startAnswers("PIE");
  await expectRefusal(situation, make(situation), kind, message);
});

test("applyPatch() refuses a patch that is applied already, and another one that overlaps its entry", async () => {
  await using situation = await startAnswers("PIE");
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  await expectRefusal(situation, patchOf(situation, "two", newKeep, ["keep"]), "already-applied", /a patch of this name is applied already; revert it first/);
  await expectRefusal(situation, patchOf(situation, "three", newAnswer, ["answer"], { change: (each) => ({ ...each, expected: Uint8Array.of(...each.expected, 0) }) }), "already-applied", /the entry of function answer overlaps one that patch "two" redirects; revert that first/);
  expect(await situation.ask()).toBe(newAnswers);
});

test("applyPatch() refuses a function that somebody else has written over", async () => {
  await using situation = await startAnswers("non-PIE");
  const patch = patchOf(situation, "two", newAnswer, ["answer"]);
  const { value } = functionNamed(readElf(readBytes(situation.module)), "answer");
  await using _ = await flipped(situation.pid, value);
  await expectRefusal(situation, patch, "bytes-mismatch", /function answer has .* a debugger or another tool may have written there/);
});

test("revertPatch() refuses to overwrite bytes that are not the patch's", async () => {
  await using situation = await startAnswers("PIE");
  const { processes } = await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  const at = (processes[0]?.functions[0]?.old ?? address(0n)) + 5n;
  const before = await snapshotOf(situation.pid);
  {
    await using _ = await flipped(situation.pid, at);
    await expect(revertPatch(tracer, "two", situation.pid)).rejects.toMatchObject({ kind: "bytes-mismatch" });
  }
  expect(await snapshotOf(situation.pid)).toEqual(before);
  expect(await revertPatch(tracer, "two", situation.pid)).toMatchObject({ result: "reverted" });
});

test("revertPatch() refuses a name that is not applied, and says which are", async () => {
  await using situation = await startAnswers("PIE");
  const before = await snapshotOf(situation.pid);
  await expect(revertPatch(tracer, "two", situation.pid)).rejects.toMatchObject({ kind: "no-such-patch", message: expect.stringMatching(/no patch is applied$/) });
  expect(await snapshotOf(situation.pid)).toEqual(before);
  await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid);
  await expect(revertPatch(tracer, "three", situation.pid)).rejects.toMatchObject({ kind: "no-such-patch", message: expect.stringMatching(/it carries no patch of this name, only "two"$/) });
});

test("applyPatch() refuses a process that another tool is changing, and names that tool", async () => {
  await using situation = await startAnswers("PIE");
  const { startTime } = await tracer.describeProcess(situation.pid);
  {
    await using _lock = await lockProcess({ pid: situation.pid, startTime });
    await expectRefusal(situation, patchOf(situation, "two", newAnswer, ["answer"]), "locked", new RegExp(`pid ${process.pid} is changing it; try again`));
  }
  expect(await applyPatch(tracer, patchOf(situation, "two", newAnswer, ["answer"]), situation.pid)).toMatchObject({ result: "committed" });
});

test("applyPatch() lets one of two that come at once go first", async () => {
  await using situation = await startAnswers("PIE");
  await using another = await Tracer.start();
  const patch = patchOf(situation, "two", newAnswer, ["answer"]);
  const outcomes = await Promise.allSettled([applyPatch(tracer, patch, situation.pid), applyPatch(another, patch, situation.pid)]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({ reason: { kind: expect.stringMatching(/^(locked|already-applied)$/) } });
  expect(await situation.ask()).toBe(newAnswers);
});

test("applyPatch() refuses a process that does not exist, and one under a debugger", async () => {
  await using situation = await startAnswers("PIE");
  const patch = patchOf(situation, "two", newAnswer, ["answer"]);
  await expect(applyPatch(tracer, patch, 4_190_000)).rejects.toMatchObject({ kind: "no-such-process" });
  await using gdb = await Gdb.start();
  await gdb.command(`-target-attach ${situation.pid}`);
  await expect(applyPatch(tracer, patch, situation.pid)).rejects.toMatchObject({ kind: "already-traced" });
});
