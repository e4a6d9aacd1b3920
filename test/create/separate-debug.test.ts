// Programs that were stripped: their debug information lies in a file of its own, found in every way that debuggers know.
// Wherever it is found, a patch is built with it, applied and reverted; what cannot be used is refused by name.

import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readElf } from "../../native/elf/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import { freePort, lifted, waitUntil } from "../support/mod.ts";
import { answersAround, asking, buildTree, patchTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { SourceTree } from "./source-tree.ts";

const unit = "static int calls;\nint answer(int n) {\n  calls += n * n;\n  return calls + 10;\n}\n";
const expected = [["11"], ["22"], ["13"]];

let tracer: Tracer;
let tree: SourceTree;
/** Not stripped; tests work on copies. */
let whole: string;
beforeAll(async () => {
  tracer = await Tracer.start();
  tree = openSourceTree({ "main.c": asking, "unit.c": unit });
  whole = await buildTree(tree, [{ file: "main.c" }, { file: "unit.c" }]);
});
afterAll(async () => {
  tree[Symbol.dispose]();
  await tracer[Symbol.asyncDispose]();
});

interface Stripped extends Disposable {
  readonly program: string;
  /** Not where anybody would look for it. */
  readonly debugFile: string;
  readonly buildId: string;
}

/** A stripped copy of the program in a directory of its own, and its debug file elsewhere. */
function strip(...objcopyOptions: readonly string[]): Stripped {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "suture-debug-")));
  const program = join(directory, "bin", "program");
  const debugFile = join(directory, "elsewhere", "program.debug");
  for (const path of [program, debugFile]) mkdirSync(dirname(path));
  execFileSync("objcopy", ["--only-keep-debug", ...objcopyOptions, whole, debugFile]);
  execFileSync("objcopy", ["--strip-all", whole, program]);
  return { program, debugFile, buildId: readElf(readFileSync(program)).buildId ?? "", [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

const fix = () => tree.diff("fix", { "unit.c": unit.replace("+ 10", "+ 20") });

async function answers(program: string, options: { readonly debugFile?: string } = {}, helper: Tracer = tracer) {
  const { image } = await patchTree(helper, { tree, program, options }, [fix()]);
  return answersAround(tracer, program, image);
}

const refusalOf = (program: string, options: { readonly debugFile?: string } = {}): Promise<unknown> =>
  patchTree(tracer, { tree, program, options }, [fix()]).then(() => "not refused", (error: unknown) => error);

const buildIdPath = (root: string, id: string): string => join(root, ".build-id", id.slice(0, 2), `${id.slice(2)}.debug`);

describe("a stripped program's debug information is found", () => {
  test("in the file that is named", async () => {
    using stripped = strip();
    expect(await refusalOf(stripped.program)).toMatchObject({ kind: "no-debug-information" });
    expect(await answers(stripped.program, { debugFile: stripped.debugFile })).toEqual(expected);
  });

  test(lifted("X25", "a stripped program, started as ever, whose debug information is a file of its own"), async () => {
    using stripped = strip();
    const path = buildIdPath("/usr/lib/debug", stripped.buildId);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(stripped.debugFile, path);
    try {
      expect(await answers(stripped.program)).toEqual(expected);
    } finally {
      rmSync(path);
    }
  });

  test.each(["", ".debug"])("by debug link, beside the program, in %j", async (folder) => {
    using stripped = strip();
    const beside = join(dirname(stripped.program), folder, "program.debug");
    mkdirSync(dirname(beside), { recursive: true });
    copyFileSync(stripped.debugFile, beside);
    execFileSync("objcopy", [`--add-gnu-debuglink=${beside}`, stripped.program]);
    expect(await answers(stripped.program)).toEqual(expected);
  });

  test.each([["SHF_COMPRESSED", "zlib-gabi"], [".zdebug sections", "zlib-gnu"]])("compressed: %s", async (_, way) => {
    using stripped = strip(`--compress-debug-sections=${way}`);
    expect(await answers(stripped.program, { debugFile: stripped.debugFile })).toEqual(expected);
  });

  test("with a part that it shares with others (dwz), and is refused without it", async () => {
    using stripped = strip();
    const folder = dirname(stripped.debugFile);
    const second = join(folder, "second.debug");
    copyFileSync(stripped.debugFile, second);
    const shared = join(folder, "shared.debug");
    execFileSync("dwz", ["-m", shared, "-M", shared, stripped.debugFile, second]);
    expect(existsSync(shared)).toBe(true);
    expect(await answers(stripped.program, { debugFile: stripped.debugFile })).toEqual(expected);
    rmSync(shared);
    expect(await refusalOf(stripped.program, { debugFile: stripped.debugFile }))
      .toMatchObject({ kind: "no-debug-information", message: expect.stringContaining(`it shares parts with ${shared} (dwz), which is not there`) });
  });

  test("on a debuginfod server, where DEBUGINFOD_URLS says so", async () => {
    using stripped = strip();
    const folder = dirname(stripped.debugFile);
    const port = await freePort();
    const server = spawn("debuginfod", ["-F", "-p", String(port), "-d", join(folder, "index.sqlite"), "-t0", "-g0", "-R", folder], { stdio: "ignore", env: { ...process.env, DEBUGINFOD_URLS: "" } });
    try {
      const url = `http://127.0.0.1:${port}`;
      await waitUntil("the server has read its folder", async () => (await fetch(`${url}/buildid/${stripped.buildId}/debuginfo`).catch(() => undefined))?.ok === true, { timeout: 50_000, every: 50 });
      await withEnvironment({ DEBUGINFOD_URLS: url, DEBUGINFOD_CACHE_PATH: join(folder, "cache") }, async () => {
        await using helper = await Tracer.start();
        expect(await answers(stripped.program, {}, helper)).toEqual(expected);
      });
    } finally {
      server.kill("SIGKILL");
    }
  }, 60_000);
});

async function withEnvironment(more: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> {
  const before = { ...process.env };
  Object.assign(process.env, more);
  try {
    await work();
  } finally {
    for (const name of Object.keys(more)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}

test("no server is asked for debug information unless DEBUGINFOD_URLS names one", async () => {
  using stripped = strip();
  const asked: string[] = [];
  const server = createServer((request, response) => { asked.push(request.url ?? ""); response.writeHead(404).end(); });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const urls = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    expect(process.env["DEBUGINFOD_URLS"] ?? "").toBe("");
    expect(await refusalOf(stripped.program)).toMatchObject({ kind: "no-debug-information" });
    expect(asked).toEqual([]);
    // The same with the variable set shows that a question would have been seen.
    await withEnvironment({ DEBUGINFOD_URLS: urls, DEBUGINFOD_CACHE_PATH: join(dirname(stripped.debugFile), "cache") }, async () => {
      await using helper = await Tracer.start();
      await expect(patchTree(helper, { tree, program: stripped.program }, [fix()])).rejects.toMatchObject({ kind: "no-debug-information" });
    });
    expect(asked[0]).toContain(stripped.buildId);
  } finally {
    server.close();
  }
});

describe("a debug file is refused", () => {
  test("that is of another build, with both build-ids", async () => {
    using stripped = strip();
    const other = join(dirname(stripped.debugFile), "other");
    writeFileSync(`${other}.c`, "int main(void) { return 0; }\n");
    execFileSync("gcc", ["-g", "-Wl,--build-id", "-o", other, `${other}.c`]);
    const { buildId: id } = readElf(readFileSync(other));
    expect(await refusalOf(stripped.program, { debugFile: other })).toMatchObject({
      kind: "build-id-mismatch", message: `Cannot read the debug information of ${stripped.program}: it has build-id ${stripped.buildId}, and ${other} is of build-id ${id ?? ""}`,
    });
  });

  test("that a debug link names, and that was made from another build", async () => {
    using stripped = strip();
    const beside = join(dirname(stripped.program), "program.debug");
    copyFileSync(stripped.debugFile, beside);
    execFileSync("objcopy", [`--add-gnu-debuglink=${beside}`, stripped.program]);
    writeFileSync(`${beside}.c`, "int main(void) { return 0; }\n");
    execFileSync("gcc", ["-g", "-Wl,--build-id", "-o", beside, `${beside}.c`]);
    expect(await refusalOf(stripped.program)).toMatchObject({ kind: "no-debug-information" });
  });

  test("that is not there or no ELF file", async () => {
    using stripped = strip();
    expect(await refusalOf(stripped.program, { debugFile: "/nonexistent" })).toMatchObject({ kind: "file-not-found" });
    writeFileSync(stripped.debugFile, "nothing");
    expect(await refusalOf(stripped.program, { debugFile: stripped.debugFile })).toMatchObject({ kind: "bad-elf" });
  });

  test("that is compressed by zstd, which this libdw does not know, with what to do about it", async () => {
    using stripped = strip("--compress-debug-sections=zstd");
    expect(await refusalOf(stripped.program, { debugFile: stripped.debugFile })).toMatchObject({
      kind: "no-debug-information", message: expect.stringContaining(`${stripped.debugFile} has none that can be read: it is compressed in a way (type 2) that this libdw does not know; decompress it with objcopy --decompress-debug-sections`),
    });
    execFileSync("objcopy", ["--decompress-debug-sections", stripped.debugFile]);
    expect(await answers(stripped.program, { debugFile: stripped.debugFile })).toEqual(expected);
  });

  test("that is the program itself, compressed by zstd", async () => {
    using stripped = strip();
    execFileSync("objcopy", ["--compress-debug-sections=zstd", whole, stripped.program]);
    expect(await refusalOf(stripped.program)).toMatchObject({ kind: "no-debug-information", message: expect.stringContaining("decompress it with objcopy --decompress-debug-sections") });
  });

  test("that has names of functions only (.gnu_debugdata)", async () => {
    using stripped = strip();
    const mini = join(dirname(stripped.debugFile), "mini");
    execFileSync("objcopy", ["--strip-debug", "--remove-section=.comment", whole, mini]);
    execFileSync("xz", ["-k", mini]);
    execFileSync("objcopy", [`--add-section=.gnu_debugdata=${mini}.xz`, stripped.program]);
    expect(await refusalOf(stripped.program)).toMatchObject({
      kind: "no-debug-information", message: expect.stringContaining(`${basename(stripped.program)}: the file has none but .gnu_debugdata, which holds names of functions only`),
    });
  });
});
