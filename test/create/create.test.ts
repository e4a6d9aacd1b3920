import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createPatchImage } from "../../native/create/mod.ts";
import type { CreatedPatch, CreateProgress } from "../../native/create/mod.ts";
import { decodeImage } from "../../native/image/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { openWorkshop } from "./workshop.ts";
import type { Workshop } from "./workshop.ts";

let tracer: Tracer;
let workshop: Workshop;
beforeAll(async () => {
  tracer = await Tracer.start();
  workshop = await openWorkshop(tracer, { original: { "unit.c": unit, "main.c": main, "unused.c": unused }, patched: {} });
  const commands = ["unit.c", "main.c", "unused.c"].map((file) => ({ directory: workshop.directory, file, arguments: ["gcc", "-g", "-O2", "-c", file, "-o", `${file}.o`] }));
  await writeFile(join(workshop.directory, "compile_commands.json"), JSON.stringify([...commands, { ...commands[2], file: "elsewhere.c", arguments: ["gcc", "-g", "-c", "elsewhere.c", "-o", "elsewhere.o"] }]));
  await writeFile(join(workshop.directory, "elsewhere.c"), "int elsewhere(void) {\n  return 1;\n}\n");
});
afterAll(async () => {
  await workshop[Symbol.asyncDispose]();
  await tracer[Symbol.asyncDispose]();
});

const unit = `#include <stdio.h>
#include <assert.h>

static int calls;

int answer(int n) {
  calls++;
  return n * 2;
}

int checked(int n) {
  assert(n < 1000);
  return answer(n) + calls;
}
`;
const main = "int checked(int);\nint main(int argc, char **argv) {\n  (void)argv;\n  return checked(argc);\n}\n";
const unused = "int unused(void) {\n  return 1;\n}\n";

const diffOf = (file: string, hunk: string): string => `--- a/${file}\n+++ b/${file}\n${hunk}`;
const fix = diffOf("unit.c", `@@ -4,6 +4,9 @@
 static int calls;
 
 int answer(int n) {
+  if (n < 0) {
+    return 0;
+  }
   calls++;
   return n * 2;
 }
`);

const create = (text: string, progress?: CreateProgress[]): Promise<CreatedPatch> =>
  createPatchImage(tracer, [{ name: "fix", text }], {
    source: workshop.directory, target: workshop.path, jobs: 1, ...(progress === undefined ? {} : { onProgress: (each) => progress.push(each) }),
  });

describe("createPatchImage()", () => {
  test("builds a patch from a diff, unmoved by the line numbers after it", async () => {
    const progress: CreateProgress[] = [];
    const { manifest, image } = await create(fix, progress);
    expect(manifest).toMatchObject({ name: "fix", diffs: [{ name: "fix", text: fix }], objects: [{ module: { name: "program", kind: "program" } }] });
    const [object] = manifest.objects;
    // checked() holds an inlined copy of answer(), so it differs too; its assertion's line number does not count.
    expect(object?.functions.map(({ name }) => name).sort()).toEqual(["answer", "checked"]);
    expect(object?.proof).toMatchObject({ units: 1, functions: 2 });
    expect(decodeImage(image).manifest).toEqual(manifest);
    expect(progress.map(({ step }) => step)).toEqual(expect.arrayContaining(["units", "compiled", "proved", "compared", "assembled"]));
  });

  test("makes the same image from the same input", async () => {
    expect(Buffer.compare((await create(fix)).image, (await create(fix)).image)).toBe(0);
  });

  test("has nothing to patch where only a comment changes", async () => {
    const comment = diffOf("unit.c", "@@ -4,3 +4,4 @@\n static int calls;\n \n+/* Doubles. */\n int answer(int n) {\n");
    await expect(create(comment)).rejects.toMatchObject({ kind: "nothing-to-patch", message: "Cannot build a patch for program: the diff changes no object code in unit.c" });
  });

  test("has nothing to patch where the diff touches only what is not part of the program", async () => {
    const elsewhere = diffOf("elsewhere.c", "@@ -1,3 +1,3 @@\n int elsewhere(void) {\n-  return 1;\n+  return 2;\n }\n");
    await expect(create(elsewhere)).rejects.toMatchObject({ kind: "nothing-to-patch", message: expect.stringContaining("none of what the diff touches is part of it (elsewhere.c)") });
  });

  test("refuses a source that is not the program's, and names function and unit", async () => {
    const directory = await mkdtemp(join(tmpdir(), "suture-other-"));
    try {
      const original = await readFile(join(workshop.directory, "unit.c"), "utf8");
      await writeFile(join(workshop.directory, "unit.c"), original.replace("n * 2", "n * 3"));
      const refusal = await create(fix.replace("n * 2", "n * 3")).catch((error: unknown) => error);
      await writeFile(join(workshop.directory, "unit.c"), original);
      expect(refusal).toMatchObject({ kind: "source-mismatch", data: { unit: "unit.c", function: "answer" } });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
