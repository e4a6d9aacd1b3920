// Values of variables, set in the stop that switches the code: all of a patch or nothing of it, and back.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPatchImage } from "../../native/create/mod.ts";
import { SutureError } from "../../native/errors.ts";
import { decodeImage, encodeImage } from "../../native/image/mod.ts";
import { activatePatch, applyPatch, deactivatePatch, listPatches, loadPatch, recoverProcess, revertPatch, unloadPatch, verifyPatches } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { dying } from "./dying-tool.ts";
import { patchOf } from "./situations.ts";

let tracer: Tracer;
let program: string;
beforeAll(async () => {
  tracer = await Tracer.start();
  ({ program } = await compileTarget("has-settings.c", { flags: ["-g", "-O1"], link: ["-Wl,--build-id"], sources: ["has-settings-too.c"] }));
});
afterAll(async () => { await tracer[Symbol.asyncDispose](); });

interface Running extends AsyncDisposable {
  readonly target: Target;
  readonly pid: number;
  readonly say: (words: string, reply: RegExp) => Promise<string>;
  readonly show: () => Promise<string>;
}

async function start(): Promise<Running> {
  const target = await startTarget(program);
  const say = (words: string, reply: RegExp): Promise<string> => {
    const from = target.lines.length;
    target.write(`${words}\n`);
    return target.line(reply, from);
  };
  return { target, pid: target.pid, say, show: () => say("show", /^settings/), [Symbol.asyncDispose]: async () => void await target.stop() };
}

const valuesOnly = async (name: string, ...values: readonly string[]): Promise<Uint8Array> =>
  (await createPatchImage(tracer, [], { source: ".", target: program, name, values })).image;

/** Code and values in one image; the first answers 1000 more. */
async function withCode(name: string, ...values: readonly string[]): Promise<Uint8Array> {
  const [object] = decodeImage(await valuesOnly(name, ...values)).manifest.objects;
  return patchOf({ module: program, kind: "program" }, name, "extern int retries; int answer(void) { return 1000 + retries; }", ["answer"], { values: object?.values ?? [] });
}

const untouchedSettings = "settings: 3 100 50 7 7 0.5 15";

describe("build --set", () => {
  test.each<[string, string, string]>([
    ["a number", "retries=5 if 3", "05000000 03000000 0"],
    ["a negative hexadecimal one", "retries = -0x1 if 3", "ffffffff 03000000 0"],
    ["a static variable by its unit", "has-settings-too.c:limit=8 if 7", "0800000000000000 0700000000000000 0"],
    ["a member", "limits.most=0xffff if 50", "ffff 3200 4"],
    ["a member of a nameless structure in it", "limits.inner.deep=-1 if 7", "ff 07 7"],
    ["bytes of a whole variable", "ratio=hex:000000000000f03f if hex:000000000000e03f", "000000000000f03f 000000000000e03f 0"],
    ["bytes at an offset", "table+4=hex:0c00 if hex:0200", "0c00 0200 4"],
  ])("takes %s", async (_, setting, wanted) => {
    const [value] = decodeImage(await valuesOnly("v", setting)).manifest.objects[0]?.values ?? [];
    const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
    expect(`${hex(value?.replacement)} ${hex(value?.expected)} ${value?.offset ?? -1}`).toBe(wanted);
  });

  test.each<[string, string, string, RegExp]>([
    ["what has no form", "retries:=5", "usage", /is not of the form/],
    ["a variable that is not there", "retires=5 if 3", "unknown-variable", /has no variable of this name/],
    ["a unit that has none", "has-settings-too.c:retries=5 if 3", "unknown-variable", /retries is not of has-settings-too.c/],
    ["one of several", "limit=5 if 100", "not-patchable", /there are several of this name; say which: .*has-settings.c:limit, .*has-settings-too.c:limit/],
    ["a number that does not fit", "limits.most=65536 if 50", "not-patchable", /65536 does not fit into its 2 bytes/],
    ["a number for a floating-point variable", "ratio=1 if 0", "not-patchable", /it is a floating-point number of 8 bytes, and no integer; write hex:BYTES/],
    ["a number for a pointer", "title=0 if 1", "not-patchable", /is a pointer/],
    ["bytes of another length", "retries=hex:0500 if hex:0300", "not-patchable", /it has 4 bytes, and 2 are given/],
    ["bytes beyond the end", "table+14=hex:010203 if hex:000000", "not-patchable", /it has 2 bytes, and 3 are given/],
    ["an offset beyond the end", "table+16=hex:01 if hex:00", "not-patchable", /16 is beyond them/],
    ["a constant", "fixed=8 if 9", "not-patchable", /it is a constant/],
    ["a thread-local variable", "own=2 if 1", "not-patchable", /thread-local/],
    ["a bit-field", "limits.flag=2 if 1", "not-patchable", /bit-field/],
    ["a member that is not there", "limits.mots=2 if 1", "not-patchable", /has no member mots/],
    ["two values that are the same", "retries=3 if 0x3", "not-patchable", /its two values are the same/],
    ["a value that is none", "retries=five if 3", "not-patchable", /"five" is neither a number nor hex:BYTES/],
  ])("refuses %s", async (_, setting, kind, message) => {
    await expect(valuesOnly("v", setting)).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  test("refuses two settings that overlap, and no setting at all", async () => {
    await expect(valuesOnly("v", "table+4=hex:0c00 if hex:0200", "table+5=hex:01 if hex:00")).rejects.toMatchObject({ kind: "bad-image", message: expect.stringMatching(/it sets "table\+4" and "table\+5", which overlap/) });
    await expect(valuesOnly("v")).rejects.toMatchObject({ kind: "nothing-to-patch" });
  });
});

test("applyPatch() sets values with the code, and revertPatch() restores them", async () => {
  await using running = await start();
  const { pid } = running;
  const before = await snapshotOf(pid);
  const image = await withCode("both", "retries=5 if 3", "has-settings-too.c:limit=8 if 7", "limits.most=60 if 50");
  const applied = await applyPatch(tracer, image, pid);
  expect(applied).toMatchObject({ result: "committed", processes: [{ values: [{ name: "retries", patch: "both", outcome: "set", value: Uint8Array.of(5, 0, 0, 0) }, { outcome: "set" }, { name: "limits.most" }] }] });
  expect(await running.show()).toBe("settings: 5 100 60 7 8 0.5 1005");
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true, patches: [{ values: [{ name: "retries", holds: "new" }, { holds: "new" }, { holds: "new" }] }] });
  expect(await listPatches(tracer, pid)).toMatchObject([{ patches: [{ values: ["retries", "has-settings-too.c:limit", "limits.most"] }] }]);

  expect(await revertPatch(tracer, "both", pid)).toMatchObject({ processes: [{ values: [{ outcome: "restored", value: Uint8Array.of(3, 0, 0, 0) }, { outcome: "restored" }, { outcome: "restored" }] }] });
  expect(await running.show()).toBe(untouchedSettings);
  expect(await snapshotOf(pid)).toEqual(before);
});

