// An esbuild plugin that lets the bundle be split behind doors. A door (`mod.ts`) reaches every file of its room, so
// whatever imports one name from it would load them all. In the bundle, and only there, an import from a door is
// rewritten to imports from the files that define the names. A name that is not found stays with the door.

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Plugin } from "esbuild";

/** `importers`: the files whose imports are rewritten. */
export const pastTheDoors = (importers: RegExp): Plugin => ({
  name: "past-the-doors",
  setup: ({ onLoad }) => {
    const exportsOf = new Map<string, Promise<Definers>>();
    onLoad({ filter: importers }, async ({ path }) => ({ contents: await rewriteImports(path, exportsOf), loader: "ts" }));
  },
});

/** Which file defines each value that a file hands out. Types need no file: they vanish. */
type Definers = ReadonlyMap<string, string>;

const doorImport = /^import \{([^}]*)\} from "(\.[^"]*\/mod\.ts)";/gm;

async function rewriteImports(path: string, exportsOf: Map<string, Promise<Definers>>): Promise<string> {
  let text = await readFile(path, "utf8");
  for (const [whole, names = "", from = ""] of [...text.matchAll(doorImport)]) {
    const door = resolve(dirname(path), from);
    const definers = await definersOf(door, exportsOf);
    const imports = valuesAmong(names).map((name) => `import { ${name} } from ${JSON.stringify(definers.get(name) ?? door)};`);
    text = text.replace(whole, () => imports.join(" "));
  }
  return text;
}

function definersOf(file: string, exportsOf: Map<string, Promise<Definers>>): Promise<Definers> {
  const known = exportsOf.get(file) ?? findDefiners(file, exportsOf);
  exportsOf.set(file, known);
  return known;
}

async function findDefiners(file: string, exportsOf: Map<string, Promise<Definers>>): Promise<Definers> {
  const text = await readFile(file, "utf8");
  const definers = new Map<string, string>();
  for (const [, name = ""] of text.matchAll(/^export (?:abstract |async )?(?:const|function\*?|class) (\w+)/gm)) definers.set(name, file);
  for (const [, names, from = ""] of text.matchAll(/^export (?:\*|\{([^}]*)\}) from "(\.[^"]+)";/gm)) {
    const behind = await definersOf(resolve(dirname(file), from), exportsOf);
    for (const name of names === undefined ? behind.keys() : valuesAmong(names)) {
      const definer = behind.get(name);
      if (definer !== undefined) definers.set(name, definer);
    }
  }
  return definers;
}

/** Without types. Renamed ones (`a as b`) are not followed, and stay with the door. */
const valuesAmong = (names: string): readonly string[] =>
  names.split(",").map((name) => name.trim()).filter((name) => name !== "" && !name.startsWith("type "));
