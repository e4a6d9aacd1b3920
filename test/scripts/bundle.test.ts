import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleProgram } from "../../scripts/bundle.ts";

let bundle: string;

beforeAll(async () => {
  bundle = await mkdtemp(fileURLToPath(new URL("../../node_modules/.bundle-", import.meta.url)));
  await bundleProgram(bundle);
});
afterAll(() => rm(bundle, { recursive: true }));

/** The text of a file of the bundle and of everything that it loads at once. */
async function loadedWith(file: string, seen = new Map<string, string>()): Promise<string> {
  const text = await readFile(join(bundle, file), "utf8");
  seen.set(file, text);
  for (const [, next = ""] of text.matchAll(/^(?:import|\} from) (?:[^;]*from )?"\.\/([^"]+)";$/gm)) {
    if (!seen.has(next)) await loadedWith(next, seen);
  }
  return [...seen.values()].join("\n");
}

async function commandFile(name: string): Promise<string> {
  const found = (await readdir(bundle)).find((file) => new RegExp(`^${name}-[A-Z0-9]{8}\\.js$`).test(file));
  if (found === undefined) throw new Error(`Cannot find ${name} in the bundle`);
  return found;
}

describe("bundleProgram()", () => {
  it("leaves the engine, recipes and what they need out of what every run loads", async () => {
    const text = await loadedWith("suture.js");
    expect(text).toContain("function runCommandLine");
    for (const name of ["createPatchImage", "applyPatch", "decodeImage", "loadRecipe", "ProcessPromise"]) expect(text).not.toContain(`function ${name}`);
  });

  it("loads for a command what that command needs", async () => {
    const list = await loadedWith(await commandFile("list"));
    expect(list).toContain("function listPatches");
    expect(list).not.toContain("function createPatchImage");
    expect(await loadedWith(await commandFile("build"))).toContain("function createPatchImage");
  });
});
