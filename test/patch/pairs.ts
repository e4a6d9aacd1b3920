// pairs-of-functions, its patches, and what is true of it at every moment of a change and after any death: no call mixes
// versions, `list` and `verify` say what is, and it can be brought back to what it was.

import { expect } from "vitest";
import { readElf } from "../../native/elf/mod.ts";
import { fileAddress } from "../../native/address.ts";
import { listPatches, recoverProcess, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import type { ListedPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { readBytes } from "../elf/toolchain.ts";
import { compileTarget, sanitizedHelper, snapshotOf, startTarget, waitUntil } from "../support/mod.ts";
import type { ProcessSnapshot, Target } from "../support/mod.ts";
import { faultyTracer } from "./dying-tool.ts";
import type { Replacement } from "./images.ts";
import { patchOfAll } from "./situations.ts";

const numbers = [10, 11, 12];

/** What its functions say, by the patch on top; those of `set` and `setNewest` want a variable to be set with them. */
const patches = {
  new: { version: 2, setting: 1 },
  newest: { version: 3, setting: 1 },
  set: { version: 2, setting: 2 },
  setNewest: { version: 3, setting: 3 },
} as const;
export type PatchName = keyof typeof patches;

const versions = { 1: "old", 2: "new", 3: "newest" } as const;
export type Version = (typeof versions)[keyof typeof versions];

/** Each says 10 * `version` + `version` with its partner of the same patch, and with `setting`. */
const sourceOf = ({ version, setting }: { readonly version: number; readonly setting: number }): string => "extern int setting;" + numbers.map((n) => `
  __attribute__((noipa)) int inner_${n}(int x) { return x + ${version}; }
  __attribute__((noipa)) int outer_${n}(int x) { return 10 * (x + ${version}) + inner_${n}(x) + 100 * (setting - ${setting}); }`).join("");

function settingOf(module: string, to: number): NonNullable<Replacement["values"]> {
  if (to === 1) return [];
  const symbol = readElf(readBytes(module)).symbols.find(({ name }) => name === "setting");
  const bytes = (value: number): Uint8Array => Uint8Array.of(value, 0, 0, 0);
  return [{ name: "setting", variable: fileAddress(symbol?.value ?? 0n), offset: 0, expected: bytes(1), replacement: bytes(to) }];
}

interface Answers extends Record<Version, number> {
  readonly mixed: number;
}

export type Step = (by: TracerClient, pids: readonly number[]) => Promise<unknown>;

/** Something that is done to processes, and the tool or its helper dies in the middle of it. */
export interface Act {
  /** Of the test. */
  readonly name: string;
  /** What is done to them before. */
  readonly from: readonly Step[];
  readonly act: Step;
}

/** One that dies at the step of this number, or has come to the end before. */
export type Mortal = (step: number) => Promise<{ readonly client: TracerClient } & AsyncDisposable>;

interface WalkOptions {
  /** How many processes at a time. Default: one. */
  readonly processes?: number;
  /** Of each. Default: four. */
  readonly threads?: number;
  /** Only every so many steps. Default: all. */
  readonly stride?: number;
  /** The threads sleep in calls that are continued when they have been interrupted: then a borrowed one makes its calls one by one. */
  readonly isContinued?: boolean;
}

/** The compiled program with its patches, a helper that works, and another one with places to be killed at. */
export class Pairs implements AsyncDisposable {
  readonly tracer: Tracer;
  readonly #helper: string;
  readonly #module: string;
  readonly #images: ReadonlyMap<PatchName, Uint8Array>;

  private constructor(tracer: Tracer, helper: string, module: string) {
    this.tracer = tracer;
    this.#helper = helper;
    this.#module = module;
    const functions = numbers.flatMap((n) => [`inner_${n}`, `outer_${n}`]);
    this.#images = new Map((Object.keys(patches) as PatchName[]).map((name) => [
      name, patchOfAll(name, [{ module, kind: "program", source: sourceOf(patches[name]), functions, change: { values: settingOf(module, patches[name].setting) } }]),
    ]));
  }

  static async prepare(): Promise<Pairs> {
    const helper = await sanitizedHelper();
    const { program } = await compileTarget("pairs-of-functions.c", { flags: ["-O0", "-fcf-protection"], link: ["-Wl,--build-id"] });
    return new Pairs(await Tracer.start(), helper, program);
  }

  image(name: PatchName): Uint8Array {
    return this.#images.get(name) ?? new Uint8Array();
  }

  start(threads = 4, isContinued = false): Promise<Target> {
    return startTarget(this.#module, { parameters: [`${numbers.length}`, `${threads}`, ...(isContinued ? ["continued"] : [])] });
  }

  faultyTracer(faults: Readonly<Record<string, string>>): Promise<Tracer> {
    return faultyTracer(this.#helper, faults);
  }

  async patchesOf({ pid }: Target): Promise<readonly ListedPatch[]> {
    return (await listPatches(this.tracer, pid)).flatMap(({ patches: listed }) => listed);
  }

  /** What is said of the process before anything has been settled is true. */
  async expectTruth(target: Target): Promise<void> {
    const before = await this.patchesOf(target);
    const { verified } = await verifyPatches(this.tracer, target.pid);
    const after = await this.patchesOf(target);
    expect((await answersOf(target)).mixed).toBe(0);
    // The guardian may have settled it between two questions.
    if (JSON.stringify(statesOf(before)) !== JSON.stringify(statesOf(after))) return;
    expect({ patches: statesOf(before), verified }).toEqual({ patches: statesOf(before), verified: isSettled(before) });
    if (isSettled(before)) await expectOnly(target, versionOf(before));
  }

  /** Nobody has to wait or to try again: the one who recovers waits for the guardian. */
  async expectRecovery(target: Target, where: number | string): Promise<Version> {
    await recoverProcess(this.tracer, target.pid);
    const listed = await this.patchesOf(target);
    expect([where, statesOf(listed), isSettled(listed)]).toEqual([where, statesOf(listed), true]);
    await expectOnly(target, versionOf(listed));
    return versionOf(listed);
  }

  async takeAllBack(target: Target, untouched: ProcessSnapshot): Promise<void> {
    const listed = await this.patchesOf(target);
    for (const { name, state } of [...listed].reverse()) if (state !== "retired") await revertPatch(this.tracer, name, target.pid);
    await waitUntil("the patches' memory has been given back", async () => {
      await recoverProcess(this.tracer, target.pid);
      return (await this.patchesOf(target)).length === 0;
    });
    expect(await snapshotOf(target.pid)).toEqual(untouched);
  }

  /** Killed one step later each time, until it gets to the end: at which step that was. */
  async dieAtEveryStep({ from, act }: Act, mortal: Mortal, { processes = 1, threads = 4, stride = 1, isContinued = false }: WalkOptions = {}): Promise<number> {
    await using targets = await startAll(processes, () => this.start(threads, isContinued));
    const pids = targets.all.map(({ pid }) => pid);
    const untouched = await Promise.all(pids.map(snapshotOf));
    for (let step = 0; ; step += stride) {
      for (const each of from) await each(this.tracer, pids);
      await using dying = await mortal(step);
      const failure = await act(dying.client, pids).then(() => undefined, (error: unknown) => error as Error);
      if (failure !== undefined) {
        expect(failure.message).toMatch(/SIGKILL|Cannot go on: dead/);
        for (const target of targets.all) await this.expectTruth(target);
        await this.#expectSameRecovery(targets.all, step);
      }
      for (const [at, target] of targets.all.entries()) await this.takeAllBack(target, untouched[at] ?? failedSnapshot());
      if (failure === undefined) return step;
    }
  }

  /** Each time another one is recovered first. */
  async #expectSameRecovery(targets: readonly Target[], step: number): Promise<void> {
    const first = step % targets.length;
    const ends: Version[] = [];
    for (const target of [...targets.slice(first), ...targets.slice(0, first)]) ends.push(await this.expectRecovery(target, step));
    expect(new Set(ends).size, ends.join()).toBe(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tracer[Symbol.asyncDispose]();
  }
}

const failedSnapshot = (): never => { throw new Error("No snapshot was taken"); };

async function startAll(count: number, start: () => Promise<Target>): Promise<{ readonly all: readonly Target[] } & AsyncDisposable> {
  const all: Target[] = [];
  for (let index = 0; index < count; index++) all.push(await start());
  return { all, [Symbol.asyncDispose]: async () => void await Promise.all(all.map((target) => target.stop())) };
}

/** What was answered since the last time. */
async function answersOf(target: Target): Promise<Answers> {
  const from = target.lines.length;
  target.write("ask\n");
  const [, old = 0, fresh = 0, mixed = 0, newest = 0] = (await target.line(/^answers/, from)).split(" ").map(Number);
  return { old, new: fresh, mixed, newest };
}

export async function expectOnly(target: Target, version: Version): Promise<void> {
  expect((await answersOf(target)).mixed).toBe(0);
  const answers = await waitUntil(`the ${version} functions answer`, async () => {
    const found = await answersOf(target);
    return found[version] > 0 && found;
  }, { every: 1 });
  expect(answers).toEqual({ old: 0, new: 0, newest: 0, mixed: 0, [version]: answers[version] });
}

/** That of the newest that is active. */
function versionOf(listed: readonly ListedPatch[]): Version {
  const active = listed.flatMap(({ name, state }) => (state === "active" ? [patches[name as PatchName].version] : []));
  return versions[active.reduce<1 | 2 | 3>((newest, each) => (each > newest ? each : newest), 1)];
}

const isSettled = (listed: readonly ListedPatch[]): boolean => listed.every(({ state }) => state === "active" || state === "loaded" || state === "retired");

const statesOf = (listed: readonly ListedPatch[]): readonly string[] => listed.map(({ name, state }) => `${name} ${state}`);
