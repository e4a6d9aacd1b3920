// A recipe file to a recipe: bundled by esbuild with whatever it imports into a temporary file (source maps need one),
// which is gone again once it has been imported; the recipe may lie anywhere. `import … from "suture"` gives the module of the program that runs
// it, not a copy: errors and recipes have one identity whether Suture runs from its sources or from its bundle.

import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
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
  // Positions in the recipe's own file, not in the bundle, are what its author wants to read.
  process.setSourceMapsEnabled(true);
  Reflect.set(globalThis, doorSymbol, door);
  const module = await importRecipe(absolute);
  if (!isRecipe(module["default"])) {
    throw new SutureError("recipe-failed", `Cannot run recipe ${path}: its default export does not come from defineRecipe`, { path });
  }
  return { path: absolute, recipe: module["default"] };
}

async function importRecipe(path: string): Promise<Record<string, unknown>> {
  const directory = await mkdtemp(join(tmpdir(), "suture-recipe-"));
  try {
    const bundle = join(directory, "recipe.mjs");
    await bundleRecipe(path, bundle);
    return await importBundle(path, bundle);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function bundleRecipe(path: string, bundle: string): Promise<void> {
  try {
    await build({
      entryPoints: [path],
      outfile: bundle,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      sourcemap: "inline",
      logLevel: "silent",
      plugins: [doorPlugin],
      define: { "import.meta.url": JSON.stringify(pathToFileURL(path).href), "import.meta.dirname": JSON.stringify(dirname(path)) },
      // Packages in CommonJS ask for Node's modules by require.
      banner: { js: `import { createRequire as createRequireOfRecipe } from "node:module"; const require = createRequireOfRecipe(${JSON.stringify(path)});` },
    });
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
  const first = failure.errors?.[0];
  const position = first?.location ? `${first.location.line}:${first.location.column + 1}: ` : "";
  return new SutureError("recipe-failed", `Cannot load recipe ${path}: ${position}${first?.text ?? failure.message}`, { path }, { cause: failure });
}

/** In the bundle, which cannot import by itself, the function that can; shell/compiled-program.ts hands it in. */
declare const importFile: ((url: string) => Promise<unknown>) | undefined;
const importing = (url: string): Promise<unknown> => (typeof importFile === "undefined" ? import(url) : importFile(url));

async function importBundle(path: string, bundle: string): Promise<Record<string, unknown>> {
  try {
    return await importing(pathToFileURL(bundle).href) as Record<string, unknown>;
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new SutureError("recipe-failed", `Cannot load recipe ${path}: ${found}`, { path }, { cause });
  }
}
