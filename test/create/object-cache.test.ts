import { appendFileSync, chmodSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { compileObjectPairs } from "../../native/create/compile.ts";
import { openCompilers } from "../../native/create/compilers.ts";
import { openObjectCache } from "../../native/create/object-cache.ts";
import { createPreprocessor } from "../../native/create/preprocess.ts";
import { createShadowTree } from "../../native/create/source-tree.ts";
import { waitUntil } from "../support/mod.ts";
import { openSourceTree } from "./source-tree.ts";
import type { SourceTree } from "./source-tree.ts";

// Long enough to be worth keeping.
const padding = Array.from({ length: 200 }, (_, index) => `static inline int padding_${index}(void) { return ${index}; }\n`).join("");
const source = `#include "a.h"\n${padding}int answer(int a) { return a + STEP; }\nconst char *file(void) { return __FILE__; }\n`;

interface Kept extends Disposable {
  readonly tree: SourceTree;
  readonly cache: string;
  readonly compiler: string;
  record(flags: string): void;
  /** Builds the fix; gives how often the compiler made an object for it, and what came out. */
  build(cache?: string | null): Promise<{ readonly compiled: number; readonly objects: readonly string[] }>;
}

/** A tree whose compiler is a script that notes each object it makes; not what is assembled once more for a proof. */
function openKept(main = source, program = "gcc"): Kept {
  const tree = openSourceTree({ "src/a.c": main, "src/a.h": "#define STEP 1\n" });
  const [compiler, log, cache] = ["compiler", "log", "objects"].map((name) => join(tree.directory, name)) as [string, string, string];
  writeFileSync(log, "");
  writeFileSync(compiler, `#!/bin/sh\ncase " $* " in *" -### "* | *"-joined.o "*) ;; *" -c "*) echo made >> '${log}';; esac\nexec ${program} "$@"\n`);
  chmodSync(compiler, 0o755);
  const record = (flags: string): void =>
    tree.write({ "compile_commands.json": JSON.stringify([{ directory: tree.root, file: "src/a.c", arguments: [compiler, ...flags.split(" "), "-c", "src/a.c"] }]) });
  record("-O2 -g");
  return {
    tree, cache, compiler, record,
    build: async (objectCache = cache) => {
      await settle(tree);
      const before = readFileSync(log, "utf8").length;
      await using made = await compileObjectPairs({ source: tree.root, target: "none", objectCache }, [tree.diff("fix", { "src/a.c": main.replace("a + STEP", "a - STEP") })]);
      const objects = made.pairs.flatMap((pair) => [pair.original, pair.patched].map((object) => Buffer.from(object).toString("hex")));
      return { compiled: (readFileSync(log, "utf8").length - before) / "made\n".length, objects };
    },
    [Symbol.dispose]: () => tree[Symbol.dispose](),
  };
}

/** A file that has just been written could be written again in the same tick, so nothing made of it is kept. */
async function settle({ root }: SourceTree): Promise<void> {
  const last = Math.max(...readdirSync(root, { recursive: true, encoding: "utf8" }).map((file) => statSync(join(root, file)).ctimeMs));
  await waitUntil("the sources are older than a tick", () => Date.now() > last + 50);
}

test.each(["gcc", "clang"])("a second build takes both objects of %s from the cache, byte for byte what it makes without one", async (program) => {
  using kept = openKept(source, program);
  const first = await kept.build();
  expect(first.compiled).toBe(2);
  expect(await kept.build()).toEqual({ compiled: 0, objects: first.objects });
  expect(await kept.build(null)).toEqual({ compiled: 2, objects: first.objects });
});

test("another header, other flags and another compiler make new objects", async () => {
  using kept = openKept();
  await kept.build();
  kept.tree.write({ "src/a.h": "#define STEP 2\n" });
  expect(await kept.build()).toMatchObject({ compiled: 2 });
  kept.record("-O1 -g");
  expect(await kept.build()).toMatchObject({ compiled: 2 });
  appendFileSync(kept.compiler, "# a newer version\n");
  expect(await kept.build()).toMatchObject({ compiled: 2 });
  kept.record("-O1 -g -include early.h");
  kept.tree.write({ "early.h": "int early;\n" });
  expect(await kept.build()).toMatchObject({ compiled: 2 });
  kept.tree.write({ "early.h": "long early;\n" });
  expect(await kept.build()).toMatchObject({ compiled: 2 });
  expect(await kept.build()).toMatchObject({ compiled: 0 });
});

test("what is damaged is made again", async () => {
  using kept = openKept();
  const first = await kept.build();
  for (const name of readdirSync(kept.cache)) {
    const bytes = readFileSync(join(kept.cache, name));
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
    writeFileSync(join(kept.cache, name), bytes);
  }
  expect(await kept.build()).toEqual({ compiled: 2, objects: first.objects });
  for (const name of readdirSync(kept.cache)) writeFileSync(join(kept.cache, name), "");
  expect(await kept.build()).toEqual({ compiled: 2, objects: first.objects });
});

const reading = (lines: string): string => `__asm__(".section .rodata\\n${lines}\\n.text");\n`;

test("what the assembler reads by itself makes new objects, included in what it includes, too", async () => {
  using kept = openKept(`${reading(".include \\\"table.inc\\\"")}${source}`);
  kept.tree.write({ "table.inc": ".incbin \"data.bin\"\n", "data.bin": "1" });
  expect(await kept.build()).toMatchObject({ compiled: 2 });
  expect(await kept.build()).toMatchObject({ compiled: 0 });
  kept.tree.write({ "data.bin": "2" });
  expect(await kept.build()).toMatchObject({ compiled: 2 });
  kept.tree.write({ "table.inc": ".incbin \"data.bin\"\n.byte 1\n" });
  expect(await kept.build()).toMatchObject({ compiled: 2 });
  expect(await kept.build()).toMatchObject({ compiled: 0 });
});

test.each([
  ["assembly that reads a file which only the assembler can name", `${reading(".macro name file\\n.incbin \\\"\\\\file\\\"\\n.endm\\nname src/a.h")}${source}`, "-O2 -g"],
  ["a profile", source, "-O2 -g -fprofile-use -Wno-missing-profile"],
  ["a small file", "#define STEP 1\nint answer(int a) { return a + STEP; }\n", "-O2 -g"],
])("nothing is kept of %s", async (_, main, flags) => {
  using kept = openKept(main);
  kept.record(flags);
  await kept.build();
  expect(await kept.build()).toMatchObject({ compiled: 2 });
});


test("an edit while the compiler runs is not kept under the old text", async () => {
  using kept = openKept();
  await settle(kept.tree);
  await using tree = createShadowTree(kept.tree.root);
  const invocation = {
    compiler: "gcc", directory: kept.tree.root, recorded: [], spelled: "src/a.c",
    arguments: [{ kind: "input" as const, path: "src/a.c" }],
  };
  const text = await createPreprocessor(tree.shadow).read(invocation);
  const cache = openObjectCache(kept.cache, tree, openCompilers());
  const made = (object: string) => ({ object: Buffer.from(object), dependencies: "" });
  await cache.get(invocation, text, [], () => {
    kept.tree.write({ "src/a.h": "#define STEP 3\n" });
    return Promise.resolve(made("of the new text"));
  });
  kept.tree.write({ "src/a.h": "#define STEP 1\n" });
  expect(await cache.get(invocation, await createPreprocessor(tree.shadow).read(invocation), [], () => Promise.resolve(made("again")))).toEqual(made("again"));
});

test("trim() removes what was not used for longest until the rest fits", async () => {
  using kept = openKept();
  await kept.build();
  const [one = "", other = ""] = readdirSync(kept.cache).map((name) => join(kept.cache, name));
  utimesSync(one, 1, 1);
  await using tree = createShadowTree(kept.tree.root);
  const cache = openObjectCache(kept.cache, tree, openCompilers(), statSync(other).size + 1);
  const invocation = { compiler: "gcc", directory: kept.tree.root, recorded: [], spelled: "src/a.c", arguments: [{ kind: "input" as const, path: "src/a.c" }] };
  await cache.trim();
  expect(readdirSync(kept.cache)).toHaveLength(3);
  await cache.get(invocation, await createPreprocessor(tree.shadow).read(invocation), [], () => Promise.resolve({ object: new Uint8Array(), dependencies: "" }));
  utimesSync(other, 2, 2);
  await cache.trim();
  expect(readdirSync(kept.cache).map((name) => join(kept.cache, name))).not.toContain(one);
});
