// A quick look whether a source file is named inside another one, as `#include "tables.c"` does: a compiler need
// not be asked about every unit when it is not. Every source that names it counts, whether or not a unit seems to reach that: by which ways one does
// (computed names, headers without an ending or outside of the tree, options) only the compiler knows. Not looked at: files of the tree with endings that no
// source has, below directories of options outside of the tree, and what is named in pieces.

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Dirent } from "node:fs";
import { basename, join, relative } from "node:path";

import { isSourceName, mayBeSource } from "./source-tree.ts";

export interface MentionSearch {
  readonly root: string;
  /** Files to look at besides the sources of the tree, relative to the root: main files of units may lie outside of it, or be named otherwise. */
  readonly others?: Iterable<string>;
  /** Absolute: where compilers look for headers. Of those outside of the tree and of the system the files are looked at, and none below. */
  readonly directories?: Iterable<string>;
  /** Words of compile commands: `-include tables.c`, `-DTABLES="tables.c"`, `-Wp,-include,tables.c`. */
  readonly words?: readonly string[];
}

/** Those of `paths` whose names stand in some source, or in a word. */
export function findMentioned({ root, others = [], directories = [], words = [] }: MentionSearch, paths: readonly string[]): readonly string[] {
  const names = new Set(paths.map((path) => basename(path)));
  const mentioned = new Set([...names].filter((name) => words.some((word) => isWordOf(name, word))));
  const [mention, directive] = [mentionOf([...names]), directiveOf([...names])];
  for (const file of names.size === mentioned.size ? [] : sourceFiles(root, others, directories)) {
    const text = readSource(root, file);
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

/** As a word of a directive: `#define TABLES tables.c`. Files without an ending are scripts more often than headers, and name much. */
const directiveOf = (names: readonly string[]): RegExp =>
  new RegExp(`(?<=^[ \\t]*(?:#|%:)[ \\t]*(?:include|import|define).*[^\\w.-])${anyOf(names)}(?![\\w.-])`, "gm");

/** In quotes or angle brackets at the end of a path, too. */
const mentionOf = (names: readonly string[]): RegExp => new RegExp(`(?<=["</])${anyOf(names)}(?=[">])|${directiveOf(names).source}`, "gm");

/** The name itself, and not the one of an object or a list that a build makes of the file. */
const isWordOf = (name: string, word: string): boolean =>
  word.includes(name) && new RegExp(`(?<![\\w.-])${escape(name)}(?![\\w.-])`).test(word);

const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");

interface SourceFile {
  readonly path: string;
  readonly isLink: boolean;
}

function* sourceFiles(root: string, others: Iterable<string>, directories: Iterable<string>): Generator<SourceFile> {
  for (const path of others) if (path.startsWith("../") || !isSourceName(path)) yield { path, isLink: false };
  for (const directory of directories) {
    const path = relative(root, directory);
    if (!path.startsWith("..") || directory.startsWith("/usr/")) continue;
    for (const entry of readEntries(directory)) if (!entry.isDirectory()) yield* sourceAt(root, path, entry);
  }
  yield* sourcesBelow(root, "");
}

/** Directories of options need not be there. */
function readEntries(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

function* sourcesBelow(root: string, directory: string): Generator<SourceFile> {
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name !== ".git") yield* sourcesBelow(root, join(directory, entry.name));
    else yield* sourceAt(root, directory, entry);
  }
}

/** Programs have names without an ending, too. */
const largestHeader = 256 * 1024;

function* sourceAt(root: string, directory: string, entry: Dirent): Generator<SourceFile> {
  const path = join(directory, entry.name);
  if (entry.isSymbolicLink()) yield { path, isLink: true };
  else if (entry.isFile() && mayBeSource(entry.name) && (isSourceName(entry.name) || isSmall(join(root, path)))) yield { path, isLink: false };
}

const isSmall = (file: string): boolean => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= largestHeader;

/** A link mentions what it leads to, whatever its own name. */
function readSource(root: string, { path, isLink }: SourceFile): Buffer {
  const file = join(root, path);
  try {
    const target = isLink ? Buffer.from(`"${basename(readlinkSync(file))}"\n`) : Buffer.alloc(0);
    return isLink && !isSourceName(path) ? target : Buffer.concat([target, readFileSync(file)]);
  } catch {
    return Buffer.alloc(0);
  }
}
