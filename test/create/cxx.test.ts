// C++ as programs have it, on a live process whose threads run through all of it: each change is built from a diff, applied,
// seen, and reverted.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { lifted, refused } from "../support/limits.ts";
import { snapshotOf } from "../support/mod.ts";
import type { Beside, ProcessSnapshot } from "../support/mod.ts";
import { startProgram } from "./live-program.ts";
import type { Change, LiveProgram } from "./live-program.ts";

let tracer: Tracer;
const programs = new Map<string, LiveProgram>();
const levels = ["-O0", "-O2"] as const;
const files = ["many-classes.cc", "many-classes-other.cc", "many-classes-plain.c", "many-classes.h"];
const header = "many-classes.h";
const plain = "many-classes-plain.c";

beforeAll(async () => {
  tracer = await Tracer.start();
  for (const level of levels) programs.set(level, await startProgram(tracer, { files, flags: ["-g", level] }));
}, 120_000);
afterAll(async () => {
  for (const program of programs.values()) await program[Symbol.asyncDispose]();
  await tracer[Symbol.asyncDispose]();
});

const old = { virtual: 8, construct: 7, identity: 1, eyes: 2, template: 42, other: 10, lambda: 42, guarded: 1031, thread: 78, labelled: 6, living: 2, pooled: 6, strings: 206, exception: 11, mixed: 10 };
type Answers = Readonly<Record<keyof typeof old, number>>;

const read = (line: string): Partial<Answers> => Object.fromEntries([...line.matchAll(/(\w+)=(-?\d+)/g)].map(([, name = "", value]) => [name, Number(value)]));

/** A reverted patch can stay in memory for a while: what calls that are over left on stacks counts as a reference to it. */
const ownCode = ({ code }: ProcessSnapshot): ProcessSnapshot["code"] => code.filter(({ mapping }) => !mapping.includes("/memfd:suture-"));

interface Situation {
  readonly title: string;
  readonly changes: readonly Change[];
  readonly answers: Partial<Answers>;
}

const situations: readonly Situation[] = [
  { title: "a virtual function, and the constructor and destructor under both of their names",
    changes: [["int Spider::legs() const { return 8; }", "int Spider::legs() const { return 9; }"], ["weight_(weight + 1) {}", "weight_(weight + 10) {}"], ["Spider::~Spider() { weight_ = 0; }", "Spider::~Spider() { weight_ = -1; }"]],
    answers: { virtual: 9, construct: 16, other: 19 } },
  { title: "an inline method, a virtual inline one and a template of a header, in every unit that has them",
    changes: [["return count += 1;", "return count += 2;", header], ["int eyes() const { return 2; }", "int eyes() const { return 3; }", header], ["return value * 2 +", "return value * 3 +", header]],
    answers: { eyes: 3, template: 63, other: 13 } },
  { title: "a lambda that was stored before", changes: [["return base + n; }", "return base - n; }"]], answers: { lambda: 38 } },
  { title: "function-local statics behind a guard and thread_local variables, which keep their values, initialisers at run time too; a new guarded static",
    changes: [
      ["return slow.value + made * 1000 + n;", "static const std::string fresh = std::to_string(n * 12345);\n  return slow.value + made * 1000 + n + static_cast<int>(fresh.size()) * 20;"],
      ["return visits + n;", "return visits + n + 7;"], ["static_cast<int>(label.size()) + n", "static_cast<int>(label.size()) * 10 + n"],
    ],
    answers: { guarded: 1131, thread: 85, labelled: 51 } },
  { title: "allocation functions of a class, strings and vectors with more of the library than before",
    changes: [["    ++drawn;\n", "    drawn += 2;\n"], ["return one->value + n;", "return one->value + n + drawn / drawn;"],
      ['std::vector<std::string> words = {text, "end"};', 'std::vector<std::string> words = {text, "end"};\n  words.insert(words.begin(), text.substr(1));\n  words.reserve(40);']],
    answers: { pooled: 7, strings: 305 } },
  { title: "a static member of a class", changes: [["? 1 : -100) + n", "? 1 : -100) * 7 + n"]], answers: { living: 8 } },
  { title: "a throw and its catch in one function", changes: [['"more than "', '"many more than "']], answers: { exception: 16 } },
  { title: "C and C++ in one program and one patch", changes: [["return twice(callback(n))", "return 3 * callback(n)", plain], ["return n + 1 +", "return n + 2 +"]], answers: { mixed: 18 } },
];

