import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { proveUnit } from "../../native/create/proof.ts";
import type { UnitProof } from "../../native/create/proof.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted, refused } from "../support/mod.ts";
import type { Beside } from "../support/mod.ts";
import { answerSources, buildOnly, liveAnswers } from "./live-answer.ts";
import type { LiveAnswers } from "./live-answer.ts";
import { openWorkshop } from "./workshop.ts";
import type { Sources, Workshop } from "./workshop.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const prove = (workshop: Workshop, pair = 0): Promise<UnitProof> => {
  const unit = workshop.pairs[pair];
  if (unit === undefined) throw new Error("no such pair");
  return proveUnit(workshop.program, unit, workshop.directory);
};

/** Address of a symbol by name; of several the one whose bytes say so is not asked for here. */
function addressIn(workshop: Workshop, name: string): bigint | undefined {
  return workshop.program.program.symbolsNamed(name)[0]?.symbol.value;
}

const program = `
#include <stdio.h>
#include <string.h>
static int counter = 5;
int global = 3;
static const char *const names[] = { "one", "two", "three" };
static __attribute__((noinline)) int next(int step) { static int calls; counter += step; return ++calls + counter; }
__attribute__((noinline)) int choose(int n) {
  switch (n) {
    case 1: return next(2); case 2: return global; case 3: return counter; case 4: puts("four"); return 5;
    case 5: return (int)strlen(names[n & 1]); case 6: return n * 7;
  }
  return 0;
}
__attribute__((noinline)) double scale(double x) { return x * 3.25 + 1.5; }
int main(int argc, char **argv) { printf("%d %f %s\\n", choose(argc), scale(argc), argv[0]); return 0; }
`;
const ways: readonly (readonly [string, Partial<Sources>])[] = [
  ["PIE, -O2", {}],
  ["no PIE", { flags: ["-g", "-O2", "-fno-pie"], link: ["-no-pie"] }],
  ["position-independent code linked without PIE", { flags: ["-g", "-O2", "-fPIC", "-fno-plt"], link: ["-no-pie"] }],
  ["position-independent code linked as PIE", { flags: ["-g", "-O2", "-fPIC", "-fno-plt"], link: ["-pie"] }],
  ["static", { flags: ["-g", "-O2", "-fno-pie"], link: ["-static"] }],
  ["static PIE", { flags: ["-g", "-O2", "-fPIE"], link: ["-static-pie"] }],
  ["library", { flags: ["-g", "-O2", "-fPIC"], link: ["-shared"], output: "libunit.so" }],
  ["library with hidden symbols", { flags: ["-g", "-O2", "-fPIC", "-fvisibility=hidden"], link: ["-shared"], output: "libunit.so" }],
  ["-O0", { flags: ["-g", "-O0"] }],
  ["-O3 -march=x86-64-v3", { flags: ["-g", "-O3", "-march=x86-64-v3"] }],
  ["-Os", { flags: ["-g", "-Os"] }],
  ["-fcf-protection", { flags: ["-g", "-O2", "-fcf-protection=full"], link: ["-Wl,-z,ibtplt"] }],
  ["-ffunction-sections, dead code dropped", { flags: ["-g", "-O2", "-ffunction-sections"], link: ["-Wl,--gc-sections"] }],
];

describe("proveUnit() finds every function and variable where the linker put them", () => {
  test.each(ways)("%s", async (_, way) => {
    await using workshop = await openWorkshop(tracer, { original: { "unit.c": program }, patched: { "unit.c": program }, ...way });
    const { functions, bindings } = await prove(workshop);
    expect(functions.size).toBeGreaterThanOrEqual(4);
    for (const name of ["counter", "calls.0", "global"]) {
      const binding = bindings.get(name);
      const isExported = binding?.kind === "dynamic";
      expect(isExported ? binding.symbol.name : binding, name).toEqual(isExported ? name : { kind: "address", at: addressIn(workshop, name) });
    }
  });
});

test("proveUnit() tells same-named statics of two units apart", async () => {
  const unit = (name: string, value: number): string => `
static int state = ${value};
static __attribute__((noinline)) int step(int n) { state += n; return state; }
int ${name}(int n) { return step(n) + step(${value}); }
`;
  const main = "int first(int); int second(int); int main(int argc, char **argv) { return first(argc) + second(argc) + (argv == 0); }";
  const files = { "first.c": unit("first", 11), "second.c": unit("second", 22), "main.c": main };
  await using workshop = await openWorkshop(tracer, { original: files, patched: files });
  const [first, second] = [await prove(workshop, 0), await prove(workshop, 1)];
  expect(first.bindings.get("state")).not.toEqual(second.bindings.get("state"));
  expect(first.functions.get("step")?.at).not.toEqual(second.functions.get("step")?.at);
  const values = [first, second].map(({ bindings }) => {
    const binding = bindings.get("state");
    return binding?.kind === "address" ? workshop.program.program.codeAt(binding.at, 4)?.[0] : undefined;
  });
  expect(values).toEqual([11, 22]);
});

