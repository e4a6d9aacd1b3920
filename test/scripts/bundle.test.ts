import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleProgram } from "../../scripts/bundle.ts";
import { compileAhead } from "../../scripts/compile-ahead.ts";
import { compiledFileOf } from "../../shell/compiled-program.ts";

let bundle: string;
let program: string;

beforeAll(async () => {
  bundle = await mkdtemp(fileURLToPath(new URL("../../node_modules/.bundle-", import.meta.url)));
  program = await bundleProgram(bundle);
});
afterAll(() => rm(bundle, { recursive: true }));

async function run(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const child = spawn(process.execPath, [join(bundle, "suture.js"), ...words], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...environment } });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  await once(child, "close");
  return out;
}

interface Coverage {
  readonly result: readonly { readonly url: string; readonly functions: readonly { readonly functionName: string; readonly ranges: readonly { readonly count: number }[] }[] }[];
}

/** The source files that are evaluated only when somebody asks for them, and that a run asked for; by V8's own count. */
async function evaluatedBy(words: readonly string[]): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), "suture-coverage-"));
  try {
    await run(words, { NODE_V8_COVERAGE: directory });
    const [name = ""] = await readdir(directory);
    const { result } = JSON.parse(await readFile(join(directory, name), "utf8")) as Coverage;
    const functions = result.filter(({ url }) => url.endsWith(program)).flatMap((file) => file.functions);
    return functions.filter(({ functionName, ranges }) => functionName.includes("/") && (ranges[0]?.count ?? 0) > 0).map(({ functionName }) => functionName);
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe("bundleProgram()", () => {
  it("leaves the engine, recipes and what they need out of what every run evaluates", async () => {
    const evaluated = await evaluatedBy(["--version"]);
    expect(evaluated.filter((file) => /^native\/(?:create|patch|elf|image)\/|^recipes\/|node_modules\/(?:zx|@deno|diff)\//.test(file))).toEqual([]);
  });

  it("evaluates for a command what that command needs", async () => {
    const list = await evaluatedBy(["list", "--help"]);
    expect(list).toContain("shell/commands/list.ts");
    expect(list.filter((file) => file.startsWith("native/create/"))).toEqual([]);
    expect(await evaluatedBy(["build", "--help"])).toContain("native/create/create.ts");
  });

  it("takes the program of an earlier build away, and what was compiled of it", async () => {
    await appendFile(join(bundle, "program-0123456789abcdef.js"), "");
    await appendFile(join(bundle, "program-0123456789abcdef.js.compiled"), "");
    await bundleProgram(bundle);
    expect((await readdir(bundle)).filter((name) => name.startsWith("program-"))).toEqual([program.slice(bundle.length + 1)]);
  });
});

describe("compileAhead()", () => {
  it("keeps what V8 compiled of the program, and V8 takes it", async () => {
    await compileAhead(program);
    const { size } = await stat(compiledFileOf(program));
    expect(size).toBeGreaterThan(500_000);
    expect(await isTaken()).toBe(true);
    expect(await run(["--version"])).toBe("0.1.0\n");
  });

  it("leaves nothing else beside the program", async () => {
    expect((await readdir(bundle)).filter((name) => name.startsWith("keep-"))).toEqual([]);
  });

  it("is not needed: the program runs when what was compiled is damaged, and when it is of another program", async () => {
    await truncate(compiledFileOf(program), 1000);
    expect(await isTaken()).toBe(false);
    expect(await run(["--version"])).toBe("0.1.0\n");
    await truncate(compiledFileOf(program), 0);
    expect(await run(["--version"])).toBe("0.1.0\n");
    await rm(compiledFileOf(program));
    expect(await run(["--version"])).toBe("0.1.0\n");
  });
});

/** By the words of V8 itself, in a process that has the flags of the program. */
async function isTaken(): Promise<boolean> {
  const ask = `
    import { openProgram } from ${JSON.stringify(fileURLToPath(new URL("../../shell/compiled-program.ts", import.meta.url)))};
    console.log(openProgram(${JSON.stringify(program)}).script.cachedDataRejected);
  `;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", ask], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  await once(child, "close");
  return out.trim() === "false";
}
