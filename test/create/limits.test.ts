// Limits that other systems state and that a short program shows: what lives in variables and constants, what functions of
// libraries are called, code that is no ordinary function.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { applyPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { leftAlone, lifted, refused, startTarget, waitUntil } from "../support/mod.ts";
import { answerSources, buildOnly, liveAnswers } from "./live-answer.ts";
import { openWorkshop } from "./workshop.ts";
import type { Sources } from "./workshop.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const noinline = "__attribute__((noinline))";
/** One unit: declarations, and the body of `answer`. */
const unit = (declarations: string, body: string): string => `#include <string.h>\n#include <stdlib.h>\n#include <stdio.h>\n${declarations}\nlong answer(long n) { ${body} }\n`;
const both = (declarations: string, before: string, after: string, rest: Partial<Sources> = {}): Sources => answerSources(unit(declarations, before), unit(declarations, after), rest);
const changing = (before: string, after: string, body: string, rest: Partial<Sources> = {}): Sources => answerSources(unit(before, body), unit(after, body), rest);

interface Case {
  readonly title: string;
  readonly sources: Sources;
  /** Before the patch, with it, after it; asked with 5. */
  readonly answers: readonly number[];
  readonly functions?: readonly string[];
}

const cases: readonly Case[] = [
  {
    title: lifted("X8", "a static variable of a file and one of a function keep their values"),
    sources: both("static long total = 100;", "static long calls; calls++; total += n; return total + calls;", "static long calls; calls++; total += n; return 1000 * calls + total;"),
    answers: [106, 2110, 118],
  },
  {
    title: lifted("X7", "a program whose local symbols the linker has thrown away (--discard-all): its static functions and variables are found by their code"),
    sources: changing(`static long total = 100;\nstatic ${noinline} long part(long n) { static long calls; total += n; return total + ++calls; }`,
      `static long total = 100;\nstatic ${noinline} long part(long n) { static long calls; total += n; return total * 10 + ++calls; }`, "return part(n);", { link: ["-Wl,--discard-all"] }),
    answers: [106, 1102, 118], functions: ["part"],
  },
  {
    title: lifted("X9", "an inline function: every function that holds a copy is replaced"),
    sources: changing("static inline long part(long n) { return n * 2; }", "static inline long part(long n) { return n * 3; }",
      `return part(n); }\n${noinline} long second(long n) { return part(n) + 1; }\nlong (*volatile keep)(long) = second; ${noinline} long untouched(long n) { return n;`),
    answers: [10, 15, 10], functions: ["answer", "second"],
  },
  {
    title: lifted("X12", "new global and static variables, with initial values"),
    sources: answerSources(unit("", "return labs(n);"), unit("long fresh_global = 40; static long fresh = 2; static char room[100];", "room[n] = 1; fresh++; return fresh_global + fresh + room[n];")),
    answers: [5, 44, 5],
  },
  {
    title: lifted("X12", "a changed constant table, with the functions that read it"),
    sources: changing("static const long table[] = { 1, 2, 3, 4, 5, 6 };", "static const long table[] = { 1, 2, 3, 4, 5, 60 };", `return table[n]; }\n${noinline} long second(long n) { return table[n + 1];`),
    answers: [6, 60, 6], functions: ["answer", "second"],
  },
  {
    title: lifted("X12", "a constant that is the value of a macro"),
    sources: changing("#define LIMIT 3\n#define TIMES 2", "#define LIMIT 4\n#define TIMES 7", "return n > LIMIT ? LIMIT * TIMES : n;"),
    answers: [6, 28, 6],
  },
  {
    title: lifted("X14", "functions of a library that the program did not import"),
    sources: both("", "return labs(n);", 'char text[32]; stpcpy(text, "12"); return (long)strtoull(text, 0, 10) + labs(-n) + (long)strspn("aab", "a") + abs(atoi("3"));'),
    answers: [5, 22, 5],
  },
  {
    title: lifted("X14", "data of a library that the program had no copy of, position-independent"),
    sources: both("", "return labs(n);", "return n + (fileno(stderr) == 2 && stderr != stdout);", { flags: ["-g", "-O2", "-fPIE"], indirectly: "-mno-direct-extern-access" }), answers: [5, 6, 5],
  },
  {
    title: lifted("X14", "data of a library that the program had no copy of, linked to one place"),
    sources: both("#include <unistd.h>", "return labs(n);", "return n + (environ != 0) + optind;", { flags: ["-g", "-O2", "-fno-pie", "-D_GNU_SOURCE"], link: ["-no-pie"], indirectly: "-mno-direct-extern-access" }), answers: [5, 7, 5],
  },
  {
    title: lifted("X14", "data of a library that the program has a copy of"),
    sources: both(`FILE **volatile place = &stderr;\n${noinline} long other(void) { return stderr != 0; }\nlong (*volatile keep)(void) = other;`, "return labs(n);", "return n + (&stderr == place && fileno(stderr) == 2);", { flags: ["-g", "-O2", "-fno-pie"], link: ["-no-pie"] }), answers: [5, 6, 5],
  },
  {
    title: lifted("X16", "indirect functions of libraries: memcpy, strlen, strchr"),
    sources: both("", "return labs(n);", 'char text[32]; memcpy(text, "abcdefgh", n + 4); text[n] = 0; return (long)strlen(text) + (strchr(text, \'c\') - text) * 10;'), answers: [5, 25, 5],
  },
  {
    title: lifted("X16", "an indirect function of the program, called anew"),
    sources: both("static long one(long n) { return n * 2; }\nstatic void *choose(void) { return one; }\nlong indirect(long) __attribute__((ifunc(\"choose\")));\nlong use(long n) { return indirect(n); }", "return labs(n);", "return indirect(n) + 1;"),
    answers: [5, 11, 5],
  },
  {
    title: lifted("X17", "inline assembly"),
    sources: changing('static inline long twice(long n) { __asm__("add %0, %0" : "+r"(n)); return n; }', 'static inline long twice(long n) { __asm__("lea 1(%0,%0), %0" : "+r"(n)); return n; }', "return twice(n);"),
    answers: [10, 11, 10],
  },
  {
    title: lifted("X22", "a compiler with the name of its machine, as cross compilers have"),
    sources: both("", "return labs(n);", "return n * 3;", { compiler: "x86_64-linux-gnu-gcc-12" }), answers: [5, 15, 5],
  },
];

