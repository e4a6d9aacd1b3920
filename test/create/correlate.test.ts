import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { correlateObjects } from "../../native/create/correlate.ts";
import { readObjectCode } from "../../native/create/object-code.ts";
import { Tracer } from "../../native/tracer.ts";
import { openWorkshop } from "./workshop.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

/** Patched name -> original name, and what stays undecided. */
async function correlate(original: string, patched: string): Promise<{ names: Record<string, string>; undecided: readonly string[] }> {
  await using workshop = await openWorkshop(tracer, { original: { "unit.c": original }, patched: { "unit.c": patched } });
  const [pair] = workshop.pairs;
  const { originals, undecided } = correlateObjects(readObjectCode("unit.c", pair!.original), readObjectCode("unit.c", pair!.patched));
  return { names: Object.fromEntries([...originals].map(([name, { name: before }]) => [name, before])), undecided: [...undecided] };
}

const main = "int main(int argc, char **argv) { (void)argv; return first(argc) + second(argc); }";
const first = "__attribute__((noinline)) int first(int n) { static int calls; return calls += n; }";
const second = "__attribute__((noinline)) int second(int n) { static int calls; return calls -= n; }";

describe("correlateObjects()", () => {
  test("pairs static variables of functions by their owner, whatever their number", async () => {
    const { names } = await correlate(`${first}\n${second}\n${main}`, `${second}\n${first}\n${main}`);
    const swapped = Object.entries(names).filter(([name]) => name.startsWith("calls."));
    expect(swapped).toHaveLength(2);
    for (const [name, before] of swapped) expect(name).not.toBe(before);
  });

  test("leaves a new static variable unpaired when an old one keeps its owner", async () => {
    const patched = second.replace("return", "static int other_calls; other_calls++; return") + "int third(int n) { static int calls; return calls ^= n; }";
    const { names, undecided } = await correlate(`${first}\n${second}\n${main}`, `${first}\n${patched}\n${main}`);
    expect(Object.keys(names).filter((name) => name.startsWith("calls."))).toHaveLength(2);
    expect(undecided).toEqual([]);
  });

  test("does not guess where a static variable may have moved to another function", async () => {
    const { undecided } = await correlate(`${first}\nint second(int n) { return n; }\n${main}`, `int first(int n) { return n; }\n${second}\n${main}`);
    expect(undecided).toHaveLength(1);
  });

  test("follows a static variable into the part that the compiler splits off", async () => {
    const body = "static int seen; if (__builtin_expect(n > 1000, 0)) { seen++; puts(\"a\"); puts(\"b\"); puts(\"c\"); return seen; }";
    const caller = "int a(int n) { return first(n) + 1; } int b(int n) { return first(n) + 2; } int second(int n) { return a(n) + b(n); }";
    const { names } = await correlate(
      `#include <stdio.h>\nstatic __attribute__((noinline)) int first(int n) { ${body} return n; }\n${caller}\n${main}`,
      `#include <stdio.h>\nstatic int first(int n) { if (n < 0) return 1; ${body} return n; }\n${caller}\n${main}`);
    expect(names["seen.0"]).toBe("seen.0");
  });

  test("pairs constants of one name by their contents", async () => {
    const table = (name: string, values: string): string => `int ${name}(int n) { static const short table[] = { ${values} }; return table[n & 7]; }`;
    const [one, two] = [table("first", "1, 2, 3, 4, 5, 6, 7, 80"), table("second", "11, 12, 13, 14, 15, 16, 17, 180")];
    const { names } = await correlate(`${one}\n${two}\n${main}`, `${two}\n${one}\n${main}`);
    for (const [name, before] of Object.entries(names).filter(([each]) => each.startsWith("table."))) expect(name).not.toBe(before);
  });
});
