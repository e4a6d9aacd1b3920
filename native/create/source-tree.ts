// A tree that looks like the user's and can be patched: real directories, so that `../` in an #include leads where it
// leads in the user's tree, and files that are symbolic links until a patch replaces them. The user's tree is only read.

import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";

import { SutureError } from "../errors.ts";

/** A source tree, its shadow, and a place for temporary files beside it. Paths are relative to the root. */
export interface ShadowTree extends AsyncDisposable {
  /** Root of the user's tree, links resolved. */
  readonly root: string;
  /** Root of the user's tree as it was named. */
  readonly spelledRoot: string;
  /** Root of the shadow. */
  readonly shadow: string;
  /** An empty directory that goes with the shadow. */
  readonly scratch: string;
}

const skipped = new Set([".git", ".hg", ".svn"]);
// A precompiled header is made of headers as they were; without it the compiler reads those that the patch changes.
const precompiled = /\.(gch|pch)$/;

const sourceName = /\.(c|h|cc|hh|cpp|hpp|cxx|hxx|c\+\+|h\+\+|C|H|inc|inl|ipp|tcc|def|tbl|S|s|asm)$/;

/** Is this a file that compilers read, by its name? */
export const isSourceName = (path: string): boolean => sourceName.test(path);

/** Lays a shadow of `source` into the directory for temporary files. */
export function createShadowTree(source: string): ShadowTree {
  const spelledRoot = resolve(source);
  const root = realRoot(spelledRoot);
  const temporary = realpathSync(mkdtempSync(join(tmpdir(), "suture-")));
  const tree: ShadowTree = {
    root,
    spelledRoot,
    shadow: join(temporary, "tree"),
    scratch: join(temporary, "scratch"),
    [Symbol.asyncDispose]: () => rm(temporary, { recursive: true, force: true }),
  };
  try {
    mkdirSync(tree.scratch);
    shadowDirectory(tree, "", temporary);
  } catch (failure) {
    rmSync(temporary, { recursive: true, force: true });
    throw failure;
  }
  return tree;
}

/** Puts a real file in the place of the link; nothing is ever written through a link. */
export function writeShadowFile(tree: ShadowTree, path: string, bytes: Uint8Array): void {
  const file = join(tree.shadow, path);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, bytes, { flag: "wx" });
  // `__TIMESTAMP__` is the time of the file's last change: that of the original, where there is one.
  const original = statSync(join(tree.root, path), { throwIfNoEntry: false });
  if (original) utimesSync(file, original.atime, original.mtime);
}

export function removeShadowFile(tree: ShadowTree, path: string): void {
  rmSync(join(tree.shadow, path), { force: true });
}

/** The path with its links resolved; of one that does not exist, as it is. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The path below `root`, or undefined for one that is not below it. */
export function pathBelow(root: string, path: string): string | undefined {
  const below = relative(root, path);
  return below === ".." || below.startsWith("../") || isAbsolute(below) ? undefined : below;
}

/** An absolute path of the user's tree, however its root was spelled, as a path below the root. */
export const pathInTree = (tree: ShadowTree, path: string): string | undefined =>
  pathBelow(tree.spelledRoot, path) ?? pathBelow(tree.root, path);

function realRoot(spelledRoot: string): string {
  try {
    const root = realpathSync(spelledRoot);
    readdirSync(root);
    return root;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new SutureError("file-not-found", `Cannot read source tree ${spelledRoot}: ${code === "ENOENT" ? "there is no such directory" : message}`, { source: spelledRoot }, { cause });
  }
}

function shadowDirectory(tree: ShadowTree, path: string, temporary: string): void {
  mkdirSync(join(tree.shadow, path));
  const directory = join(tree.root, path);
  if (directory === temporary) return;
  for (const entry of readableEntries(directory)) {
    if (skipped.has(entry.name) || precompiled.test(entry.name)) continue;
    const below = path === "" ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) shadowDirectory(tree, below, temporary);
    else if (entry.isFile()) symlinkSync(`${tree.root}/${below}`, `${tree.shadow}/${below}`);
    else if (entry.isSymbolicLink()) symlinkSync(linkTarget(tree, below), `${tree.shadow}/${below}`);
  }
}

/** A link within the tree leads to the same place in the shadow; one that leaves the tree leads where it led. */
function linkTarget(tree: ShadowTree, path: string): string {
  const target = readlinkSync(join(tree.root, path));
  const absolute = resolve(tree.root, dirname(path), target);
  const below = pathInTree(tree, absolute);
  if (below === undefined) return absolute;
  return isAbsolute(target) ? join(tree.shadow, below) : target;
}

function readableEntries(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return []; // a directory that cannot be read held nothing that was compiled by us
  }
}