describe("createPatchImage() lifts what a short program shows", () => {
  test.each(cases)("$title", async ({ sources, answers, functions }) => {
    const live = await liveAnswers(tracer, sources);
    expect(live.answers).toEqual(answers);
    if (functions !== undefined) expect(live.manifest.objects[0]?.functions.map(({ name }) => name).sort()).toEqual(functions);
  });

  test(lifted("X20", "main, constructors, destructors and functions that never return are said before the commit"), async () => {
    const source = (value: number): string => unit(
      `long made;\n__attribute__((constructor)) static void begin(void) { made = ${value}; }\n__attribute__((destructor)) static void end(void) { made -= ${value}; }\n${noinline} __attribute__((noreturn)) void leave(long n) { exit((int)n + ${value}); }`,
      `if (n < -5) leave(n); return n + made; }\nint main(void) { return (int)answer(getchar() + ${value});`);
    const [object] = (await buildOnly(tracer, { original: { "unit.c": source(1) }, patched: { "unit.c": source(2) } }, leftAlone)).objects;
    const warnings = Object.fromEntries((object?.functions ?? []).map(({ name, warnings }) => [name, warnings.join()]));
    for (const name of ["begin", "end"]) expect(warnings[name]).toContain("it runs when the module is loaded or unloaded: what it did in a running process is done");
    expect(warnings["leave"]).toContain("it never returns");
    expect(warnings["main"]).toContain("it runs from the start of the program to its end: a running process never enters it again");
  });

  test(lifted("X20", "a loop that ends is waited for, and the call that is in it ends in the old code"), async () => {
    const source = (value: number): string => unit("", `puts("within"); while (getchar() != '.') n++; getchar(); return n + ${value};`);
    await using workshop = await openWorkshop(tracer, answerSources(source(1000), source(2000)));
    const { bytes } = await workshop.build({ name: "fix" });
    await using target = await startTarget(workshop.path);
    target.write("7\nxx");
    await target.line(/^within$/);
    const steps: string[] = [];
    const applying = applyPatch(tracer, bytes, target.pid, { timeout: 60_000, onProgress: ({ step }) => void steps.push(step) });
    await waitUntil("the call is in the way", () => steps.includes("blocked"));
    target.write(".\n");
    expect(await target.line(/^=/)).toBe("= 1009");
    expect(await applying).toMatchObject({ result: "committed" });
    target.write("7\nxx.\n");
    await target.line(/^= 2009$/);
  });
});