describe.each(levels)("C++ compiled with %s", (level) => {
  test.each(situations)(lifted("X15", "C++ with a change of one sort each; each row of cxx.test.ts, -O0 and -O2") + ": $title", async ({ title, changes, answers }) => {
    const program = programs.get(level);
    if (program === undefined) throw new Error(`No program was built with ${level}`);
    expect(read(await program.ask())).toEqual(old);
    const before = await snapshotOf(program.pid);
    const name = title.replace(/\W+/g, "-").slice(0, 40);
    const { image } = await program.build(name, changes);
    await applyPatch(tracer, image, program.pid);
    expect(read(await program.ask())).toEqual({ ...old, ...answers });
    await revertPatch(tracer, name, program.pid);
    expect(read(await program.ask())).toEqual(old);
    expect(ownCode(await snapshotOf(program.pid))).toEqual(ownCode(before));
  }, 300_000);
});

/** Compiling C++ takes its time: all changes are one patch here. */
test.each([
  { title: lifted("X15", "all rows of cxx.test.ts in one patch, g++ -O1"), way: { flags: ["-g", "-O1"] } },
  { title: lifted("X15", "all rows of cxx.test.ts in one patch, g++ -O3"), way: { flags: ["-g", "-O3"] } },
  { title: lifted("X15", "all rows of cxx.test.ts in one patch, g++ -Os"), way: { flags: ["-g", "-Os"] } },
  { title: lifted("X15", "all rows of cxx.test.ts in one patch, clang -O0"), way: { flags: ["-g", "-O0"], compiler: "clang" } },
  { title: lifted("X15", "all rows of cxx.test.ts in one patch, clang -O1"), way: { flags: ["-g", "-O1"], compiler: "clang" } },
  { title: lifted("X15", "all rows of cxx.test.ts in one patch, clang -O2"), way: { flags: ["-g", "-O2"], compiler: "clang" } },
  { title: lifted("X15", "all rows of cxx.test.ts in one patch, clang -O3"), way: { flags: ["-g", "-O3"], compiler: "clang" } },
  { title: lifted("X15", "all rows of cxx.test.ts in one patch, clang -Os"), way: { flags: ["-g", "-Os"], compiler: "clang" } },
  { title: lifted("X23", "C++ with COMDAT groups, -fPIC -fno-plt -fvisibility=hidden -ffunction-sections -fdata-sections, unused code dropped: all rows of cxx.test.ts in one patch"), way: { flags: ["-g", "-O2", "-fPIC", "-fno-plt", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"], link: ["-Wl,--gc-sections"] } },
] as const)("$title", async ({ way }) => {
  await using program = await startProgram(tracer, { files, ...way });
  expect(read(await program.ask())).toEqual(old);
  const { image } = await program.build("all", situations.flatMap(({ changes }) => changes));
  await applyPatch(tracer, image, program.pid);
  expect(read(await program.ask())).toEqual({ ...situations.reduce((answers, each) => ({ ...answers, ...each.answers }), old), other: 22 }); // which two of them change
  await revertPatch(tracer, "all", program.pid);
  expect(read(await program.ask())).toEqual(old);
}, 300_000);

const build = (...changes: readonly Change[]) => async (beside: Beside): Promise<unknown> => {
  const program = programs.get("-O2");
  if (program === undefined) throw new Error("the program does not run");
  return beside(program.pid, () => program.build("refused", changes));
};

refused("X11", "a virtual function more: objects that exist have the old table", "changes its size", build(
  ["  static int alive;\n", "  static int alive;\n  virtual int wings() const { return 0; }\n", header]));
refused("X12", "a static object with a constructor: start-up code would have to make it", "constructs the unit's static objects", build(
  ["int Animal::alive = 0;", "int Animal::alive = 0;\nstd::string motto = std::to_string(Animal::alive);"], ['std::string text = "zoo";', "std::string text = motto;"]));
refused("X13", "a new thread-local variable with an initialiser at run time", "is a new thread-local variable, and threads that run have no room for it", build(
  ["[[gnu::noinline]] int visited(int n) { return visits + n; }", "thread_local std::string fresh = std::to_string(visits);\n[[gnu::noinline]] int visited(int n) { return visits + n + static_cast<int>(fresh.size()); }"]));
refused("X15", "a lambda before one that is stored, which would take its number", "it cannot be told which is which", build(
  ["  stored = [base](int n)", "  std::function<int(int)> extra = [base](int n) { return base * n; };\n  drawn += extra(1);\n  stored = [base](int n)"]));
