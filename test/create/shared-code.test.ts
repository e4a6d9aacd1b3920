// Functions of one piece of code, of which a patch changes one: the compiler folds equal functions, and so do linkers.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { openWorkshop } from "./workshop.ts";
import type { Sources } from "./workshop.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const apart = "__attribute__((noinline))";
const main = "int main(int argc, char **argv) { (void)argv; return caller(argc) & 1; }";

async function functionsOf(sources: Sources): Promise<readonly string[]> {
  await using workshop = await openWorkshop(tracer, sources);
  const { manifest } = await workshop.build();
  return manifest.objects.flatMap(({ functions }) => functions.map(({ name }) => name));
}

const unit = (addend: number): string => `${apart} static int first(int n) { return n * 3 + ${addend}; }
${apart} static int second(int n) { return n * 3 + 1; }
${apart} int caller(int n) { return first(n) * 100 + second(n); }
${main}`;

describe("createPatchImage()", () => {
  test("replaces the callers of functions that the compiler folded, and leaves the shared code alone", async () => {
    const functions = await functionsOf({ original: { "unit.c": unit(1) }, patched: { "unit.c": unit(2) } });
    expect(functions).toContain("caller");
    expect(functions).not.toContain("first");
    expect(functions).not.toContain("second");
  });

  test("refuses to part an alias from its function where others call both", async () => {
    const caller = "int first(int); int second(int); int caller(int n) { return first(n) * 100 + second(n); }";
    const aliased = `${apart} int first(int n) { return n + 1; }\nint second(int n) __attribute__((alias("first")));`;
    const parted = `${apart} int first(int n) { return n + 2; }\n${apart} int second(int n) { return n + 1; }`;
    await expect(functionsOf({ original: { "unit.c": aliased, "main.c": `${caller}\n${main}` }, patched: { "unit.c": parted } }))
      .rejects.toThrow(/function (first has one piece of code with second|second has one piece of code with first) in the program, and the patch parts them/);
  });

  test("takes an alias along with its function", async () => {
    const source = (addend: number): string => `${apart} int first(int n) { return n + ${addend}; }\nint second(int n) __attribute__((alias("first")));
int caller(int n) { return first(n) * 100 + second(n); }\n${main}`;
    expect(await functionsOf({ original: { "unit.c": source(1) }, patched: { "unit.c": source(2) } })).toHaveLength(1);
  });
});

const hasGold = await promisify(execFile)("ld.gold", ["--version"]).then(() => true, () => false);

describe.skipIf(!hasGold)("createPatchImage() for a program whose linker folded equal functions", () => {
  const folded = (linkage: string, addend: number, name: string): string =>
    `${apart} ${linkage} int ${name}_shared(int n) { return n * 3 + ${addend}; }\nint ${name}(int n) { return ${name}_shared(n) - ${addend}; }`;
  const caller = `int one(int); int other(int); int caller(int n) { return one(n) * 100 + other(n); }\n${main}`;
  const build = (linkage: string, changed: string): Promise<readonly string[]> => functionsOf({
    original: { "one.c": folded(linkage, 1, "one"), "other.c": folded(linkage, 1, "other"), "main.c": caller },
    patched: { [`${changed}.c`]: folded(linkage, 2, changed) },
    flags: ["-g", "-O2", "-ffunction-sections"], link: ["-fuse-ld=gold", "-Wl,--icf=all"],
  });

  test.each([["", "one"], ["", "other"], ["static", "one"], ["static", "other"]])("refuses a change of %s %s", async (linkage, changed) => {
    await expect(build(linkage, changed)).rejects.toMatchObject({ kind: "not-patchable" });
  });
});
