// A recipe file to a recipe: bundled by esbuild with whatever it imports, then imported from memory, so that nothing is
// left on the disk and the recipe may lie anywhere. `import … from "suture"` gives the module of the program that runs
// it, not a copy: errors and recipes have one identity whether Suture runs from its sources or from its bundle.

import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type BuildFailure, type Plugin } from "esbuild";
import { SutureError } from "../native/mod.ts";
import { isRecipe, type Recipe } from "./recipe.ts";
import * as door from "./suture.ts";

export interface LoadedRecipe {
  /** Absolute. */
  readonly path: string;
  readonly recipe: Recipe;
}

const doorSymbol = Symbol.for("suture.door");

/** Refuses: file-not-found, recipe-failed. */
export async function loadRecipe(path: string): Promise<LoadedRecipe> {
  const absolute = resolve(path);
  await access(absolute).catch((cause: unknown) => {
    throw new SutureError("file-not-found", `Cannot run recipe ${path}: no such file`, { path }, { cause });
  });
  const code = await bundleRecipe(absolute);
  // Positions in the recipe's own file, not in the bundle, are what its author wants to read.
  process.setSourceMapsEnabled(true);
  Reflect.set(globalThis, doorSymbol, door);
  const module = await importCode(absolute, code);
  if (!isRecipe(module["default"])) {
    throw new SutureError("recipe-failed", `Cannot run recipe ${path}: its default export does not come from defineRecipe`, { path });
  }
  return { path: absolute, recipe: module["default"] };
}

async function bundleRecipe(path: string): Promise<string> {
  try {
    const { outputFiles } = await build({
      entryPoints: [path],
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      target: "node20",
      sourcemap: "inline",
      logLevel: "silent",
      plugins: [doorPlugin],
      define: { "import.meta.url": JSON.stringify(pathToFileURL(path).href), "import.meta.dirname": JSON.stringify(resolve(path, "..")) },
      // Packages in CommonJS ask for Node's modules by require.
      banner: { js: `import { createRequire as createRequireOfRecipe } from "node:module"; const require = createRequireOfRecipe(${JSON.stringify(path)});` },
    });
    return outputFiles[0]?.text ?? "";
  } catch (error) {
    throw cannotBundle(path, error as BuildFailure);
  }
}

const doorPlugin: Plugin = {
  name: "suture-door",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^suture$/ }, () => ({ path: "suture", namespace: "suture-door" }));
    onLoad({ filter: /^suture$/, namespace: "suture-door" }, () => ({
      contents: [
        `const door = globalThis[Symbol.for(${JSON.stringify(doorSymbol.description)})];`,
        ...Object.keys(door).map((name) => `export const ${name} = door.${name};`),
      ].join("\n"),
    }));
  },
};

function cannotBundle(path: string, failure: BuildFailure): SutureError {
  const [first] = failure.errors ?? [];
  const where = first?.location === null || first?.location === undefined ? path : `${first.location.file}:${first.location.line}:${first.location.column + 1}`;
  return new SutureError("recipe-failed", `Cannot load recipe ${path}: ${where}: ${first?.text ?? failure.message}`, { path, location: where }, { cause: failure });
}

async function importCode(path: string, code: string): Promise<Record<string, unknown>> {
  try {
    return await import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`) as Record<string, unknown>;
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new SutureError("recipe-failed", `Cannot load recipe ${path}: ${found}`, { path }, { cause });
  }
}
