// Targets that hold both versions of themselves: `#define FIXED 0` becomes 1 in the patch.

import { createTwoFilesPatch } from "diff";
import { readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import type { SourceDiff } from "../../native/create/mod.ts";
import { cacheDirectory } from "../support/mod.ts";

export interface Fix {
  readonly diff: SourceDiff;
  /** The source with the fix, to be compiled as it is. */
  readonly fixed: string;
}

/** The fix of a source in test/targets. Some lines more stand above all others: what comes below keeps its line numbers, or everything would differ. */
export async function fixOf(name: string): Promise<Fix> {
  const original = await readFile(fileURLToPath(new URL(`../targets/${name}`, import.meta.url)), "utf8");
  const text = original.replace("#define FIXED 0\n", "#define FIXED 1\n/* With\n   the\n   fix. */\n");
  const fixed = join(await cacheDirectory("fixed-sources"), name);
  const written = `${fixed}.${process.pid}`;
  await writeFile(written, text);
  await rename(written, fixed);
  return { diff: { name: basename(name).replace(/\.c$/, ""), text: createTwoFilesPatch(`a/${name}`, `b/${name}`, original, text) }, fixed };
}
