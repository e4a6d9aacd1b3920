// Damaged input: objects, programs, diffs and images, each changed at random by seed. Whatever reads them gives a result or a
// refusal of a kind that is meant for it; it never throws anything else, never hangs, and never takes a damaged image for
// a good one. Runs a few seconds for each reader; SUTURE_FUZZ_SECONDS makes it longer, SUTURE_FUZZ_SEED changes what is tried.

import { afterAll, beforeAll, expect, test } from "vitest";

import { address } from "../../native/address.ts";
import { compareObjects } from "../../native/create/compare.ts";
import { correlateObjects } from "../../native/create/correlate.ts";
import { parseDiff } from "../../native/create/diff.ts";
import { readLinks, slotAt } from "../../native/create/links.ts";
import { readObjectCode } from "../../native/create/object-code.ts";
import { readEhFrame, readElf, symbolAt } from "../../native/elf/mod.ts";
import { SutureError } from "../../native/errors.ts";
import type { ErrorKind } from "../../native/errors.ts";
import { seal } from "../../native/image/checksum.ts";
import { decodeImage } from "../../native/image/mod.ts";
import { moduleKind, startupFunctions } from "../../native/patchability/dynamic.ts";
import { readProgramSymbols } from "../../native/patchability/symbols.ts";
import { layOutObject, linkObject } from "../../native/patch/link.ts";
import { mutations, readBytes, seededNumbers, Workshop } from "../elf/toolchain.ts";
import { imageOf } from "../patch/images.ts";

const secondsEach = Number(process.env["SUTURE_FUZZ_SECONDS"] ?? "2.5");
const seed = Number(process.env["SUTURE_FUZZ_SEED"] ?? "1");
/** Far more than any case takes on a loaded machine: what takes longer does work out of all proportion to its input. */
const hanging = 20_000;

const source = (factor: number, own = "__thread int own;"): string => `
#include <stdio.h>
#include <string.h>
static int calls; int shared = 3; static const char *const names[] = { "one", "two", "three" }; ${own}
static __attribute__((noinline)) int help(int n) { static int seen; seen += n; return seen * ${factor}; }
int step(int n) {
  switch (n) { case 0: return help(n); case 1: return calls++; case 2: return own; case 3: return (int)strlen(names[n & 1]); case 4: return ${factor}; case 5: return shared; }
  return printf("%s %d\\n", names[n & 1], n);
}
int main(int argc, char **argv) { (void)argv; return step(argc); }
`;

let shop: Workshop;
let original: Uint8Array;
let patched: Uint8Array;
let program: Uint8Array;
let image: Uint8Array;
beforeAll(() => {
  shop = new Workshop();
  const sections = ["-g", "-O2", "-c", "-ffunction-sections", "-fdata-sections"];
  const module = shop.compile(source(1), ["-g", "-O2", "-Wl,--build-id"], "program");
  original = readBytes(shop.compile(source(1), sections, "original"));
  [patched, program] = [readBytes(shop.compile(source(2), sections, "patched")), readBytes(module)];
  const replacement = shop.compile(source(2, "extern __thread int own;"), sections.filter((flag) => flag !== "-g"), "replacement");
  image = imageOf("fix", { object: replacement, module, functions: ["step"] });
  decodeImage(image);
});
afterAll(() => shop[Symbol.dispose]());

/** Tries `work` on one input after the other until the time is over. Returns how many went through and were refused. */
function fuzz<Input>(inputs: Iterable<Input>, allowed: readonly ErrorKind[], work: (input: Input) => void): { readonly accepted: number; readonly refused: number } {
  const count = { accepted: 0, refused: 0 };
  const end = performance.now() + secondsEach * 1000;
  for (const input of inputs) {
    const begun = performance.now();
    try {
      work(input);
      count.accepted++;
    } catch (error) {
      if (!(error instanceof SutureError) || !allowed.includes(error.kind)) throw error;
      expect(error.message).not.toMatch(/\p{Cc}/u);
      count.refused++;
    }
    const now = performance.now();
    expect(now - begun).toBeLessThan(hanging);
    if (now > end && count.refused > 0) break;
  }
  return count;
}

/** Without an end, and the same in every run of one seed. */
function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let turn = 0; ; turn++) yield* mutations(bytes, 1000, seed * 7919 + turn);
}

const timeout = 60_000 + secondsEach * 3000;

test("readElf() and all that looks into an ELF file", () => {
  const inputs = (function* () {
    const sides = [damaged(original), damaged(program), damaged(image)];
    for (;;) for (const side of sides) yield side.next().value as Uint8Array;
  })();
  const { accepted, refused } = fuzz(inputs, ["bad-elf"], (bytes) => {
    const elf = readElf(bytes);
    for (const section of elf.sections) if (section.name === ".eh_frame" && elf.type === "relocatable") readEhFrame(section);
    symbolAt(elf, elf.entry);
    moduleKind(elf);
    startupFunctions(elf);
    const links = readLinks(elf);
    for (const { value } of elf.dynamicSymbols.slice(0, 50)) slotAt(elf, links, value);
    readProgramSymbols(elf, { from: "", files: [], units: [], functionCount: 0, functions: [], inlined: [] });
  });
  expect(Math.min(accepted, refused)).toBeGreaterThan(0);
}, timeout);