test("proveUnit() compares with the unit as recorded where the assembler shortened a jump between neighbours", async () => {
  const source = `
#include <stdio.h>
static __attribute__((noinline)) void last(int n) { printf("%d\\n", n); }
static __attribute__((noinline)) void middle(int n) { last(n + 1); }
void first(int n) { middle(n * 2); }
int main(int argc, char **argv) { (void)argv; first(argc); return 0; }
`;
  await using workshop = await openWorkshop(tracer, { original: { "unit.c": source }, patched: { "unit.c": source } });
  const [pair] = workshop.pairs;
  let asked = 0;
  const counting = { ...pair!, plain: () => { asked++; return pair!.plain(); } };
  const { functions } = await proveUnit(workshop.program, counting, workshop.directory);
  expect(asked).toBe(1);
  expect([...functions.keys()].sort()).toEqual(["first", "last", "main", "middle"]);
});

test("proveUnit() finds static functions of a program whose local symbols were stripped", async () => {
  const source = "static __attribute__((noinline)) int hidden(int *n) { return *n += 3; }\nint main(int argc, char **argv) { (void)argv; return hidden(&argc); }\n";
  await using workshop = await openWorkshop(tracer, { original: { "unit.c": source }, patched: { "unit.c": source }, link: ["-Wl,--discard-all"] });
  expect(workshop.program.program.symbolsNamed("hidden")).toEqual([]);
  expect([...(await prove(workshop)).functions.keys()].sort()).toEqual(["hidden", "main"]);
});

describe("proveUnit() refuses what is not the program's", () => {
  const source = `
#include <stdio.h>
#ifndef LIMIT
#define LIMIT 10
#endif
#ifndef GREETING
#define GREETING "hello"
#endif
int limits[4] = { LIMIT, 2, 3, 4 };
int check(int n) { return n > LIMIT + 1000 * (LIMIT > 11) ? puts(GREETING) : limits[n & 3]; }
int main(int argc, char **argv) { (void)argv; return check(argc); }
`;
  const refusal = async (pairFlags: readonly string[]): Promise<{ message: string; kind: string }> => {
    await using workshop = await openWorkshop(tracer, { original: { "unit.c": source }, patched: { "unit.c": source }, pairFlags });
    return await prove(workshop).then(() => ({ message: "proved", kind: "none" }), (error: { message: string; kind: string }) => error);
  };

  test("a missing definition", async () => {
    expect(await refusal(["-g", "-O2", "-DLIMIT=12"])).toMatchObject({
      kind: "source-mismatch", message: expect.stringMatching(/unit\.c is not what the program was built from, check differs at offset \d+: .*; .*-D/),
    });
  });
  test("another string", async () => {
    expect(await refusal(["-g", "-O2", '-DGREETING="howdy"'])).toMatchObject({ message: expect.stringContaining("a string or constant with other contents") });
  });
  test("another initial value", async () => {
    expect(await refusal(["-g", "-O2", "-DLIMIT=11"])).toMatchObject({ kind: "source-mismatch" });
  });
  test("a function more than the object has", async () => {
    const less = source.replace("int main", "int other(int n) { return n - 1; }\nint main");
    await using workshop = await openWorkshop(tracer, { original: { "unit.c": less }, patched: { "unit.c": less } });
    await using others = await openWorkshop(tracer, { original: { "unit.c": source }, patched: { "unit.c": source } });
    const pair = { ...others.pairs[0]!, directory: workshop.directory };
    await expect(proveUnit(workshop.program, pair, workshop.directory)).rejects.toMatchObject({ message: expect.stringContaining("the program has a function other of this unit") });
  });
  test("other flags, which are named", async () => {
    expect(await refusal(["-g", "-O1"])).toMatchObject({ message: expect.stringContaining("the program has -O2, the compile command -O1") });
  });
});

