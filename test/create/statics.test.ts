// Variables that the program has once and that a patch could have a second time without anybody noticing. Each begins with a number of
// its own and is counted up by two units, before, with and after the patch, in which a step is two: a copy would begin anew.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { lifted } from "../support/mod.ts";
import { answersAround, asking, buildTree, patchTree } from "./live-tree.ts";
import type { Compilation } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { Files } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const noinline = "__attribute__((noinline))";

interface Way extends Omit<Compilation, "file"> {
  readonly title: string;
  readonly link?: readonly string[];
}

/** All units are compiled alike; STEP of the header becomes two. Asks for each variable by its number, three times. */
async function countAround(files: Files, variables: number, { title: _, link = [], compiler = "gcc", flags = ["-g", "-O2"] }: Way): Promise<readonly (readonly string[])[]> {
  using tree = openSourceTree({ ...files, "shared.h": `#define STEP 1\n${files["shared.h"]}` });
  const units = Object.keys(files).filter((file) => /\.cc?$/.test(file));
  const program = await buildTree(tree, units.map((file) => ({ file, flags, compiler })), link, compiler);
  const { image } = await patchTree(tracer, { tree, program }, [tree.diff("fix", { "shared.h": `#define STEP 2\n${files["shared.h"]}` })]);
  return await answersAround(tracer, program, image, Array.from({ length: variables }, (_, at) => at));
}

/** What one unit has made of a variable, and a thousand times what the other one has then. */
const together = (starts: readonly number[]): readonly (readonly string[])[] =>
  [[1, 2], [4, 6], [7, 8]].map(([first = 0, second = 0]) => starts.map((start) => String(start + first + 1000 * (start + second))));
/** The same where each unit has its own. */
const apart = (starts: readonly (readonly [number, number])[]): readonly (readonly string[])[] =>
  [1, 3, 4].map((steps) => starts.map(([first, second]) => String(first + steps + 1000 * (second + steps))));

const cxxFiles = {
  "shared.h": `
int input(int n);
struct Tally {
  static int plain;
  static inline int inlined = 20;
  template <typename T> static inline int of = 30;
};
template <typename T> struct Typed { static int member; };
template <typename T> int Typed<T>::member = 40;
inline int local() { static int count = 50; return count += STEP; }
inline int guarded() { static int count = input(60); return count += STEP; }
template <typename T> int templated() { static int count = 70; return count += STEP; }
inline int variable = 80;
struct Made {
  Made() { static int made = 90; number = made += STEP; }
  int number;
};
struct Virtual { virtual ~Virtual() = default; virtual int next() { static int count = 100; return count += STEP; } };
namespace { inline int each(int n) {
  switch (n) {
    case 0: return Tally::plain += STEP;
    case 1: return Tally::inlined += STEP;
    case 2: return Tally::of<long> += STEP;
    case 3: return Typed<char>::member += STEP;
    case 4: return local();
    case 5: return guarded();
    case 6: return templated<short>();
    case 7: return variable += STEP;
    case 8: return Made().number;
    case 9: { auto next = [] { static int within = 110; return within += STEP; }; return next(); }
    default: { Virtual one; Virtual* volatile any = &one; return any->next(); }
  }
} }
`,
  "a.cc": `#include "shared.h"\nint Tally::plain = 10;\nint other(int n);\nextern "C" int answer(int n) { int first = each(n); return first + 1000 * other(n); }\n`,
  "b.cc": `#include "shared.h"\nint other(int n) { return each(n); }\n`,
  "input.cc": "int input(int n) { return n; }\n",
  "main.cc": asking.replace("int answer(int);", 'extern "C" int answer(int);'),
};

/** `unit` is one or a hundred, so that the same names begin with other numbers. */
const twin = (name: string, unit: number): string => `
#include "shared.h"
static int count = ${unit * 10};
static int file(void) { return count += STEP; }
static ${noinline} int step(void) { static int count = ${unit * 20}; return count += STEP; }
static ${noinline} int first(void) { static int calls = ${unit * 30}; return calls += STEP; }
static ${noinline} int second(void) { static int calls = ${unit * 40}; return calls += STEP; }
static ${noinline} int inlined_too(void) { return STEP > 0 ? of_header(0) : -1; }
int ${name}(int n) {
  switch (n) { case 0: return file(); case 1: return step(); case 2: return first(); case 3: return second(); case 4: of_header(STEP); return inlined_too(); default: return in_loop(1); }
}
`;

const cFiles = {
  "shared.h": `
static inline int of_header(int n) { static int count = 50; return count += n; }
static inline int in_loop(int n) { static int count = 60; while (n-- > 0) count += STEP; return count; }
`,
  "a.c": `${twin("unit_a", 1)}int unit_b(int n);\nint answer(int n) { int first = unit_a(n); return first + 1000 * unit_b(n); }\n`,
  "b.c": twin("unit_b", 100),
  "main.c": asking,
};

const cWays: readonly Way[] = [
  { title: "gcc -O0", flags: ["-g", "-O0"] }, { title: "gcc -O2" }, { title: "gcc -O3 -fno-pie", flags: ["-g", "-O3", "-fno-pie"], link: ["-no-pie"] },
  { title: "clang -O2", compiler: "clang" }, { title: "static program", link: ["-static"], flags: ["-g", "-O2", "-fno-pie"] },
];

const cxxWays: readonly Way[] = [
  { title: "g++ -O0", compiler: "g++", flags: ["-g", "-O0", "-std=c++17"] },
  { title: "g++ -O2", compiler: "g++", flags: ["-g", "-O2", "-std=c++17"] },
  { title: "g++ -O2 -fno-pie", compiler: "g++", flags: ["-g", "-O2", "-std=c++17", "-fno-pie"], link: ["-no-pie"] },
  { title: "g++ -O2 -fno-gnu-unique", compiler: "g++", flags: ["-g", "-O2", "-std=c++17", "-fno-gnu-unique"] },
  { title: "clang++ -O2", compiler: "clang++", flags: ["-g", "-O2", "-std=c++17"] },
];

describe("createPatchImage() uses the one that the program has", () => {
  test.each(cxxWays)(lifted("X8", "C++: static members, inline variables, statics of inline functions, methods, constructors and templates, which several units share; a static of a lambda") + ": $title", async (way) => {
    const shared = together([10, 20, 30, 40, 50, 60, 70, 80, 90]);
    // In a function of an unnamed namespace: each unit has its own.
    const own = apart([[110, 110]]);
    const last = together([100]);
    expect(await countAround(cxxFiles, 11, way)).toEqual(shared.map((row, at) => [...row, ...own[at] ?? [], ...last[at] ?? []]));
  });

  test.each(cWays)(lifted("X8", "C: statics of one name, in files, in functions of one name in two units, in two functions of one unit, in functions of a header that are inlined") + ": $title", async (way) => {
    expect(await countAround(cFiles, 6, way)).toEqual(apart([[10, 1000], [20, 2000], [30, 3000], [40, 4000], [50, 50], [60, 60]]));
  });
});
