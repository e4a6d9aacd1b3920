import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
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
    expect(evaluated).toContain("node_modules/commander/lib/command.js");
    expect(evaluated.filter((file) => /^native\/(?:create|patch|elf|image)\/|^recipes\/|node_modules\/(?:zx|@deno|diff)\//.test(file))).toEqual([]);
  });

  it("evaluates for a command what that command needs", async () => {
    const list = await evaluatedBy(["list", "--help"]);
    expect(list).toContain("shell/commands/list.ts");
    expect(list.filter((file) => file.startsWith("native/create/"))).toEqual([]);
    expect(await evaluatedBy(["build", "--help"])).toContain("native/create/create.ts");
  });

  it("takes programs of earlier builds away, and what was compiled of them, but for the one that somebody may just start", async () => {
    const own = basename(program);
    const [previous, older] = ["program-0123456789abcdef.js", "program-fedcba9876543210.js"];
    for (const name of [previous, older, "apply-STMHB3U3.js"]) await appendFile(join(bundle, name), "");
    for (const name of [previous, older]) await appendFile(join(bundle, `${name}.compiled`), "");
    await writeFile(join(bundle, "suture.js"), (await readFile(join(bundle, "suture.js"), "utf8")).replace(own, previous));
    const programs = async () => (await readdir(bundle)).filter((name) => /^(program|apply)-/.test(name)).sort();
    await bundleProgram(bundle);
    expect(await programs()).toEqual([previous, `${previous}.compiled`, own].sort());
    await bundleProgram(bundle);
    expect(await programs()).toEqual([own]);
  });
});

describe("compileAhead()", () => {
  it("keeps what V8 compiled of the program, and V8 takes it", async () => {
    await compileAhead(program);
    const { size } = await stat(compiledFileOf(program));
    expect(size).toBeGreaterThan(500_000);
    expect(await isTaken()).toBe("taken");
    expect(await run(["--version"])).toBe("0.1.0\n");
  });

  it("leaves nothing else beside the program", async () => {
    expect((await readdir(bundle)).filter((name) => name.startsWith("keep-"))).toEqual([]);
  });

  it("is not needed: the program runs when what was compiled is damaged, and when it is of another program", async () => {
    const compiled = await readFile(compiledFileOf(program));
    compiled.fill(0xff, compiled.length >> 1, (compiled.length >> 1) + 4096);
    await writeFile(compiledFileOf(program), compiled);
    expect(await isTaken()).toBe("not given to V8");
    expect(await run(["--version"])).toBe("0.1.0\n");
    await truncate(compiledFileOf(program), 1000);
    expect(await isTaken()).toBe("not given to V8");
    expect(await run(["--version"])).toBe("0.1.0\n");
    await truncate(compiledFileOf(program), 0);
    expect(await run(["--version"])).toBe("0.1.0\n");
    await rm(compiledFileOf(program));
    expect(await run(["--version"])).toBe("0.1.0\n");
  });
});

/** By the words of V8 itself, in a process that has the flags of the program; "undefined": it was not given to V8. */
async function isTaken(): Promise<string> {
  const ask = `
    import { openProgram } from ${JSON.stringify(fileURLToPath(new URL("../../shell/compiled-program.ts", import.meta.url)))};
    console.log(String(openProgram(${JSON.stringify(program)}).script.cachedDataRejected));
  `;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", ask], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  await once(child, "close");
  return { false: "taken", true: "refused by V8", undefined: "not given to V8" }[out.trim()] ?? `failed: ${out}`;
}
