// A build on a disk of every size, from one page on until there is enough room: refused as what it is, and nothing is left.

import { execFile } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

import { createPatchImage, createReplacementImage } from "../../native/create/mod.ts";
import type { CreatedPatch } from "../../native/create/mod.ts";
import { SutureError } from "../../native/errors.ts";
import { Tracer } from "../../native/tracer.ts";
import { openWorkshop } from "./workshop.ts";
import type { Workshop } from "./workshop.ts";

const run = promisify(execFile);
const original = `#include <stdio.h>\n\n__attribute__((noinline)) int answer(int n) {\n  return n * 200001;\n}\n\nint main(void) {\n  return printf("%d\\n", answer(3));\n}\n`;
// A line away from where it fits: patch(1) has to find it.
const fix = "--- a/unit.c\n+++ b/unit.c\n@@ -4,3 +4,3 @@\n __attribute__((noinline)) int answer(int n) {\n-  return n * 200001;\n+  return n * 300001;\n }\n";

let tracer: Tracer;
let workshop: Workshop;
beforeAll(async () => {
  tracer = await Tracer.start();
  workshop = await openWorkshop(tracer, { original: { "unit.c": original }, patched: {} });
  await writeFile(join(workshop.directory, "compile_commands.json"), JSON.stringify([{ directory: workshop.directory, file: "unit.c", arguments: ["gcc", "-g", "-O2", "-c", "unit.c", "-o", "unit.o"] }]));
  await writeFile(join(workshop.directory, "fix.c"), "int better(int n) {\n  return n * 3;\n}\n");
});
afterAll(async () => {
  await workshop[Symbol.asyncDispose]();
  await tracer[Symbol.asyncDispose]();
});

const places = (): { source: string; target: string } => ({ source: workshop.directory, target: workshop.path });
interface Build {
  readonly name: string;
  readonly noticedBy: readonly string[];
  build(): Promise<CreatedPatch>;
}
const builds: readonly Build[] = [
  { name: "from a diff", noticedBy: ["patch", "gcc"], build: () => createPatchImage(tracer, [{ name: "fix", text: fix }], { ...places(), objectCache: null }) },
  { name: "from functions written by hand", noticedBy: ["gcc"], build: () => createReplacementImage(tracer, [join(workshop.directory, "fix.c")], { ...places(), replacements: [{ old: "answer", by: "better" }] }) },
];

test.for(builds)("a build $name on a disk without room says so, whoever notices it, and leaves nothing there", async ({ build, noticedBy }, context) => {
  const full = join(workshop.directory, "full");
  await mkdir(full);
  const { TMPDIR } = process.env;
  const noticed: string[] = [];
  try {
    for (let kilobytes = 4; ; kilobytes += kilobytes < 64 ? 4 : 16) {
      const mounted = await run("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", full]).then(() => true, () => false);
      if (!mounted) context.skip("mounting a file system is not permitted here");
      try {
        process.env["TMPDIR"] = full;
        const end = await build().catch((error: unknown) => error);
        expect(await readdir(full)).toEqual([]);
        if (!(end instanceof Error)) break;
        expect(end).toBeInstanceOf(SutureError);
        expect(end).toMatchObject({ kind: "cannot-write", message: expect.stringContaining(`Cannot build in ${full}: its disk is full (`) });
        noticed.push(/\((\S+)/.exec(end.message)?.[1] ?? "");
      } finally {
        await run("umount", [full]);
      }
    }
  } finally {
    if (TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = TMPDIR;
    await rm(full, { recursive: true });
  }
  expect(noticed).toEqual(expect.arrayContaining([...noticedBy]));
});