describe("createPatchImage() refuses what cannot be right", () => {
  const indirect = (which: string): string => unit(`static long one(long n) { return n * 2; }\nstatic long two(long n) { return n * 3; }\nlong (*volatile keep[])(long) = { one, two };\nstatic void *choose(void) { return ${which}; }\nlong indirect(long) __attribute__((ifunc("choose")));`, "return indirect(n);");
  refused("X12", "another initial value of a variable", "variable level has another initial value, which the running program no longer reads; leave the initialiser out of the diff",
    (beside) => buildOnly(tracer, changing("long level = 3;", "long level = 4;", "return n + level;"), beside));
  refused("X12", "another size of a variable", "variable table changes its size from 24 to 32 bytes, and the running program has it as it was",
    (beside) => buildOnly(tracer, changing("long table[3];", "long table[4];", "return table[n % 3];"), beside));
  refused("X12", "a constant that other units read", "variable table is constant data that other units read, and its contents differ",
    (beside) => buildOnly(tracer, changing("const long table[] = { 1, 2, 3 };", "const long table[] = { 1, 2, 4 };", "return table[n % 3];"), beside));
  refused("X12", "a constant that live data points at", "variable keep points at words, constant data whose contents differ, and the running program has it pointing at the old",
    (beside) => buildOnly(tracer, changing("static const long words[] = { 1, 2 };\nconst long *keep = words;", "static const long words[] = { 1, 3 };\nconst long *keep = words;", "return keep[n & 1] + words[n & 1];"), beside));
  refused("X16", "a new indirect function", "function indirect is a new indirect function, which nobody would resolve",
    (beside) => buildOnly(tracer, answerSources(unit("", "return labs(n);"), unit("static long one(long n) { return n * 2; }\nstatic void *choose(void) { return one; }\nlong indirect(long) __attribute__((ifunc(\"choose\")));", "return indirect(n);")), beside));
  refused("X16", "another resolver of an indirect function", "function indirect is an indirect function whose resolver differs, and it has been resolved already",
    (beside) => buildOnly(tracer, answerSources(indirect("one"), indirect("two")), beside));
  refused("X17", "code of assembly at the top of a unit", "differs in code that belongs to no function with a size, such as assembler",
    (beside) => buildOnly(tracer, changing('__asm__(".text; .globl bare; bare: lea 1(%rdi), %rax; ret");\nlong bare(long);', '__asm__(".text; .globl bare; bare: lea 2(%rdi), %rax; ret");\nlong bare(long);', "return bare(n);"), beside));
  refused("X20", "a new constructor", "a constructor is added, removed or replaced, and constructors of the running program have run",
    (beside) => buildOnly(tracer, changing("", "__attribute__((constructor)) static void begin(void) { puts(\"begun\"); }", "return n;"), beside));
  refused("X20", "a new destructor", "a destructor is added, removed or replaced, and the running program has its list",
    (beside) => buildOnly(tracer, changing("", "__attribute__((destructor)) static void end(void) { puts(\"ended\"); }", "return n;"), beside));
  refused("X23", "a changed function in a section that is gathered under a name of its own", "section special_text would travel, and what gathers that section does not see the patch",
    (beside) => buildOnly(tracer, answerSources(unit("", "return labs(n);").replace("long answer", '__attribute__((section("special_text"))) long answer'), unit("", "return n * 3 + 77777;").replace("long answer", '__attribute__((section("special_text"))) long answer')), beside));
});

refused("X14", "a function that no loaded module has, when the patch is applied", "tgamma", async (beside) => {
  await using workshop = await openWorkshop(tracer, both("double tgamma(double);", "return labs(n);", "return (long)tgamma((double)n);"));
  const { bytes } = await workshop.build({ name: "fix" });
  await using target = await startTarget(workshop.path);
  await beside(target.pid, () => applyPatch(tracer, bytes, target.pid));
});
