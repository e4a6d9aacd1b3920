import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileAddress } from "../../native/address.ts";
import { readElf } from "../../native/elf/mod.ts";
import { SutureError } from "../../native/errors.ts";
import { openProgram } from "../../native/patchability/mod.ts";
import type { Program } from "../../native/patchability/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { readBytes } from "../elf/toolchain.ts";
import { BuildDirectory, buildVarious } from "./targets.ts";

describe("openProgram()", () => {
  let directory: BuildDirectory;
  let tracer: Tracer;
  let path: string;
  let program: Program;
  beforeAll(async () => {
    directory = new BuildDirectory();
    tracer = await Tracer.start();
    path = buildVarious(directory, "various");
    program = await openProgram(tracer, path);
  });
  afterAll(async () => {
    await tracer[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });

  test("says what the file is", () => {
    expect(program).toMatchObject({ kind: "program", name: "various", buildId: readElf(readBytes(path)).buildId });
  });

  test("lists the functions that nm lists, at their addresses and sizes", () => {
    const lines = directory.run("nm", "-S", "--defined-only", path).split("\n");
    for (const name of ["main", "left", "right", "holder_one", "give_up", "with_cold_part", "assembled"]) {
      const [entry, size] = lines.find((line) => line.endsWith(` ${name}`))?.split(" ") ?? [];
      const [found, second] = program.functionsNamed(name);
      expect([found?.entry, found?.size, second]).toEqual([BigInt(`0x${entry}`), Number.parseInt(size ?? "", 16), undefined]);
    }
  });

  test("tells same-named statics of same-named files apart", () => {
    const steps = program.functionsNamed("step");
    expect(steps.map((each) => each.unit?.name).sort()).toEqual(["a/unit.c", "b/unit.c"]);
    expect(program.functionsOfUnit("b/unit.c").map((each) => each.name).sort()).toEqual(["right", "step"]);
    expect(program.functionsOfUnit("unit.c", directory.at("a")).map((each) => each.name).sort()).toEqual(["left", "step"]);
    expect(program.functionsOfUnit("unit.c").length).toBe(4);

    const states = program.variablesNamed("state");
    expect(states.map((each) => each.unit?.name).sort()).toEqual(["a/unit.c", "b/unit.c"]);
    const values = states.map((each) => [each.unit?.name, program.codeAt(fileAddress(each.symbol.value), 1)?.[0]]).sort();
    expect(values).toEqual([["a/unit.c", 1], ["b/unit.c", 2]]);
    expect(program.symbolsOfUnit("a/unit.c").map((each) => each.symbol.name)).toEqual(["step", "state"]);
  });

  test("counts a cold part to its function", () => {
    const [found] = program.functionsNamed("with_cold_part");
    const cold = program.symbolsNamed("with_cold_part.cold")[0]?.symbol;
    expect(found?.ranges.length).toBe(2);
    expect(found?.ranges[0]?.start).toBe(found?.entry);
    expect(found?.ranges[1]?.start).toBe(cold?.value);
    expect(program.functionAt(fileAddress((cold?.value ?? 0n) + 1n))).toBe(found);
    expect(program.functionsNamed("with_cold_part.cold")).toEqual([]);
  });

  test("knows file, line, and what never returns", () => {
    expect(program.functionsNamed("give_up")[0]).toMatchObject({ noReturn: true, external: true, file: expect.stringMatching(/main\.c$/), line: 10 });
    expect(program.functionsNamed("step")[0]).toMatchObject({ noReturn: false, external: false });
  });

  test("lists code without debug information, without a unit", () => {
    const [start] = program.functionsNamed("_start");
    expect(start?.entry).toBe(program.elf.entry);
    expect(start?.unit).toBeUndefined();
  });

  test("finds symbols of a stripped program in its debug file, and its code in the program", async () => {
    directory.run("cp", path, "whole");
    directory.run("objcopy", "--only-keep-debug", "whole", "stripped.debug");
    directory.run("strip", "--strip-all", "-o", "stripped", "whole");
    directory.run("objcopy", "--add-gnu-debuglink=stripped.debug", "stripped");
    const stripped = await openProgram(tracer, directory.at("stripped"));
    expect(stripped.functions).toEqual(program.functions);
    const entry = program.functionsNamed("left")[0]?.entry ?? fileAddress(0n);
    expect(stripped.codeAt(entry, 5)).toEqual(program.codeAt(entry, 5));
    const state = stripped.variablesNamed("state")[0]?.symbol;
    expect(stripped.elf.sections[state?.section as number]?.name).toBe(".data");
  });

  test("tells libraries and programs of every sort apart", async () => {
    directory.write({ "library.c": "int shared(int n) { return n + 1; }" });
    directory.run("gcc", "-g", "-shared", "-fPIC", "-o", "library.so", "library.c");
    buildVarious(directory, "fixed", "-no-pie");
    expect((await openProgram(tracer, directory.at("library.so"))).kind).toBe("library");
    expect((await openProgram(tracer, directory.at("fixed"))).kind).toBe("program");
  });

  test("refuses, with the way out, what a patch could not be built for", async () => {
    directory.write({ "plain.c": "int main(void) { return 0; }", "text.txt": "hello, this is a text that is longer than sixty-four bytes altogether" });
    directory.run("gcc", "-o", "bare", "plain.c");
    directory.run("gcc", "-g", "-Wl,--build-id=none", "-o", "nameless", "plain.c");
    directory.run("gcc", "-c", "-o", "plain.o", "plain.c");
    expect(await refusal("bare")).toEqual(["no-debug-information", expect.stringContaining("install its debug package or build it with -g")]);
    expect(await refusal("nameless")).toEqual(["bad-elf", expect.stringContaining("link it with -Wl,--build-id")]);
    expect(await refusal("plain.o")).toEqual(["bad-elf", expect.stringContaining("neither a program nor a shared library")]);
    expect(await refusal("text.txt")).toEqual(["bad-elf", expect.stringContaining("ELF signature")]);
    expect(await refusal("absent")).toEqual(["file-not-found", expect.stringContaining("there is no such file")]);
    expect(await refusal(".")).toEqual(["file-not-found", expect.stringContaining("it is a directory")]);
  });

  async function refusal(name: string): Promise<readonly [string, string]> {
    try {
      await openProgram(tracer, directory.at(name));
    } catch (error) {
      if (error instanceof SutureError) return [error.kind, error.message];
      throw error;
    }
    return ["accepted", ""];
  }
});
