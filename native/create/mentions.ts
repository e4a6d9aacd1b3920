// A quick look whether a source file is named inside another one, as `#include "tables.c"` does: a compiler need
// not be asked about every unit when it is not. Names in macros count too, so any quoted text that ends in the name.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { isSourceName } from "./source-tree.ts";

/** Those of `paths` whose names stand in quotes or angle brackets in some source of the tree. */
export function findMentioned(root: string, paths: readonly string[]): readonly string[] {
  const names = new Map(paths.map((path) => [basename(path), path]));
  if (names.size === 0) return [];
  const mention = mentionOf([...names.keys()]);
  const mentioned = new Set<string>();
  for (const file of sourceFiles(root, "")) {
    for (const [, name] of readText(join(root, file)).matchAll(mention)) if (name !== undefined) mentioned.add(name);
    if (mentioned.size === names.size) break;
  }
  return paths.filter((path) => mentioned.has(basename(path)));
}

/** Does the text of a source name the file? */
export const isMentioned = (path: string, text: string): boolean => mentionOf([basename(path)]).test(text);

const mentionOf = (names: readonly string[]): RegExp => new RegExp(`["</](${names.map(escape).join("|")})[">]`, "g");

const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");

function* sourceFiles(root: string, directory: string): Generator<string> {
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory() && entry.name !== ".git") yield* sourceFiles(root, path);
    else if (entry.isFile() && isSourceName(entry.name)) yield path;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