test("a patch of values alone goes through all steps, and maps nothing of its own", async () => {
  await using running = await start();
  const { pid } = running;
  const before = await snapshotOf(pid);
  await loadPatch(tracer, await valuesOnly("alone", "retries=5 if 3"), pid);
  expect(await running.show()).toBe(untouchedSettings);
  expect((await snapshotOf(pid)).mappings.filter((line) => /suture-alone/.test(line))).toEqual([]);
  for (let round = 0; round < 2; round++) {
    await activatePatch(tracer, "alone", pid);
    expect(await running.show()).toBe("settings: 5 100 50 7 7 0.5 17");
    await deactivatePatch(tracer, "alone", pid);
    expect(await running.show()).toBe(untouchedSettings);
  }
  await unloadPatch(tracer, "alone", pid);
  expect(await snapshotOf(pid)).toEqual(before);
});

test.each([false, true])("a value that is not as expected is refused, and nothing is written (dry run: %s)", async (dryRun) => {
  await using running = await start();
  const { pid } = running;
  await running.say("retries 4", /^set/);
  const before = await snapshotOf(pid);
  await expect(applyPatch(tracer, await withCode("both", "has-settings-too.c:limit=8 if 7", "retries=5 if 3"), pid, { dryRun })).rejects.toMatchObject({
    kind: "bytes-mismatch", message: expect.stringMatching(/variable retries is 04000000 where 03000000 is expected/), data: { variable: "retries", found: "04000000", expected: "03000000" },
  });
  expect(await snapshotOf(pid)).toEqual(before);
  expect(await running.show()).toBe("settings: 4 100 50 7 7 0.5 16");
});

test("a value that changes all the time is held against what is expected under the stop", async () => {
  await using running = await start();
  const { pid } = running;
  await running.say("count", /^counting/);
  const before = await snapshotOf(pid);
  // Read right before, so that only the stop can know that it has gone on.
  let last = Buffer.alloc(8);
  const racing = new Proxy(tracer, {
    get: (real, name: keyof Tracer) => async (...request: readonly unknown[]) => {
      const answer = await (Reflect.get(real, name) as (...parameters: readonly unknown[]) => Promise<unknown>).apply(real, [...request]);
      return name === "readMemory" && request[2] === 8 && answer instanceof Uint8Array ? Uint8Array.from(last) : answer;
    },
  });
  const image = await valuesOnly("race", "counter=hex:ffffffffffffffff if hex:0000000000000000");
  last = Buffer.alloc(8);
  await expect(applyPatch(racing, image, pid)).rejects.toMatchObject({ kind: "bytes-mismatch", message: expect.stringMatching(/variable counter/) });
  expect(await snapshotOf(pid)).toEqual(before);
});

