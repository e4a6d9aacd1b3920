// Thread-local variables of libraries, in every model that compilers know, and from every side: the library's own code,
// in the main thread and in another; a program that uses a library's variable.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { compileTarget } from "../support/mod.ts";
import type { CompiledTarget } from "../support/mod.ts";
import { lifted } from "../support/limits.ts";
import { fixOf } from "./fixed-source.ts";
import { buildFix } from "./many-situations.ts";
import { answersOf, expectedAnswers, patchAndRevert } from "./round-trip.ts";
import type { Running } from "./round-trip.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const unit = "thread-local-library.c";
const host = "uses-thread-local-library.c";
const library = (source: string, flags: readonly string[] = [], compiler = "gcc"): Promise<CompiledTarget> =>
  compileTarget(source, { flags: ["-g", "-O2", "-fPIC", ...flags], link: ["-shared"], compiler });
const program = (source: string, linked: string, flags: readonly string[]): Promise<CompiledTarget> =>
  compileTarget(source, { flags: ["-g", "-O2", "-DLINKED", ...flags], link: [linked] });

/** The library loaded by hand, or linked. */
async function load({ program: file }: CompiledTarget, how: "by hand" | "at the start"): Promise<Running> {
  return how === "by hand" ? { program: (await compileTarget(host)).program, parameters: [file] } : { program: (await program(host, file, [])).program };
}

const models: readonly { readonly title: string; readonly flags: readonly string[]; readonly how: "by hand" | "at the start"; readonly compiler?: string }[] = [
  { title: lifted("X13", "general dynamic, library loaded at the start"), flags: ["-ftls-model=global-dynamic"], how: "at the start" },
  { title: lifted("X13", "general dynamic, library loaded by dlopen"), flags: ["-ftls-model=global-dynamic"], how: "by hand" },
  { title: lifted("X13", "general dynamic without stubs (-fno-plt)"), flags: ["-ftls-model=global-dynamic", "-fno-plt"], how: "by hand" },
  { title: lifted("X13", "local dynamic, library loaded at the start"), flags: ["-ftls-model=local-dynamic"], how: "at the start" },
  { title: lifted("X13", "local dynamic, library loaded by dlopen"), flags: ["-ftls-model=local-dynamic"], how: "by hand" },
  { title: lifted("X13", "initial exec, library loaded at the start"), flags: ["-ftls-model=initial-exec"], how: "at the start" },
  { title: lifted("X13", "initial exec, library loaded by dlopen"), flags: ["-ftls-model=initial-exec"], how: "by hand" },
  { title: lifted("X13", "descriptors, library loaded at the start"), flags: ["-mtls-dialect=gnu2"], how: "at the start" },
  { title: lifted("X13", "descriptors, library loaded by dlopen"), flags: ["-mtls-dialect=gnu2"], how: "by hand" },
  { title: lifted("X13", "a library compiled by clang"), flags: [], how: "by hand", compiler: "clang" },
  { title: lifted("X13", "a library compiled without optimisation"), flags: ["-O0"], how: "by hand" },
];

describe("createPatchImage() uses the live thread-local variables of a library", () => {
  test.each(models)("$title", async ({ flags, how, compiler }) => {
    const { diff, fixed } = await fixOf(unit);
    const compiled = await library(unit, flags, compiler);
    const expected = expectedAnswers(await answersOf(await load(compiled, how)), await answersOf(await load(await library(fixed, flags, compiler), how)));
    const { image, manifest } = await buildFix(tracer, { diff, fixed }, compiled);
    expect(await patchAndRevert(tracer, await load(compiled, how), image, manifest.name)).toEqual(expected);
  });
});

const sides = [
  { title: lifted("X13", "a library's variable used by a program"), flags: [] },
  { title: lifted("X13", "a library's variable used by general dynamic code in a program"), flags: ["-fPIC"] },
  { title: lifted("X13", "a library's variable used through a descriptor in a program"), flags: ["-fPIC", "-mtls-dialect=gnu2"] },
] as const;

describe("createPatchImage() uses the thread-local variables of another module", () => {
  test.each(sides)("$title", async ({ flags }) => {
    const { diff, fixed } = await fixOf(host);
    const linked = (await library(unit)).program;
    const compiled = await program(host, linked, flags);
    const expected = expectedAnswers(await answersOf(compiled), await answersOf(await program(fixed, linked, flags)));
    const { image, manifest } = await buildFix(tracer, { diff, fixed }, compiled);
    expect(await patchAndRevert(tracer, compiled, image, manifest.name)).toEqual(expected);
  });
});
