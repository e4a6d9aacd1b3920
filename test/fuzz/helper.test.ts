// Damaged programs, objects and debug files before the helper, which reads them with libdw, built with sanitizers: it answers
// or refuses, and is still there for the next one. SUTURE_FUZZ_SECONDS makes it longer.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { SutureError } from "../../native/errors.ts";
import type { ErrorKind } from "../../native/errors.ts";
import { Tracer } from "../../native/tracer.ts";
import { mutations, readBytes, Workshop } from "../elf/toolchain.ts";
import { sanitizedHelper } from "../support/mod.ts";

const seconds = Number(process.env["SUTURE_FUZZ_SECONDS"] ?? "4");
const seed = Number(process.env["SUTURE_FUZZ_SEED"] ?? "1");

const source = `
#include <stdlib.h>
namespace space { enum class color { red, green = 7 }; struct base { int id; virtual ~base() {} }; struct client : base { unsigned open : 3; union { long l; char text[16]; }; color c; }; }
static int calls; typedef struct { double x, y; } point; point origin;
inline int twice(int n) { return n * 2; }
int step(int n) { static long seen; space::client c; c.id = n; seen += c.id; return twice(n) + calls++ + (int)origin.x + (int)seen; }
int main(int argc, char **) { return step(argc) + abs(argc); }
`;

let helper: Tracer;
let shop: Workshop;
const folder = mkdtempSync(join(tmpdir(), "suture-fuzz-"));
beforeAll(async () => {
  helper = await Tracer.start({ program: await sanitizedHelper() });
  shop = new Workshop();
}, 900_000);
afterAll(async () => {
  await helper[Symbol.asyncDispose]();
  shop[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const meant: readonly ErrorKind[] = ["bad-elf", "no-debug-information", "build-id-mismatch"];

async function outcomeOf(work: Promise<unknown>): Promise<"answered" | "refused"> {
  try {
    await work;
    return "answered";
  } catch (error) {
    if (error instanceof SutureError && meant.includes(error.kind)) return "refused";
    throw error;
  }
}

test("the helper reads damaged files or refuses them", async () => {
  const compile = (flags: readonly string[], name: string): Uint8Array => readBytes(shop.compile(source, flags, name, "cc"));
  const whole = [compile(["-g", "-O2", "-c"], "object"), compile(["-g", "-O2", "-Wl,--build-id"], "program"), compile(["-gdwarf-4", "-O1", "-Wl,--build-id"], "older")];
  const inputs = whole.map((bytes, index) => (function* () { for (let turn = 0; ; turn++) yield* mutations(bytes, 1000, seed * 104729 + index * 31 + turn); })());
  const intact = join(folder, "intact");
  writeFileSync(intact, whole[1] ?? new Uint8Array());
  const counts = { answered: 0, refused: 0 };
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || counts.answered === 0 || counts.refused === 0) {
    for (const input of inputs) {
      const path = join(folder, "damaged");
      writeFileSync(path, input.next().value ?? new Uint8Array());
      counts[await outcomeOf(helper.debugInformation(path, { inlined: true }))]++;
      counts[await outcomeOf(helper.layouts(path))]++;
      counts[await outcomeOf(helper.debugInformation(intact, { debugFile: path }))]++;
    }
  }
  expect(await outcomeOf(helper.debugInformation(intact))).toBe("answered");
}, 120_000 + seconds * 3000);
