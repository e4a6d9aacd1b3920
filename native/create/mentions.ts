// A quick look whether a file is named inside another one, as `#include "tables.x"` does: of a new version's tree only that can tell
// what compilers read of what has no name of a source. Not seen: names that macros put together.

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Dirent } from "node:fs";
import { basename, join } from "node:path";

import { isSourceName, mayBeSource } from "./source-tree.ts";

/** Those of `paths` whose names stand in some file below `root` where a source names another. */
export function findMentioned(root: string, paths: readonly string[]): readonly string[] {
  const names = new Set(paths.map((path) => basename(path)));
  const mentioned = new Set<string>();
  const [mention, directive] = [mentionOf([...names]), directiveOf([...names])];
  for (const file of names.size === 0 ? [] : filesBelow(root, "")) {
    const text = readText(root, file);
    // Most files name none of them, and need not be made into text.
    if (![...names].some((name) => text.includes(name))) continue;
    for (const [name] of text.toString().matchAll(isSourceName(file.path) || file.isLink ? mention : directive)) mentioned.add(name);
    if (mentioned.size === names.size) break;
  }
  return paths.filter((path) => mentioned.has(basename(path)));
}

/** Does the text of a source name the file? */
export const isMentioned = (path: string, text: string): boolean => mentionOf([basename(path)]).test(text);

const anyOf = (names: readonly string[]): string => `(?:${names.map(escape).join("|")})`;

/** As a word of a directive: `#define TABLES tables.c`. Documents and scripts name much else. */
const directiveOf = (names: readonly string[]): RegExp =>
  new RegExp(`(?<=(?:^[ \\t]*(?:#|%:)[ \\t]*(?:include|import|embed|define)|\\.inc(?:bin|lude)).*[^\\w.-])${anyOf(names)}(?![\\w.-])`, "gm");

/** In quotes or angle brackets at the end of a path, too. */
const mentionOf = (names: readonly string[]): RegExp => new RegExp(`(?<=["</])${anyOf(names)}(?=[">\\\\])|${directiveOf(names).source}`, "gm");

const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");

interface NamingFile {
  readonly path: string;
  readonly isLink: boolean;
}

function* filesBelow(root: string, directory: string): Generator<NamingFile> {
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name !== ".git") yield* filesBelow(root, join(directory, entry.name));
    else yield* fileAt(root, directory, entry);
  }
}

/** Sources with names of their own are small; programs and archives are not. */
const largest = 256 * 1024;

function* fileAt(root: string, directory: string, entry: Dirent): Generator<NamingFile> {
  const path = join(directory, entry.name);
  if (entry.isSymbolicLink()) yield { path, isLink: true };
  else if (entry.isFile() && (isSourceName(entry.name) || isSmall(join(root, path)))) yield { path, isLink: false };
}

const isSmall = (file: string): boolean => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= largest;

/** A link mentions what it leads to, whatever its own name. */
function readText(root: string, { path, isLink }: NamingFile): Buffer {
  const file = join(root, path);
  try {
    const target = isLink ? Buffer.from(`"${basename(readlinkSync(file))}"\n`) : Buffer.alloc(0);
    return isLink && !mayBeSource(path) ? target : Buffer.concat([target, readFileSync(file)]);
  } catch {
    return Buffer.alloc(0);
  }
}
