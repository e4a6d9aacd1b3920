// answers-in-a-corner.c, running in surroundings of its own: it answers 1, and 2 with the patch. What is patched there comes and
// goes and leaves nothing behind, or is refused and the process is, byte for byte, what it was.

import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import type { SutureError } from "../../native/errors.ts";
import { applyPatch, revertPatch, verifyPatches } from "../../native/patch/mod.ts";
import { findHelper } from "../../native/tracer/connection.ts";
import { Tracer } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget } from "../support/mod.ts";
import type { Target } from "../support/mod.ts";
import { patchOf } from "./situations.ts";

export interface Corner extends AsyncDisposable {
  readonly target: Target;
  readonly pid: number;
  readonly ask: () => Promise<string>;
  readonly say: (word: string, reply: RegExp) => Promise<string>;
}

/** The compiled program, where everybody may run it, and its patch. */
export class Corners implements Disposable {
  /** For files of the tests' own; everybody may read them. */
  readonly scratch: string;
  /** Where the compiler has put it. */
  readonly compiled: string;
  readonly program: string;
  readonly image: Uint8Array;

  private constructor(compiled: string) {
    this.scratch = mkdtempSync(join(tmpdir(), "suture-surroundings-"));
    chmodSync(this.scratch, 0o755);
    this.compiled = compiled;
    this.program = copyTo(this.scratch, compiled);
    this.image = patchOf({ module: this.program, kind: "program" }, "two", "int answer(int thread) { return thread < 1000 ? 2 : 3; }", ["answer"]);
  }

  /** A test that cannot be made fails; it is not left out. */
  static async open(): Promise<Corners> {
    if (process.getuid?.() !== 0) throw new Error("Cannot make the surroundings that these tests are about: run them as root");
    return new Corners((await compileTarget("answers-in-a-corner.c", { flags: ["-O1"], link: ["-Wl,--build-id"] })).program);
  }

  /** The program with this argument, under a command that ends by running it, as itself or as its child. */
  async enter(how: string, under: readonly string[] = [], program = this.program): Promise<Corner> {
    const [first = "", ...rest] = [...under, program, how];
    const target = await startTarget(first, { parameters: rest });
    const say = async (word: string, reply: RegExp): Promise<string> => {
      const from = target.lines.length;
      target.write(`${word}\n`);
      return target.line(reply, from);
    };
    return { target, pid: innermost(target.pid), say, ask: () => say("ask", /^answers/), [Symbol.asyncDispose]: async () => void await target.stop() };
  }

  /** A helper that has been robbed of something by setpriv. */
  async helperWith(name: string, change: string): Promise<Tracer> {
    const program = join(this.scratch, name);
    writeFileSync(program, `#!/bin/sh\nexec setpriv ${change} "${copyTo(this.scratch, findHelper())}"\n`, { mode: 0o755 });
    return Tracer.start({ program });
  }

  async expectThereAndBack({ pid, ask }: Corner, by: Tracer): Promise<void> {
    const untouched = await snapshotOf(pid);
    expect(await applyPatch(by, this.image, pid)).toMatchObject({ result: "committed" });
    expect(await ask()).toBe("answers: 2");
    expect(await verifyPatches(by, pid)).toMatchObject({ verified: true, patches: [{ name: "two" }] });
    await revertPatch(by, "two", pid);
    expect(await ask()).toBe("answers: 1");
    expect(await snapshotOf(pid)).toEqual(untouched);
  }

  async expectRefusal({ pid, ask }: Corner, by: Tracer, refusal: { readonly kind: string; readonly message: RegExp }): Promise<void> {
    const untouched = await snapshotOf(pid);
    expect(await failureOf(applyPatch(by, this.image, pid, { timeout: 0 }))).toMatchObject({ kind: refusal.kind, message: expect.stringMatching(refusal.message) as string });
    expect(await snapshotOf(pid)).toEqual(untouched);
    expect(await ask()).toBe("answers: 1");
  }

  [Symbol.dispose](): void {
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

/** A copy that everybody may run. */
export function copyTo(directory: string, file: string): string {
  const copy = join(directory, file.replace(/.*\//, ""));
  if (existsSync(copy)) return copy;
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(file, copy);
  chmodSync(copy, 0o755);
  return copy;
}

const innermost = (pid: number): number => {
  const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
  return child === 0 ? pid : innermost(child);
};

export const failureOf = (promise: Promise<unknown>): Promise<SutureError> =>
  promise.then(() => { throw new Error("It did not fail"); }, (error: unknown) => error as SutureError);
