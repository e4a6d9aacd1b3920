// Functions that get other parameters or another return type: lifted where all who call them are compiled anew, refused where
// somebody else would go on calling by the old signature.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { lifted, refused } from "../support/limits.ts";
import { answerSources, buildOnly, liveAnswers } from "./live-answer.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const noinline = "__attribute__((noinline))";
const staticBefore = `static ${noinline} long add(long n) { return n + 1; }\nlong answer(long n) { return add(n) * 2; }\n`;
const staticAfter = `static ${noinline} long add(long n, long more) { return n + more; }\nlong answer(long n) { return add(n, 10) * 2; }\n`;
const helper = (parameters: string, body: string): string => `${noinline} long add(${parameters}) { return ${body}; }\n`;
const caller = (parameters: string, call: string): string => `long add(${parameters});\nlong answer(long n) { return ${call}; }\n`;
const twoUnits = (rest: string = "", flags: readonly string[] = ["-g", "-O2"]) => answerSources(caller("long", "add(n)"), caller("long, long", "add(n, 7)"), {
  original: { "add.c": helper("long n", "n + 1"), ...(rest === "" ? {} : { "rest.c": rest }) }, patched: { "add.c": helper("long n, long more", "n + more") }, flags,
});

describe("a signature may change where all callers are compiled anew", () => {
  test(lifted("X18", "another parameter of a static function, whose callers are in its unit"), async () => {
    expect((await liveAnswers(tracer, answerSources(staticBefore, staticAfter))).answers).toEqual([12, 30, 12]);
  });
  test(lifted("X18", "another parameter of a function that other units call, all of them in the patch"), async () => {
    const { answers, manifest } = await liveAnswers(tracer, twoUnits());
    expect(answers).toEqual([6, 12, 6]);
    expect(manifest.objects[0]?.functions.map(({ name }) => name).sort()).toEqual(["add", "answer"]);
  });
  test(lifted("X18", "another return type of a function whose callers are in the patch"), async () => {
    const sources = (type: string, value: string): string => `static ${noinline} ${type} part(long n) { return n ${value}; }\nlong answer(long n) { return (long)(part(n) * 4); }\n`;
    expect((await liveAnswers(tracer, answerSources(sources("long", "+ 1"), sources("double", "/ 2.0")))).answers).toEqual([24, 10, 24]);
  });
});

describe("refuseStrangeCallers() refuses a signature that somebody else relies on", () => {
  refused("X18", "a caller in a unit that is not part of the patch", "function add takes 2 parameters instead of 1, and stranger of rest.c, which is not part of the patch, refers to it",
    (beside) => buildOnly(tracer, twoUnits(`long add(long);\nlong stranger(long n) { return add(n) + 1; }\nlong (*volatile keep)(long) = stranger;\n`), beside));
  refused("X18", "a function pointer in a unit that is not part of the patch", "takes 2 parameters instead of 1, and data at 0x",
    (beside) => buildOnly(tracer, twoUnits("long add(long);\nlong (*volatile keep)(long) = add;\n"), beside));
  refused("X18", "a function whose address its own unit takes", "function add takes 2 parameters instead of 1, and its address is taken by keep of unit.c",
    (beside) => buildOnly(tracer, answerSources(`${staticBefore}long (*volatile keep)(long) = add;\n`, `${staticAfter}long (*volatile keep)(long) = (long (*)(long))add;\n`), beside));
  refused("X18", "a function that a library exports", "takes 2 parameters instead of 1, and the library exports it: its callers are not known",
    (beside) => buildOnly(tracer, { ...twoUnits("", ["-g", "-O2", "-fPIC"]), link: ["-shared"], output: "libadd.so" }, beside));
  refused("X18", "another return type with a caller outside of the patch", "function add returns floating-point number (8 bytes) instead of integer (8 bytes), and stranger of rest.c",
    (beside) => buildOnly(tracer, answerSources(caller("long", "add(n)"), `double add(long);\nlong answer(long n) { return (long)add(n); }\n`, {
      original: { "add.c": helper("long n", "n + 1"), "rest.c": "long add(long);\nlong stranger(long n) { return add(n) + 1; }\nlong (*volatile keep)(long) = stranger;\n" },
      patched: { "add.c": `${noinline} double add(long n) { return n / 2.0; }\n` },
    }), beside));
});
