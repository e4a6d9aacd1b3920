import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Import, PatchManifest } from "../../native/image/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { refused } from "../support/mod.ts";
import type { Beside } from "../support/mod.ts";
import { openWorkshop } from "./workshop.ts";
import type { Sources, Workshop } from "./workshop.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const importsOf = (manifest: PatchManifest): Readonly<Record<string, Import>> =>
  Object.fromEntries((manifest.objects[0]?.imports ?? []).map((each) => [each.name, each]));
const addressIn = (workshop: Workshop, name: string): bigint | undefined => workshop.program.program.symbolsNamed(name)[0]?.symbol.value;

async function build(sources: Sources, beside: Beside): Promise<void> {
  await using workshop = await openWorkshop(tracer, sources);
  await beside(workshop.path, () => workshop.build());
}

const refusal = (sources: Sources): Promise<unknown> => build(sources, (_, act) => act()).then(() => "built", (error: unknown) => error);

/** One unit, whose function `change` gets another body. */
const unit = (declarations: string, before: string, after: string, rest: Partial<Sources> = {}): Sources => {
  const source = (body: string): string => `#include <stdio.h>\n#include <unistd.h>\n${declarations}\n__attribute__((noinline)) int change(int n) { ${body} }\nint main(int argc, char **argv) { char byte; return (int)read(0, &byte, 1) + change(argc) + (argv == 0); }\n`;
  return { original: { "unit.c": source(before) }, patched: { "unit.c": source(after) }, ...rest };
};

describe("includeDependencies() finds what exists in the program", () => {
  test("variables and functions, static ones too, at their addresses", async () => {
    const declarations = "static int counter = 4; int global; static __attribute__((noinline)) int helper(int n) { return counter += n; }";
    await using workshop = await openWorkshop(tracer, unit(declarations, "return helper(n) + global;", "return helper(n + 1) + counter - global;"));
    const imports = importsOf((await workshop.build()).manifest);
    for (const name of ["counter", "global", "helper"]) expect(imports[name]).toMatchObject({ from: "module", at: addressIn(workshop, name) });
  });

  test("functions of libraries by name and version, and such as the program never used by name", async () => {
    await using workshop = await openWorkshop(tracer, unit("#include <stdlib.h>", "return puts(\"a\");", "return puts(\"b\") + atoi(\"7\") * (int)labs((long)rand() - n);"));
    const imports = importsOf((await workshop.build()).manifest);
    expect(imports["puts"]).toMatchObject({ from: "process", version: expect.stringMatching(/^GLIBC_/) });
    expect(imports["rand"]).toMatchObject({ from: "process" });
  });

  test("a redirected function's address stays the old entry, a call goes to the new one", async () => {
    const declarations = "int change(int); int (*volatile pointer)(int); __attribute__((noinline)) int other(int n) { return n < 0 ? 0 : change(n - 9) + 1; }";
    await using workshop = await openWorkshop(tracer, unit(declarations, "return n;", "if (n < 0) return change(-n) + other(n); return pointer == change;"));
    const { manifest, elf } = await workshop.build();
    expect(importsOf(manifest)["change"]).toMatchObject({ from: "module", at: addressIn(workshop, "change") });
    const own = elf.sections.find(({ name }) => name === ".text.change")?.relocations ?? [];
    expect(own.filter(({ symbol }) => symbol.name === "change" && symbol.section !== "undefined").length).toBeGreaterThanOrEqual(0);
    expect(own.filter(({ symbol }) => symbol.name === "change" && symbol.section === "undefined")).toHaveLength(1);
  });

  test("thread-local variables of the program, by their offset", async () => {
    await using workshop = await openWorkshop(tracer, unit("__thread int own = 3; static __thread int hidden;", "hidden += n; return own + hidden;", "hidden -= n; own = n; return own * hidden;"));
    const imports = importsOf((await workshop.build()).manifest);
    expect(imports["own"]).toMatchObject({ from: "thread" });
    expect(imports["hidden"]).toMatchObject({ from: "thread" });
  });

  test("what a library exports by name, because another module may come first", async () => {
    const declarations = "int exported = 3; __attribute__((visibility(\"hidden\"))) int hidden = 4; int helper(int n) { return exported + n; }";
    const sources = unit(declarations, "return helper(n) + hidden;", "return helper(n + 1) * exported + hidden;", { flags: ["-g", "-O2", "-fPIC", "-fsemantic-interposition"], link: ["-shared"], output: "libunit.so" });
    await using workshop = await openWorkshop(tracer, sources);
    const imports = importsOf((await workshop.build()).manifest);
    expect(imports["exported"]).toMatchObject({ from: "process" });
    expect(imports["hidden"]).toMatchObject({ from: "module", at: addressIn(workshop, "hidden") });
  });

  test("static variables of functions, by owner and not by number", async () => {
    const declarations = "static int other(int n) { static int state = 7; return state += n; }";
    const before = "static int state; return state += n + other(n);";
    await using workshop = await openWorkshop(tracer, {
      ...unit(declarations, before, `static int fresh = 3; fresh++; ${before.replace("+= n", "+= n * 2")} `),
    });
    const { manifest, elf } = await workshop.build();
    const imports = (manifest.objects[0]?.imports ?? []).filter(({ name }) => name.startsWith("state."));
    expect(imports).toHaveLength(2);
    expect(elf.symbols.filter(({ name, section }) => name.startsWith("fresh.") && section !== "undefined")).toHaveLength(1);
  });
});