describe("createPatchImage() goes on without the proof when told to, and finds by name what is left", () => {
  const noinline = "__attribute__((noinline))";
  const unit = (factor: number, more = ""): string => `
static long total = 100;
${more}
${noinline} static long add(long n) { static long calls; total += n; return total + ++calls; }
long answer(long n) { return add(n) * ${factor} + n; }
`;
  /** Without the proof, while the program runs. */
  const refusedWaiver = (before: string, after: string, pairFlags: readonly string[]) => (beside: Beside): Promise<unknown> =>
    buildOnly(tracer, { ...answerSources(before, after), pairFlags }, beside, { waivesProof: true });
  /** The program is compiled in one way, the pairs in another. */
  const waive = (before: string, after: string, pairFlags: readonly string[], compiler?: string): Promise<LiveAnswers> =>
    liveAnswers(tracer, { ...answerSources(before, after), pairFlags, ...(compiler === undefined ? {} : { pairCompiler: compiler }) }, 5, { waivesProof: true });

  test(lifted("X26", "another optimisation level, with --no-proof: live variables by their names, recorded in the image"), async () => {
    const { answers, manifest } = await waive(unit(1), unit(3), ["-g", "-O1"]);
    expect(answers).toEqual([111, 341, 123]);
    const [object] = manifest.objects;
    expect(object?.proof.waivedFor).toBeGreaterThan(0);
    expect(object?.functions.find(({ name }) => name === "answer")?.warnings).toEqual(["its code in the program is not what source and flags give, and the proof was waived"]);
  });
  test(lifted("X26", "another compiler, with --no-proof"), async () => {
    expect((await waive(unit(1), unit(3), ["-g", "-O2"], "clang")).answers).toEqual([111, 341, 123]);
  });
  test(lifted("X26", "the same source and flags, with --no-proof: proved all the same"), async () => {
    const { answers, manifest } = await waive(unit(1), unit(3), ["-g", "-O2"]);
    expect(answers).toEqual([111, 341, 123]);
    expect(manifest.objects[0]?.proof).toMatchObject({ waivedFor: 0, functions: 2 });
  });

  refused("X26", "without the proof: a static variable of a function that only its number tells apart", "variable calls.1 cannot be found in the program",
    refusedWaiver(unit(1, `${noinline} long other(long n) { static long calls; return calls += n; }`).replace("* 1", "* 1"), unit(3, `${noinline} long other(long n) { static long calls; return calls += n + 1; }`).replace("total + ++calls", "total + 2 + ++calls"), ["-g", "-O1"]));
  refused("X26", "without the proof: a function that the program holds inlined elsewhere", "function part is inlined into holder of the program, which the patch does not replace",
    refusedWaiver(inlinedPart(1), inlinedPart(3), ["-g", "-O2", "-fno-inline"]));
  refused("X26", "without the proof: a function that the program has not by itself", "function part is not in the program by itself",
    refusedWaiver(inlinedPart(1, "static"), inlinedPart(3, "static"), ["-g", "-O2", "-fno-inline"]));

  function inlinedPart(factor: number, storage = ""): string {
    return `${storage} long part(long n) { return n * ${factor} + 77; }\n${noinline} long holder(long n) { return part(n) ^ 5; }\nlong answer(long n) { return holder(n) + part(n + 1); }\n`;
  }
});

describe("the proof names what differs", () => {
  const source = (limit: string): string => `#ifndef LIMIT\n#define LIMIT 100\n#endif\nlong answer(long n) { long sum = 0; for (long i = 0; i < n; i++) sum += i > ${limit} ? i : 2 * n; return sum; }\n`;
  const other = (pairFlags: readonly string[], pairCompiler = "gcc") => (beside: Beside): Promise<unknown> =>
    buildOnly(tracer, { ...answerSources(source("LIMIT"), source("LIMIT + 1"), { flags: ["-g", "-O2", "-DLIMIT=7"] }), pairFlags, pairCompiler }, beside);
  refused("X26", "another -D", "compiler and flags agree, so the source or a definition (-D) differs", other(["-g", "-O2", "-DLIMIT=8"]));
  refused("X26", "a missing -D", "compiler and flags agree, so the source or a definition (-D) differs", other(["-g", "-O2"]));
  refused("X26", "another optimisation level", "the flags differ: the program has -O2, the compile command -O1 that the other has not", other(["-g", "-O1", "-DLIMIT=7"]));
  refused("X26", "another compiler", "the program was compiled by GNU C", other(["-g", "-O2", "-DLIMIT=7"], "clang"));
  refused("X26", "a source one commit off", "unit.c is not what the program was built from, answer differs at offset", async (beside) => {
    await using program = await openWorkshop(tracer, answerSources(source("7"), source("7")));
    await using later = await openWorkshop(tracer, answerSources(source("9"), source("10")));
    await beside(program.path, () => proveUnit(program.program, { ...later.pairs[0]!, directory: program.directory }, program.directory));
  });
});
