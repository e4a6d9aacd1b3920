// Small pieces of C that real programs hold and that say something unusual to a linker or to debug information, each on a live
// process: answers before the patch, with it, and after it was taken back.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readElf } from "../../native/elf/mod.ts";
import { applyPatch, debugFilesOf } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted, refused } from "../support/limits.ts";
import { startTarget } from "../support/mod.ts";
import { answerSources, buildOnly, liveAnswers } from "./live-answer.ts";
import { openWorkshop } from "./workshop.ts";
import type { Sources } from "./workshop.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

interface Idiom {
  readonly title: string;
  readonly source: string;
  /** Text that becomes another one. */
  readonly change: readonly [from: string, to: string];
  readonly answers: readonly number[];
  readonly ways: Readonly<Record<string, Partial<Sources>>>;
}

const plain: Idiom["ways"] = { gcc: {}, clang: { compiler: "clang" } };
const everywhere: Idiom["ways"] = {
  ...plain, "-fno-pie": { flags: ["-g", "-O2", "-fno-pie"], link: ["-no-pie"] },
  static: { flags: ["-g", "-O2", "-fno-pie"], link: ["-static"] }, "static PIE": { flags: ["-g", "-O2", "-fPIE"], link: ["-static-pie"] },
};

const checked: Partial<Sources> = { flags: ["-g", "-O2", "-fsanitize=undefined"], link: ["-fsanitize=undefined"] };

const literals = `
#define MORE 0
int *counter = &(int){1};
static int *list = (int[]){1, 2, 3};
const char *const *names = (const char *const[]){"a", "b"};
static struct row { int *numbers; const char *name; } table[] = { { (int[]){4, 5}, "x" }, { &(int){6}, "y" } };
long answer(long n) { *counter += 1; list[1] += 2; table[0].numbers[1]++; return n * 3 + MORE + *counter + list[1] + table[0].numbers[1] + *table[1].numbers + names[n & 1][0]; }
`;

const idioms: readonly Idiom[] = [
  {
    title: lifted("X12", "compound literals outside of functions, which have no names of their own"),
    source: literals, change: ["n * 3", "n * 1000"], answers: [131, 5120, 139], ways: plain,
  },
  {
    title: lifted("X12", "a new compound literal before those that exist, whose numbers shift"),
    source: literals, change: ["#define MORE 0", "int *fresh = (int[]){7, 70};\n#define MORE fresh[1]"], answers: [131, 205, 139], ways: plain,
  },
  {
    title: lifted("X14", "a weak function that nobody defines"),
    source: "extern long absent(long) __attribute__((weak));\nlong answer(long n) { return absent ? absent(n) : n * 3; }\n",
    change: ["n * 3", "n * 4"], answers: [15, 20, 15], ways: everywhere,
  },
  {
    title: lifted("X23", "code with checks by -fsanitize=undefined"),
    source: "static int table[8] = { 1, 2, 3 };\nlong answer(long n) { table[n & 7] += 2; return table[n & 7] * 100 + n * 3; }\n", change: ["n * 3", "n * n * 3"], answers: [215, 475, 615],
    ways: { gcc: checked, clang: { ...checked, compiler: "clang" } },
  },
  {
    title: lifted("X23", "functions within functions (gcc), with and without variables of the outer one"),
    source: `#include <stdlib.h>
      long answer(long n) {
        long v[3] = { 7, n, 9 };
        int rising(const void *a, const void *b) { return (int)(*(const long *)a - *(const long *)b); }
        int near(const void *a, const void *b) { return (int)(labs(*(const long *)a - n) - labs(*(const long *)b - n)); }
        qsort(v, 3, sizeof *v, n == 5 ? rising : near);
        return v[0] * 100 + v[2];
      }`,
    change: ["*(const long *)a - *(const long *)b)", "*(const long *)b - *(const long *)a)"], answers: [509, 905, 509], ways: { gcc: {}, "gcc -O0": { flags: ["-g", "-O0"] } },
  },
];

const cases = idioms.flatMap(({ ways, ...idiom }) => Object.entries(ways).map(([way, options]) => ({ ...idiom, way, options })));

describe("createPatchImage() is right about", () => {
  test.each(cases)("$title, $way", async ({ source, change: [from, to], answers, options }) => {
    const live = await liveAnswers(tracer, answerSources(source, source.replace(from, to), options));
    expect(live.answers).toEqual(answers);
  });

  test("unlikely parts of functions, which nobody asks for by name in a debugger", async () => {
    const source = "#include <stdlib.h>\nlong answer(long n) { if (n > 1000) abort(); return n * 3; }\n";
    await using workshop = await openWorkshop(tracer, answerSources(source, source.replace("n * 3", "n * 4")));
    const { bytes, manifest } = await workshop.build({ name: "fix" });
    expect(readElf(bytes).symbols.map(({ name }) => name)).toContain("answer.cold");
    await using target = await startTarget(workshop.path);
    await applyPatch(tracer, bytes, target.pid);
    expect((await debugFilesOf(tracer, target.pid)).map(({ functions }) => functions)).toEqual([["answer"]]);
    expect(manifest.objects[0]?.functions.map(({ name }) => name)).toEqual(["answer"]);
  });

  refused("X12", "another value in a compound literal outside of functions", "has another initial value, which the running program no longer reads",
    (beside) => buildOnly(tracer, answerSources(literals, literals.replace("{6}", "{8}").replace("n * 3", "n * 4")), beside));
});