describe("includeDependencies() takes along what is new", () => {
  test("functions, strings, constants and variables, and no more", async () => {
    const declarations = "static int unused_helper(int n) { static int k = 9; return k += n; } int stays(int n) { return unused_helper(n); }";
    const after = "return puts(\"new\") + fresh(n);";
    const sources = unit(declarations, "return puts(\"old\");", after);
    const patched = { "unit.c": sources.patched["unit.c"]!.replace("__attribute__((noinline)) int change", "static int added = 6; static double factor = 1.5; static __attribute__((noinline)) int fresh(int n) { added += n; factor += 1; return (int)(n * factor * 3.75); }\n__attribute__((noinline)) int change") };
    await using workshop = await openWorkshop(tracer, { ...sources, patched });
    const { manifest, elf } = await workshop.build();
    expect(manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["change"]);
    expect(manifest.objects[0]?.added.map(({ name }) => name)).toEqual(["fresh"]);
    const defined = elf.symbols.filter(({ section, type, name }) => typeof section === "number" && type !== "section" && name !== "").map(({ name }) => name);
    expect(defined.sort()).toEqual(["added", "change", "factor", "fresh"]);
  });

  test("a new function of one unit that another calls", async () => {
    const one = (rest: string): string => `int first(int n) { return n + 1; }\n${rest}`;
    const two = (call: string): string => `int first(int); int added(int);\n__attribute__((noinline)) int second(int n) { return ${call}(n) * 2; }\nint main(int argc, char **argv) { (void)argv; return second(argc); }`;
    await using workshop = await openWorkshop(tracer, {
      original: { "one.c": one(""), "two.c": two("first") },
      patched: { "one.c": one("int added(int n) { return n - 1; }"), "two.c": two("added") },
    });
    const [object] = (await workshop.build()).manifest.objects;
    expect(object?.functions.map(({ name }) => name)).toEqual(["second"]);
    expect(object?.added.map(({ name, unit }) => [name, unit])).toEqual([["added", "one.c"]]);
    expect(object?.imports.map(({ name }) => name)).not.toContain("added");
  });
});

describe("includeDependencies() refuses by name", () => {
  const library = { flags: ["-g", "-O2", "-fPIC"], link: ["-shared"], output: "libunit.so" };
  refused("X13", "a new thread-local variable", "variable fresh.0 is a new thread-local variable, and threads that run have no room for it",
    (beside) => build(unit("extern int x;", "return n;", "static __thread int fresh; return fresh += n;"), beside));
  refused("X13", "a library's variable that no code of the library used", "variable own is thread-local and used through R_X86_64_TLSGD, for which libunit.so has no slot; use the variable where it was used before",
    (beside) => build(unit("__thread int own;", "return n;", "return own + n;", library), beside));
  refused("X14", "data of a library in a program that has no copy of it, where the compiler cannot reach it otherwise", "variable stderr belongs to a library",
    (beside) => build(unit("", "return n;", "return stderr == 0;", { flags: ["-g", "-O2", "-fPIE"] }), beside));
  refused("X23", "a function that is shorter than a jump, without room behind it", "function change cannot be redirected: its code has 3 bytes, a redirect takes 5; patch its callers instead",
    (beside) => build(unit("", "return n;", "return n + 70000;", { flags: ["-g", "-O2", "-falign-functions=1", "-fomit-frame-pointer"] }), beside));
  test("a record that start-up code registers", async () => {
    const declarations = "struct record { int number; int (*run)(int); };";
    const sources = unit(declarations, "return n;", "return record.number;");
    const patched = { "unit.c": sources.patched["unit.c"]!.replace("__attribute__((noinline)) int change", "static int run(int n) { return n; } struct record record = { -1, run };\n__attribute__((noinline)) int change") };
    expect(await refusal({ ...sources, patched })).toMatchObject({ message: expect.stringContaining("variable record is a new record that leads to functions (run)") });
  });
  test("a structure whose layout changes", async () => {
    const source = (member: string): string => `struct thing { int a; ${member} int b; }; int use(struct thing *t) { return t->b; } int main(void) { struct thing t = { .b = 1 }; return use(&t); }`;
    expect(await refusal({ original: { "unit.c": source("") }, patched: { "unit.c": source("long c;") } }))
      .toMatchObject({ message: expect.stringContaining("struct thing gets a member c at offset 8") });
  });
  test("an initialiser of static objects that changes", async () => {
    const source = (value: number): string => `struct Table { int size; Table(int n) : size(n) {} };\nint start(int n);\nTable table(start(${value}));\n__attribute__((noinline)) int start(int n) { return n + table.size; }\nint main(int argc, char **) { return start(argc); }\n`;
    expect(await refusal({ original: { "unit.cc": source(3) }, patched: { "unit.cc": source(5) } })).toMatchObject({ message: expect.stringContaining("constructs the unit's static objects, and in the running program it has run") });
  });
});
