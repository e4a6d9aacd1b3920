import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPatch } from "../shell/patched-program.ts";
import { runSuture } from "../shell/run-suture.ts";
import { startTarget } from "../support/mod.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "suture-recipes-"));
});
afterAll(async () => rm(directory, { recursive: true }));

/** Writes a recipe whose work is `body`, and returns its path. */
async function recipe(name: string, body: string): Promise<string> {
  return file(`${name}.ts`, `
import { $, Deno, defineRecipe, SutureError } from "suture";
export default defineRecipe({
  name: "${name}",
  description: "tries something",
  parameters: { count: { type: "number", description: "how many", default: 2 }, pid: { type: "pid", description: "who", default: 1 } },
  async run({ parameters, log, check, suture, signal }) {
${body}
  },
});
`);
}

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

const jsonOf = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

describe("suture run", () => {
  it("gives a recipe typed parameters, a log, checks, Deno and $, and prints what it returns", async () => {
    const path = await recipe("all-of-it", `
      interface Seen { readonly count: number }
      const seen: Seen = { count: parameters.count + 1 };
      log((await $\`echo from a shell\`).stdout.trim());
      log(await Deno.readTextFile("/proc/self/comm").then((text) => text.trim()));
      await check("three", () => seen.count === 3);
      return { ...seen };`);
    const { exitCode, out, error } = await runSuture(["run", path]);
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: "" });
    expect(out).toMatch(/^from a shell\nnode\nok: three\nDone: all-of-it, 1 check passed, \d+\.\d s\n$/);

    const json = await runSuture(["run", path, "--count", "2", "--json"]);
    expect(jsonOf(json.out)).toMatchObject({
      result: "done", recipe: { name: "all-of-it", path }, checks: [{ name: "three", passed: true }], log: ["from a shell", "node"], value: { count: 3 },
    });
    expect(json.error).toBe("from a shell\nnode\nok: three\n");
  });

  it("keeps the JSON document whole when a recipe writes to the console", async () => {
    const path = await recipe("talks", `console.log("in between");`);
    const { out, error } = await runSuture(["run", path, "--json"]);
    expect(jsonOf(out)).toMatchObject({ value: null });
    expect(error).toBe("in between\n");
  });

  it("fails with the recipe's own words and the line where it gave up", async () => {
    const path = await recipe("gives-up", `    throw new Error("no server");`);
    const { exitCode, error } = await runSuture(["run", path]);
    expect({ exitCode, error }).toEqual({ exitCode: 8, error: "error: Cannot finish recipe gives-up (gives-up.ts:8): no server\n" });
  });

  it("fails with the checks made so far", async () => {
    const path = await recipe("checks", `    await check("first", () => true);\n    await check("second", async () => false);`);
    const { exitCode, out } = await runSuture(["run", path, "--json"]);
    expect(exitCode).toBe(8);
    expect(jsonOf(out)).toEqual({
      error: {
        kind: "recipe-failed", message: "Cannot finish recipe checks (checks.ts:9): check failed: second", recipe: "checks", path, location: "checks.ts:9",
        checks: [{ name: "first", passed: true }, { name: "second", passed: false }], log: [],
      },
    });
  });

  it("keeps the kind of a refusal of the engine as the cause", async () => {
    const path = await recipe("refused", `    await suture.apply("/nonexistent.suture", { pid: parameters.pid });`);
    const { exitCode, out } = await runSuture(["run", path, "--json"]);
    expect(exitCode).toBe(8);
    expect(jsonOf(out)).toMatchObject({ error: { kind: "recipe-failed", location: "refused.ts:8", cause: { kind: "file-not-found" } } });
  });

  it("finds its line when the refusal comes from the helper", async () => {
    const path = await recipe("asks-helper", `    await suture.threads(4194304);`);
    const { error } = await runSuture(["run", path]);
    expect(error).toMatch(/^error: Cannot finish recipe asks-helper \(asks-helper\.ts:8\): Cannot [^\n]*no such process[^\n]*\n$/);
  });

  it("patches several processes in one stop, and step by step", async () => {
    const { compiled, image } = await buildPatch(directory, "triple", { target: "answers-in-a-loop.c", old: "i < 2", replacement: "i < 3" });
    await using one = await startTarget(compiled.program);
    await using other = await startTarget(compiled.program);
    const path = await recipe("several", `
      const both = { pids: [${one.pid}, ${other.pid}] };
      const done = [
        await suture.apply(${JSON.stringify(image)}, both),
        await suture.revert("triple", { ...both, trees: [] }),
        await suture.load(${JSON.stringify(image)}, { pid: ${one.pid} }),
        await suture.activate("triple", { trees: [${one.pid}], timeout: 5000 }),
        await suture.deactivate("triple", { pid: ${one.pid} }),
        await suture.unload("triple", { pid: ${one.pid} }),
      ];
      await check("nothing is left", async () => (await suture.recover(${one.pid})).patches.length === 0);
      return done.map(({ result, processes }) => [result, processes.length]);`);
    const { exitCode, out } = await runSuture(["run", path, "--json"]);
    expect({ exitCode, value: jsonOf(out)["value"] }).toEqual({
      exitCode: 0, value: [["committed", 2], ["reverted", 2], ["loaded", 1], ["activated", 1], ["deactivated", 1], ["unloaded", 1]],
    });
  }, 60_000);

  it("--help after the recipe lists its parameters", async () => {
    const path = await recipe("explains", "");
    const { exitCode, out } = await runSuture(["run", path, "--help"]);
    expect(exitCode).toBe(0);
    expect(out.split("\n").slice(4)).toEqual([
      "  PARAMETER  TYPE    DEFAULT  MEANING",
      "  --count    number  2        how many",
      "  --pid      pid     1        who",
      "",
    ]);
  });

  it("lets a recipe put things in order when it is interrupted", async () => {
    const path = await recipe("interrupted", `
      const work = setInterval(() => process.kill(process.pid, "SIGINT"), 50);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      clearInterval(work);
      log("put in order");
      signal.throwIfAborted();`);
    const { exitCode, out, error } = await runSuture(["run", path]);
    expect({ exitCode, out }).toEqual({ exitCode: 6, out: "put in order\n" });
    expect(error).toMatch(/^error: Cannot finish recipe interrupted.*interrupted\n$/);
  });

  it("says so when a recipe waits for what can no longer happen", async () => {
    const path = await recipe("waits", `    await new Promise(() => undefined);`);
    const { exitCode, error } = await runSuture(["run", path]);
    expect(exitCode).toBe(8);
    expect(error).toBe("error: Cannot go on: the recipe waits for something that can no longer happen\n");
  });

  it.each([
    ["not a recipe", "export default { name: 'x' };", "its default export does not come from defineRecipe"],
    ["no default export", "export const x = 1;", "its default export does not come from defineRecipe"],
    ["wrong syntax", "\nexport default {{;", `2:17: Expected identifier but found "{"`],
    ["an unknown package", `import "no-such-package";`, `1:8: Could not resolve "no-such-package"`],
    ["a failure while it is loaded", `throw new Error("at once");`, "at once"],
  ])("refuses a file with %s", async (name, text, found) => {
    const path = await file(`${name.replaceAll(" ", "-")}.ts`, text);
    const { exitCode, error } = await runSuture(["run", path]);
    expect(exitCode).toBe(8);
    expect(error).toMatch(/^error: Cannot (run|load) recipe [^\n]*\n$/);
    expect(error).toContain(found);
  });

  it("refuses wrong parameters before it runs anything", async () => {
    const path = await recipe("strict", `    log("ran");`);
    expect(await runSuture(["run", path, "--cuont", "3"])).toMatchObject({ exitCode: 2, out: "" });
  });

  it.each(["recipes/demo.ts", "recipes/redis.ts"])("explains %s", async (path) => {
    expect(await runSuture(["run", path, "--help"])).toMatchObject({ exitCode: 0, error: "", out: expect.stringContaining("--patch") });
  });
});
