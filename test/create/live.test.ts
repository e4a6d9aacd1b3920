// The whole way on live processes: a program that keeps state in every sort of variable is patched and reverted, and
// answers as a model of it does at every step. What this is about is that references lead where they should.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { openWorkshop } from "./workshop.ts";
import type { Sources } from "./workshop.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const source = (factor: number, declarations: string, call: string, thread = "__thread"): string => `
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
struct op { const char *name; int (*run)(int); };
static int counter = 5; int global = 3; ${thread} int own = 4; static ${thread} int hidden = 9;
int table[4] = { 1, 2, 3, 4 };
static int twice(int n) { static int calls; return n * 2 + ++calls; }
int times(int n);
static const struct op ops[] = { { "twice", twice }, { "times", times } };
${declarations}
__attribute__((noinline)) int times(int n) { static int seen; seen += n; return n * ${factor} + seen; }
__attribute__((noinline)) static double mix(double x) { return x * ${factor}.25 + counter; }
__attribute__((noinline)) int step(int n) {
  static int state = 7; static char buffer[64];
  state += n; counter++; own += 2; hidden ^= n;
  int (*volatile pointer)(int) = times;
  snprintf(buffer, sizeof buffer, "%s%d", n % 2 ? "odd${factor}" : "even${factor}", n);
  switch (n % 8) {
    case 0: return ops[0].run(n) + (pointer == ops[1].run);
    case 1: return ops[1].run(n) + ${factor};
    case 2: return (int)mix(n) + state;
    case 3: return (int)strlen(buffer) + own;
    case 4: return hidden + global;
    case 5: return table[n & 3]++ * ${factor};
    case 6: return pointer == times ? state + ${factor} : -1;
    default: return abs(-n) + ${call};
  }
}
int main(void) { char line[32]; setvbuf(stdout, 0, _IOLBF, 0); while (fgets(line, sizeof line, stdin)) { int n = atoi(line); printf("%d\\n", step(n)); } return 0; }
`;
const added = 'static int fresh = 100; static const char *words[] = { "x", "yy" }; static __attribute__((noinline)) int helper(int n) { fresh += n; return fresh + (int)strlen(words[n & 1]) + (int)labs(-7L); }';

/** The program in words of its own, over one state that outlives the switches. */
function makeModel(): (n: number, factor: number, isPatched: boolean) => number {
  const state = { counter: 5, own: 4, hidden: 9, table: [1, 2, 3, 4], calls: 0, seen: 0, state: 7, fresh: 100 };
  return (n, factor, isPatched) => {
    state.state += n; state.counter++; state.own += 2; state.hidden ^= n;
    switch (n % 8) {
      case 0: return n * 2 + ++state.calls + 1;
      case 1: state.seen += n; return n * factor + state.seen + factor;
      case 2: return Math.trunc(n * (factor + 0.25) + state.counter) + state.state;
      case 3: return `${n % 2 ? "odd" : "even"}${factor}${n}`.length + state.own;
      case 4: return state.hidden + 3;
      case 5: { const was = state.table[n & 3] ?? 0; state.table[n & 3] = was + 1; return was * factor; }
      case 6: return state.state + factor;
      default:
        if (!isPatched) return n;
        state.fresh += n;
        return n + state.fresh + (n & 1 ? 2 : 1) + 7;
    }
  };
}

const ways: readonly { readonly name: string; readonly way: Partial<Sources>; readonly thread?: string }[] = [
  { name: "PIE, -O2", way: {} },
  { name: "no PIE", way: { flags: ["-g", "-O2", "-fno-pie"], link: ["-no-pie"] } },
  { name: "-O0", way: { flags: ["-g", "-O0"] } },
  { name: "-O3", way: { flags: ["-g", "-O3"] } },
  { name: "-fcf-protection", way: { flags: ["-g", "-O2", "-fcf-protection=full"] } },
  { name: "through the GOT", way: { flags: ["-g", "-O2", "-fPIC", "-fno-plt"] }, thread: "" },
  { name: "static", way: { flags: ["-g", "-O2"], link: ["-static"] } },
  { name: "large code model", way: { flags: ["-g", "-O2", "-fno-pie", "-mcmodel=large"], link: ["-no-pie"] } },
];

async function answersOf(way: Partial<Sources>, thread = "__thread"): Promise<readonly [readonly number[], readonly number[]]> {
  await using workshop = await openWorkshop(tracer, { original: { "unit.c": source(3, "", "0", thread) }, patched: { "unit.c": source(5, added, "helper(n)", thread) }, ...way });
  const { bytes } = await workshop.build({ name: "fix" });
  const child = spawn(workshop.path, [], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const model = makeModel();
    const answers: number[] = [];
    const expected: number[] = [];
    const round = async (factor: number, isPatched: boolean): Promise<void> => {
      for (let n = 1; n <= 40; n++) {
        child.stdin.write(`${n}\n`);
        expected.push(model(n, factor, isPatched));
        answers.push(Number((await lines.next()).value));
      }
    };
    await round(3, false);
    await applyPatch(tracer, bytes, child.pid ?? 0);
    await round(5, true);
    await revertPatch(tracer, "fix", child.pid ?? 0);
    await round(3, false);
    return [answers, expected];
  } finally {
    child.kill();
  }
}

describe("createPatchImage() makes patches whose references lead where they should", () => {
  test.each(ways)("$name", async ({ way, thread }) => {
    const [answers, expected] = await answersOf(way, thread);
    expect(answers).toEqual(expected);
  });
});
