import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkLayers } from "../../scripts/layers/mod.ts";

/** What is wrong with a checkout of these files. */
async function violationsIn(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const root = await mkdtemp(join(tmpdir(), "suture-layers-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    return (await checkLayers(root)).violations;
  } finally {
    await rm(root, { recursive: true });
  }
}

describe("checkLayers()", () => {
  it("finds nothing wrong in this checkout's picture", async () => {
    expect(await violationsIn({
      "native/address.ts": "",
      "native/errors.ts": "",
      "native/tracer.ts": 'import "./errors.ts"; import "./tracer/connection.ts";',
      "native/tracer/connection.ts": 'import "../errors.ts";',
      "native/elf/mod.ts": 'import "./read.ts"; import { createHash } from "node:crypto";',
      "native/elf/read.ts": 'import "../address.ts";',
      "native/image/mod.ts": 'import "../elf/mod.ts";',
      "native/target/mod.ts": 'import "../elf/mod.ts"; import "../tracer.ts"; import "node:fs";',
      "native/patchability/mod.ts": 'import "../elf/mod.ts"; import "../target/mod.ts";',
      "native/create/mod.ts": 'import "../elf/mod.ts"; import "../image/mod.ts"; import "../patchability/mod.ts";',
      "native/patch/mod.ts": 'import "../elf/mod.ts"; import "../image/mod.ts"; import "../target/mod.ts"; import "../tracer.ts";',
      "native/mod.ts": 'export * from "./create/mod.ts"; export * from "./patch/mod.ts"; export type * from "./tracer.ts";',
      "recipes/mod.ts": 'import "../native/mod.ts";',
      "shell/session.ts": 'import "../native/mod.ts";',
      "shell/formats/mod.ts": 'import type { Session } from "../session.ts";',
      "shell/commands/table.ts": 'import "../session.ts"; import "../../recipes/mod.ts";',
      "shell/ui/shell.ts": 'import "../commands/table.ts"; import "../formats/mod.ts";',
      "shell/main.ts": 'import "./commands/table.ts"; void import("./ui/shell.ts"); import version from "../package.json" with { type: "json" };',
      "lsp/mod.ts": 'import "../native/mod.ts"; import "../recipes/mod.ts";',
      "scripts/demo.ts": 'import "../native/elf/read.ts"; import "../test/support/gdb.ts";',
      "test/support/gdb.ts": 'import "../../native/tracer/connection.ts";',
    })).toEqual([]);
  });

  const violations: readonly (readonly [what: string, file: string, text: string, expected: string])[] = [
    ["elf reaching for image", "native/elf/read.ts", 'import "../image/mod.ts";', "native/image/mod.ts: native/elf may import"],
    ["image reaching for target", "native/image/read.ts", 'import "../target/mod.ts";', "native/target/mod.ts: native/image may import"],
    ["target reaching for patch", "native/target/maps.ts", 'import "../patch/mod.ts";', "native/patch/mod.ts: native/target may import"],
    ["create reaching for a process", "native/create/proof.ts", 'import "../target/mod.ts";', "native/target/mod.ts: native/create may import"],
    ["create reaching for patch", "native/create/proof.ts", 'import "../patch/mod.ts";', "native/patch/mod.ts: native/create may import"],
    ["patch reaching for create", "native/patch/link.ts", 'import "../create/mod.ts";', "native/create/mod.ts: native/patch may import"],
    ["patchability reaching for create", "native/patchability/jumps.ts", 'import "../create/mod.ts";', "native/create/mod.ts: native/patchability may import"],
    ["a leaf reaching for a room", "native/errors.ts", 'import "./elf/mod.ts";', "native/elf/mod.ts: native/errors.ts may import"],
    ["the helper's side reaching for a room", "native/tracer/frames.ts", 'import "../elf/mod.ts";', "native/elf/mod.ts: native/tracer may import"],
    ["a room reaching past the tracer's client", "native/patch/stage.ts", 'import "../tracer/connection.ts";', "native/tracer/connection.ts: native/patch may import"],
    ["a room reaching for the door above it", "native/elf/read.ts", 'import "../mod.ts";', "native/mod.ts: native/elf may import"],
    ["a room entered through the window", "native/image/read.ts", 'import "../elf/read.ts";', "native/elf/read.ts: native/elf is entered through native/elf/mod.ts"],
    ["the door of the engine entering through a window", "native/mod.ts", 'export * from "./elf/read.ts";', "native/elf/read.ts: native/elf is entered through native/elf/mod.ts"],
    ["Node in a pure room", "native/elf/read.ts", 'import "node:fs";', "node:fs: native/elf is pure"],
    ["recipes reaching behind the engine's door", "recipes/redis.ts", 'import "../native/patch/mod.ts";', "native/patch/mod.ts: recipes may import native/mod.ts"],
    ["recipes reaching for the shell", "recipes/redis.ts", 'import "../shell/session.ts";', "shell/session.ts: recipes may import native/mod.ts"],
    ["the shell reaching behind the engine's door", "shell/session.ts", 'import "../native/errors.ts";', "native/errors.ts: shell may import"],
    ["the shell entering recipes through the window", "shell/session.ts", 'import "../recipes/load.ts";', "recipes/load.ts: recipes is entered through recipes/mod.ts"],
    ["the session reaching for commands", "shell/session.ts", 'import "./commands/list.ts";', "shell/commands/list.ts: shell may import"],
    ["commands reaching for the interface", "shell/commands/list.ts", 'import "../ui/shell.ts";', "shell/ui/shell.ts: shell/commands may import"],
    ["formats using the session", "shell/formats/list.ts", 'import { Session } from "../session.ts";', "shell/session.ts: shell/formats may import types of the session only"],
    ["lsp seeing the shell", "lsp/server.ts", 'import type { Session } from "../shell/session.ts";', "shell/session.ts: lsp may import native/mod.ts, recipes"],
    ["lsp reaching behind the engine's door", "lsp/server.ts", 'import "../native/elf/mod.ts";', "native/elf/mod.ts: lsp may import"],
    ["the program importing a script", "shell/main.ts", 'import "../scripts/build.ts";', "scripts/build.ts: the program does not import its scripts and tests"],
    ["the program importing a test's support", "native/elf/read.ts", 'import "../../test/support/mod.ts";', "test/support/mod.ts: the program does not import its scripts and tests"],
    ["a room without rules", "native/cellar/mod.ts", 'import "../address.ts";', "native/address.ts: the importing file lies in no room"],
  ];
  for (const [what, file, text, expected] of violations) {
    it(`reports ${what}`, async () => {
      expect(await violationsIn({ [file]: `\n${text}\n` })).toEqual([expect.stringContaining(`${file}:2 imports ${expected}`)]);
    });
  }

  it("reports dynamic imports, import types and re-exports like any other", async () => {
    const found = await violationsIn({ "native/elf/read.ts": 'export * from "../mod.ts";\ntype A = import("../mod.ts").A;\nvoid import("../mod.ts");\n' });
    expect(found.map((line) => line.split(" ")[0])).toEqual(["native/elf/read.ts:1", "native/elf/read.ts:2", "native/elf/read.ts:3"]);
  });

  it("reports a cycle of files once, with its way round", async () => {
    const found = await violationsIn({
      "native/elf/a.ts": 'import "./b.ts";',
      "native/elf/b.ts": 'import type { C } from "./c.ts";',
      "native/elf/c.ts": 'import "./a.ts";',
      "native/elf/d.ts": 'import "./a.ts";',
    });
    expect(found).toEqual(["native/elf/a.ts:1 imports native/elf/b.ts: import cycle native/elf/a.ts -> native/elf/b.ts -> native/elf/c.ts -> native/elf/a.ts"]);
  });

  it("reports cycles between tests as well", async () => {
    const found = await violationsIn({ "test/a.ts": 'import "./b.ts";', "test/b.ts": 'import "./a.ts";' });
    expect(found).toEqual(["test/a.ts:1 imports test/b.ts: import cycle test/a.ts -> test/b.ts -> test/a.ts"]);
  });
});