test("a dry run sets nothing, and does not say that it did", async () => {
  await using running = await start();
  const checked = await applyPatch(tracer, await withCode("both", "retries=5 if 3"), running.pid, { dryRun: true });
  expect(checked).toMatchObject({ result: "checked", processes: [{ functions: [{ name: "answer" }] }] });
  expect(checked.processes[0]?.values).toBeUndefined();
  expect(await running.show()).toBe(untouchedSettings);
});

test("revertPatch() leaves a value that the program has changed since, and says so", async () => {
  await using running = await start();
  const { pid } = running;
  await applyPatch(tracer, await withCode("both", "retries=5 if 3", "limits.most=60 if 50"), pid);
  await running.say("retries 6", /^set/);
  expect(await verifyPatches(tracer, pid)).toMatchObject({ verified: true, patches: [{ values: [{ holds: "other", found: Uint8Array.of(6, 0, 0, 0) }, { holds: "new" }] }] });
  expect(await revertPatch(tracer, "both", pid)).toMatchObject({
    result: "reverted", processes: [{ values: [{ name: "retries", outcome: "left", value: Uint8Array.of(6, 0, 0, 0) }, { name: "limits.most", outcome: "restored" }] }],
  });
  expect(await running.show()).toBe("settings: 6 100 50 7 7 0.5 18");
});

test("one variable has one patch at a time, and replace hands it over in the same stop", async () => {
  await using running = await start();
  const { pid } = running;
  await applyPatch(tracer, await valuesOnly("older", "retries=5 if 3", "table+0=hex:0900 if hex:0100"), pid);
  const before = await snapshotOf(pid);
  for (const setting of ["retries=6 if 3", "retries=6 if 5", "table+1=hex:01 if hex:00"]) {
    await expect(applyPatch(tracer, await valuesOnly("newer", setting), pid)).rejects.toMatchObject({ kind: "already-applied", message: expect.stringMatching(/patch "older" sets variable .* already/) });
  }
  expect(await snapshotOf(pid)).toEqual(before);
  expect(await applyPatch(tracer, await valuesOnly("newer", "retries=6 if 3"), pid, { replace: true })).toMatchObject({
    processes: [{ replaced: ["older"], values: [{ name: "table+0", patch: "older", outcome: "restored" }, { name: "retries", patch: "newer", outcome: "set" }] }],
  });
  expect(await running.show()).toBe("settings: 6 100 50 7 7 0.5 18");
  await revertPatch(tracer, "newer", pid);
  expect(await running.show()).toBe(untouchedSettings);
});

test("applyPatch() refuses a value that lies in memory which the program cannot write", async () => {
  await using running = await start();
  const before = await snapshotOf(running.pid);
  const { manifest: { objects: [object] } } = decodeImage(await valuesOnly("v", "retries=5 if 3"));
  const [value] = object?.values ?? [];
  if (object === undefined || value === undefined) throw new Error("no value");
  for (const offset of [-0x3000, 1 << 24]) {
    const variable = { ...value, variable: (value.variable + BigInt(offset)) as typeof value.variable };
    const image = encodeImage({ name: "v", description: "", diffs: [], compilers: [], objects: [{ ...object, values: [variable], functions: [], added: [], imports: [], callbacks: [], sections: [], debug: [], symbols: [] }] });
    await expect(applyPatch(tracer, image, running.pid)).rejects.toMatchObject({ kind: "not-patchable", message: expect.stringMatching(/not in memory of has-settings that the program can write/) });
  }
  expect(await snapshotOf(running.pid)).toEqual(before);
});

const deaths = (["code and values", "values alone"] as const).flatMap((image) => (["apply", "revert"] as const).flatMap((act) => (["before", "after"] as const).map((when) => ({ image, act, when }))));

test.each(deaths)("recoverProcess() when the tool died $when the switch of $image: $act", async ({ image, act, when }) => {
  await using running = await start();
  const { pid } = running;
  const patch = await (image === "values alone" ? valuesOnly : withCode)("both", "retries=5 if 3", "limits.most=60 if 50");
  if (act === "revert") await applyPatch(tracer, patch, pid);
  const dead = dying(tracer, when);
  await (act === "apply" ? applyPatch(dead, patch, pid) : revertPatch(dead, "both", pid)).catch((error: unknown) => { if (!(error instanceof SutureError)) throw error; });
  await recoverProcess(tracer, pid);
  const isSet = (act === "apply") === (when === "after");
  expect(await running.show()).toBe(isSet ? `settings: 5 100 60 7 7 0.5 ${image === "values alone" ? 17 : 1005}` : untouchedSettings);
  if (isSet) await revertPatch(tracer, "both", pid);
  expect(await running.show()).toBe(untouchedSettings);
});
