// Exceptions through patched code, on live processes whose threads throw all the time: each function on the way is replaced
// alone, so that old and new code meet on both sides, then all at once.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted } from "../support/limits.ts";
import { snapshotOf } from "../support/mod.ts";
import { startProgram } from "./live-program.ts";
import type { Change } from "./live-program.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const old = "answers: 2 1001 2010 3003 whole";

const thrown: Change = ["if (n % 4 == 1) throw Refusal(n);", "if (n % 4 == 1) throw Refusal(n + 50);"];
const passed: Change = ["const Door door;\n  return thrower(n) + openDoors;", "const Door door, second;\n  return thrower(n) + openDoors;"];
const rethrown: Change = ["catch (const std::exception&) {\n    const Door another;", "catch (const std::out_of_range&) {\n    const Door another, second;"];
const caught: Change = ["return 3000 + secret.code;", "const Door door;\n    return 4000 + secret.code + openDoors;"];
/** The code stays the same, only the table beside it changes; the program knows nothing of this type yet. */
const caughtOther: Change = ["} catch (const std::exception&) {", "} catch (const std::logic_error&) {"];
const walked: Change = ["return depth(n) + 0 * openDoors;", "const Door second;\n  return depth(n) + 0 * openDoors;"];

const steps: readonly { readonly name: string; readonly changes: readonly Change[]; readonly answer: string }[] = [
  { name: "thrown", changes: [thrown], answer: "answers: 2 1051 2010 3003 whole" },
  { name: "passed", changes: [passed], answer: "answers: 3 1001 2010 3003 whole" },
  { name: "rethrown", changes: [rethrown], answer: old },
  { name: "caught", changes: [caught], answer: "answers: 2 1001 2010 4004 whole" },
  { name: "caught-other", changes: [caughtOther], answer: old },
  { name: "walked", changes: [walked], answer: old },
  { name: "all", changes: [thrown, passed, rethrown, caught], answer: "answers: 3 1051 2010 4004 whole" },
];

/** The exception does not leave the function, which the table beside it says. */
const sealed: Change = ["int sealed(int n) noexcept { return n", "int sealed(int n) noexcept { if (n == 7) throw Refusal(n); return n"];

const ways: readonly { readonly name: string; readonly compiler?: "clang"; readonly flags: readonly string[]; readonly link: readonly string[]; readonly steps: readonly string[] }[] = [
  { name: "PIE, -O2", flags: ["-g", "-O2"], link: [], steps: steps.map(({ name }) => name) },
  { name: "no PIE, -O0", flags: ["-g", "-O0", "-fno-pie"], link: ["-no-pie"], steps: ["thrown", "all"] },
  { name: "static", flags: ["-g", "-O2"], link: ["-static"], steps: ["rethrown", "all"] },
  { name: "clang, -O2", compiler: "clang", flags: ["-g", "-O2"], link: [], steps: ["caught-other", "all"] },
];

describe("exceptions through patched code", () => {
  test.each(ways)(lifted("X15", "exceptions thrown in, caught in, rethrown in and passing through patched code, with what is to be cleaned up; and stopped by a noexcept; PIE, -no-pie, static, clang") + ": $name", async ({ name: _, steps: wanted, ...way }) => {
    await using program = await startProgram(tracer, { files: ["throws-and-catches.cc"], ...way });
    expect(await program.ask()).toBe(old);
    const before = await snapshotOf(program.pid);
    for (const { name, changes, answer } of steps.filter((step) => wanted.includes(step.name))) {
      const { image } = await program.build(name, changes);
      await applyPatch(tracer, image, program.pid);
      expect([name, await program.ask()]).toEqual([name, answer]);
      await revertPatch(tracer, name, program.pid);
      expect([name, await program.ask()]).toEqual([name, old]);
    }
    await program.returnsTo(before);
    expect(await program.ask("seal")).toBe("7");
    await applyPatch(tracer, (await program.build("sealed", [sealed])).image, program.pid);
    expect(await program.ask("seal")).toBe("terminated");
  }, 300_000);
});
