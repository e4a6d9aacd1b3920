// A quick look whether a source file is named inside another one, as `#include "tables.c"` does: a compiler need
// not be asked about every unit when it is not. Names in macros count too, so any quoted text that ends in the name; and a file that
// nobody compiles counts only where somebody who is compiled may reach it.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";

import { isSourceName } from "./source-tree.ts";

export interface MentionSearch {
  readonly root: string;
  /** Main files of the units, relative to the root, those outside of it too. Default: any file may be one. */
  readonly mains?: ReadonlySet<string>;
  /** Values of the units' options that may name a file to include: `-include tables.c`, `-DTABLES="tables.c"`. */
  readonly options?: readonly string[];
}

/** How often the tree is read: for the names, for the files that name them, and so on. Beyond, who names a name may be anyone. */
const mostRounds = 3;

/** Those of `paths` whose names stand in quotes or angle brackets in some source of the tree that may be compiled. */
export function findMentioned(search: MentionSearch, paths: readonly string[]): readonly string[] {
  if (paths.length === 0) return [];
  const asked = new Set(paths.map((path) => basename(path)));
  const mentions = new Mentions(search.options ?? []);
  const files = [...sourceFiles(search.root, search.mains)];
  for (let round = 0, names = new Set(asked); names.size > 0; round++) {
    for (const name of names) mentions.open(name);
    if (round === mostRounds) return paths;
    const namers = readRound(search, files, names, mentions, () => [...asked].every((name) => mentions.isReached(name)));
    names = new Set([...namers].filter((name) => !mentions.isKnown(name)));
  }
  return paths.filter((path) => mentions.isReached(basename(path)));
}

/** Notes who mentions `names`; gives the names of those who are no units. */
function readRound(
  { root, mains }: MentionSearch, files: readonly SourceFile[], names: ReadonlySet<string>, mentions: Mentions, isDone: () => boolean,
): ReadonlySet<string> {
  const mention = mentionOf([...names]);
  const namers = new Set<string>();
  for (const file of files) {
    if (isDone()) return new Set();
    const text = readSource(root, file);
    // Most files name none of them, and need not be made into text.
    if (![...names].some((name) => text.includes(name))) continue;
    const namer = mains?.has(file.path) === false ? basename(file.path) : undefined;
    for (const [, name = ""] of text.toString().matchAll(mention)) {
      mentions.add(name, namer);
      if (namer !== undefined) namers.add(namer);
    }
  }
  return namers;
}

/** Which names may be reached from a unit. */
class Mentions {
  readonly #options: readonly string[];
  readonly #reached = new Set<string>();
  /** By the name of a file: the names in it. */
  readonly #within = new Map<string, Set<string>>();
  readonly #known = new Set<string>();

  constructor(options: readonly string[]) {
    this.#options = options;
  }

  open(name: string): void {
    this.#known.add(name);
    if (this.#options.some((option) => option.includes(name))) this.#reach(name);
  }

  /** `name` stands in `file`, or in a unit. */
  add(name: string, file: string | undefined): void {
    if (file === undefined || this.#reached.has(file)) return this.#reach(name);
    const within = this.#within.get(file) ?? new Set();
    this.#within.set(file, within.add(name));
  }

  isKnown(name: string): boolean {
    return this.#known.has(name);
  }

  isReached(name: string): boolean {
    return this.#reached.has(name);
  }

  #reach(name: string): void {
    if (this.#reached.has(name)) return;
    this.#reached.add(name);
    for (const each of this.#within.get(name) ?? []) this.#reach(each);
  }
}

/** Does the text of a source name the file? */
export const isMentioned = (path: string, text: string): boolean => mentionOf([basename(path)]).test(text);

const mentionOf = (names: readonly string[]): RegExp => new RegExp(`["</](${names.map(escape).join("|")})[">]`, "g");

const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");

interface SourceFile {
  readonly path: string;
  readonly isLink: boolean;
}

function* sourceFiles(root: string, mains: ReadonlySet<string> = new Set()): Generator<SourceFile> {
  for (const path of mains) if (path.startsWith("../")) yield { path, isLink: false };
  yield* sourcesBelow(root, "");
}

function* sourcesBelow(root: string, directory: string): Generator<SourceFile> {
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    const path = join(directory, entry.name);
    const isLink = entry.isSymbolicLink();
    if (entry.isDirectory() && entry.name !== ".git") yield* sourcesBelow(root, path);
    else if ((entry.isFile() || isLink) && isSourceName(entry.name)) yield { path, isLink };
  }
}

/** A link mentions what it leads to. */
function readSource(root: string, { path, isLink }: SourceFile): Buffer {
  const file = join(root, path);
  try {
    return isLink ? Buffer.concat([Buffer.from(`"${basename(readlinkSync(file))}" `), readFileSync(file)]) : readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}