test("the Creator's comparison, of an object that is damaged with one that is not", () => {
  const good = readObjectCode("unit.c", original);
  const { accepted, refused } = fuzz(damaged(patched), ["bad-elf", "not-patchable"], (bytes) => {
    const bad = readObjectCode("unit.c", bytes);
    compareObjects(good, bad, correlateObjects(good, bad));
  });
  expect(Math.min(accepted, refused)).toBeGreaterThan(0);
}, timeout);

test("parseDiff(): texts that are nearly diffs", () => {
  const text = shopDiff();
  const { accepted, refused } = fuzz(damagedTexts(text), ["diff-does-not-apply"], (changed) => {
    for (const { candidates, destination } of parseDiff({ name: "fix", text: changed })) {
      for (const path of [...candidates, ...(destination === undefined ? [] : [destination])]) expect(path).not.toMatch(/^\/|(^|\/)\.\.(\/|$)|[\0\n]/);
    }
  });
  expect(Math.min(accepted, refused)).toBeGreaterThan(0);
}, timeout);

test("decodeImage(): no image of which a bit is another is taken", () => {
  const whole = Buffer.from(image);
  const { refused } = fuzz(damaged(image), ["bad-image", "unsupported-image-version"], (bytes) => {
    decodeImage(bytes);
    // Some damage writes what was there.
    if (!whole.equals(bytes)) throw new Error("A damaged image was taken for a good one");
  });
  expect(refused).toBeGreaterThan(0);
}, timeout);

test("decodeImage() and the Loader's linking, of images that are wrong and whose checksum is right", () => {
  const { accepted, refused } = fuzz(damaged(image), ["bad-image", "bad-elf", "unsupported-image-version", "unreachable-memory", "unresolved-symbol"], (bytes) => {
    const { manifest, elf } = decodeImage(sealed(bytes));
    for (const object of manifest.objects) {
      const laidOut = layOutObject(manifest.name, object, elf);
      const base = address(0x5555_0000_0000n);
      const resolved = new Map(object.imports.map(({ symbol, from }) => [symbol, from === "thread" ? { is: "thread-offset" as const, offset: -8n } : { is: "address" as const, address: address(base + 0x10_0000n) }]));
      const linked = linkObject(laidOut, base, resolved);
      for (const entry of linked.entries.values()) expect(linked.code.start <= entry && entry < linked.code.end).toBe(true);
      for (const { offset, length } of linked.segments) expect(offset + length).toBeLessThanOrEqual(linked.contents.length);
    }
  });
  expect(Math.min(accepted, refused)).toBeGreaterThan(0);
}, timeout);

/** With the checksum that its contents have, where there is still a place for one. */
function sealed(bytes: Uint8Array): Uint8Array {
  try {
    return seal(bytes.slice());
  } catch (error) {
    if (error instanceof SutureError) return bytes;
    throw error;
  }
}

function shopDiff(): string {
  const [a, b] = ["a.c", "b.c"].map((name, index) => shop.write(name, source(index + 1).repeat(2)));
  const body = shop.run("sh", "-c", `diff -u ${a ?? ""} ${b ?? ""} || true`);
  return [
    "From 1 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] fix\n\n---\n a.c | 2 +-\n", `diff --git a/a.c b/a.c\nindex 1..2 100644\n${body.replace(/^--- .*\n\+\+\+ .*$/m, "--- a/a.c\n+++ b/a.c")}`,
    "diff --git \"a/q\\303\\266.c\" b/new.c\nsimilarity index 90%\nrename from \"q\\303\\266.c\"\nrename to new.c\n", "Index: x.c\n===\n--- x/x.c\t1970-01-01 00:00:00\n+++ x/x.c\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n-- \n2.39\n",
  ].join("");
}

/** Lines swapped, doubled, dropped and cut; numbers made large; bytes that no diff has. */
function* damagedTexts(text: string): Generator<string> {
  const numbers = seededNumbers(seed);
  const next = (limit: number): number => numbers.next().value % limit;
  const scraps = ["\0", "\r", "\udc80", "@@ -1 +1 @@", "--- /dev/null", "+++ ../../x.c", "--- /etc/passwd", "\"", "\\", "rename to ../x", "diff --git a/ b/", "@@ -99999999999999999999,4294967296 +0,0 @@", "Binary files a and b differ", "\u202e"];
  for (;;) {
    const lines = text.split("\n");
    for (let changes = 1 + next(5); changes > 0; changes--) {
      const at = next(lines.length);
      const line = lines[at] ?? "";
      switch (next(7)) {
        case 0: lines.splice(at, 1); break;
        case 1: lines.splice(at, 0, line); break;
        case 2: lines[at] = line.slice(0, next(line.length + 1)); break;
        case 3: lines[at] = line.replace(/\d+/, String(2 ** next(70))); break;
        case 4: lines.splice(at, 0, scraps[next(scraps.length)] ?? ""); break;
        case 5: lines[at] = `${line.slice(0, next(line.length + 1))}${scraps[next(scraps.length)] ?? ""}${line.slice(next(line.length + 1))}`; break;
        default: lines.splice(at, 0, ...lines.splice(next(lines.length), 1 + next(5)));
      }
    }
    yield next(10) === 0 ? lines.join("\n").slice(0, next(text.length)) : lines.join("\n");
  }
}
