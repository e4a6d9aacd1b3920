import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { explainPatchability, openProgram, redirectSite, requirePatchable, warningsFor } from "../../native/patchability/mod.ts";
import type { Program, ProgramFunction } from "../../native/patchability/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { BuildDirectory, buildVarious } from "./targets.ts";

let directory: BuildDirectory;
let tracer: Tracer;
let program: Program;
let guarded: Program;
let packed: Program;
beforeAll(async () => {
  directory = new BuildDirectory();
  tracer = await Tracer.start();
  program = await openProgram(tracer, buildVarious(directory, "various"));
  guarded = await openProgram(tracer, buildVarious(directory, "guarded", "-fcf-protection=full"));
  packed = await openProgram(tracer, buildVarious(directory, "packed", "-falign-functions=1"));
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

describe("redirectSite()", () => {
  test("takes the first five bytes", () => {
    const left = functionOf(program, "left");
    expect(redirectSite(program, left)).toEqual({ possible: true, site: { redirectOffset: 0, expected: program.codeAt(left.entry, 5) } });
  });

  test("keeps endbr64 where there is room behind it", () => {
    const left = functionOf(guarded, "left");
    expect(guarded.codeAt(left.entry, 4)).toEqual(Uint8Array.of(0xf3, 0x0f, 0x1e, 0xfa));
    expect(redirectSite(guarded, left)).toMatchObject({ possible: true, site: { redirectOffset: 4 } });
    expect(redirectSite(guarded, functionOf(guarded, "tiny_nothing"))).toMatchObject({ possible: true, site: { redirectOffset: 4 } });
  });

  test("counts proven padding to a function that is too short", () => {
    const nothing = functionOf(program, "tiny_nothing");
    expect(nothing.size).toBe(1);
    expect(redirectSite(program, nothing)).toMatchObject({ possible: true, site: { redirectOffset: 0, expected: program.codeAt(nothing.entry, 5) } });
  });

  test("refuses a function that is too short and has a neighbour", () => {
    expect(redirectSite(packed, functionOf(packed, "tiny_nothing"))).toMatchObject({ possible: false, reason: { kind: "too-short" } });
  });

  test("refuses a function with another label in its first bytes", () => {
    // `inside` lies two bytes behind the entry of `assembled`.
    expect(redirectSite(program, functionOf(program, "assembled"))).toMatchObject({
      possible: false, reason: { kind: "too-short", text: "another symbol lies 2 bytes behind its entry, a redirect takes 5" },
    });
  });

  test("refuses a function whose first bytes other code jumps into", () => {
    expect(redirectSite(program, functionOf(program, "entered"))).toMatchObject({ possible: false, reason: { kind: "jumped-into" } });
  });

  test("accepts a function that jumps back to its own beginning", async () => {
    directory.write({ "loop.c": "int loop(const char *p) { while (*p++) ; return (int)(long)p; } int main(void) { return loop(\"x\"); }" });
    directory.run("gcc", "-g", "-Os", "-fno-inline", "-o", "loop", "loop.c");
    const looping = await openProgram(tracer, directory.at("loop"));
    expect(redirectSite(looping, functionOf(looping, "loop")).possible).toBe(true);
  });
});

describe("explainPatchability()", () => {
  test.each<readonly [string, string | undefined, string, readonly string[], string]>([
    ["left", undefined, "patchable", [], ""],
    ["step", "a/unit.c", "patchable", [], ""],
    ["step", undefined, "not-patchable", ["several-functions"], "2 functions have this name (a/unit.c, b/unit.c): say which one"],
    ["step", "main.c", "not-patchable", ["unknown-function"], "various has no such function in main.c; there is one in a/unit.c, b/unit.c"],
    ["holder_onne", undefined, "not-patchable", ["unknown-function"], "did you mean holder_one?"],
    ["qwertyuiop", undefined, "not-patchable", ["unknown-function"], "various has no such function"],
    ["only_inlined", undefined, "not-patchable", ["only-inlined"], "it exists only inlined, in 2 functions: holder_one, holder_two"],
    ["chosen", undefined, "not-patchable", ["ifunc"], "patch the implementation"],
    ["main", undefined, "with-care", ["runs-once"], "never enters it again"],
    ["at_start", undefined, "with-care", ["runs-once"], "when the module is loaded"],
    ["give_up", undefined, "with-care", ["never-returns"], "it never returns"],
    ["_start", undefined, "not-patchable", ["no-debug-information", "runs-once"], "build its unit with -g"],
    ["jumper", undefined, "with-care", ["assembly"], "written in assembly"],
    ["entered", undefined, "not-patchable", ["jumped-into", "assembly"], "jumps into its first bytes"],
  ])("%s in %s: %s", async (name, unit, verdict, kinds, text) => {
    const answer = await explainPatchability(program, name, unit);
    expect([answer.name, answer.verdict, answer.reasons.map((reason) => reason.kind)]).toEqual([name, verdict, kinds]);
    expect(answer.reasons.map((reason) => reason.text).join("\n")).toContain(text);
  });

  test("finds a function of which only a clone is left", async () => {
    directory.write({ "clone.c": `
      #include <stdio.h>
      struct pair { int a, b; };
      static __attribute__((noinline)) int shrunk(struct pair *p, int unused) { (void)unused; printf("%d", p->a); return p->a * 2; }
      int main(int argc, char **argv) { (void)argv; struct pair p = { argc, 2 }; return shrunk(&p, argc) + shrunk(&p, 7); }` });
    directory.run("gcc", "-g", "-O2", "-o", "clone", "clone.c");
    const cloned = await openProgram(tracer, directory.at("clone"));
    const answer = await explainPatchability(cloned, "shrunk");
    expect(answer).toMatchObject({ verdict: "patchable", function: { name: expect.stringMatching(/^shrunk\.(isra|constprop)/), sourceName: "shrunk" }, reasons: [{ kind: "clone" }] });
  });
});

test("warningsFor() gives the lines that an image carries", () => {
  expect(warningsFor(program, functionOf(program, "left"))).toEqual([]);
  expect(warningsFor(program, functionOf(program, "give_up"))).toEqual([expect.stringMatching(/^it never returns/)]);
});

test("requirePatchable() names the function, the module and every reason", () => {
  expect(() => requirePatchable(program, functionOf(program, "left"))).not.toThrow();
  expect(() => requirePatchable(packed, functionOf(packed, "tiny_nothing"))).toThrow(/^Cannot patch tiny_nothing in packed: its code has 1 byte, a redirect takes 5/);
});

function functionOf(from: Program, name: string): ProgramFunction {
  const [only] = from.functionsNamed(name);
  if (only === undefined) throw new Error(`${from.name} has no ${name}`);
  return only;
}
