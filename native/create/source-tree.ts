// A tree that looks like the user's and can be patched: real directories, so that `../` in an #include leads where it
// leads in the user's tree, and files that are symbolic links until a patch replaces them. The user's tree is only read.

import type { Dirent } from "node:fs";
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";

import { SutureError } from "../errors.ts";
import { removeAtExit, removeScratch } from "./scratch.ts";

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
  /** Directories without sources, which the shadow has as links until something in them is written. */
  readonly linked: Set<string>;
}

/** What version control keeps beside the sources. */
export const skippedDirectories: ReadonlySet<string> = new Set([".git", ".hg", ".svn"]);
// A precompiled header is made of headers as they were; without it the compiler reads those that the patch changes.
const precompiled = /\.(gch|pch)$/;

/** What builds leave behind, and no compiler reads as text. */
const product = /\.(o|lo|a|la|so|d|pyc)$/;
/** Beside the shadow. */
const rootLink = "r";

const sourceName = /\.(c|h|cc|hh|cpp|hpp|cxx|hxx|c\+\+|h\+\+|C|H|inc|inl|ipp|tcc|def|tbl|S|s|asm)$/;

/** Is this a file that compilers read, by its name? */
export const isSourceName = (path: string): boolean => sourceName.test(path);

/** Lays a shadow of `source` into the directory for temporary files. */
export function createShadowTree(source: string): ShadowTree {
  const spelledRoot = resolve(source);
  const root = openTree(spelledRoot);
  const temporary = realpathSync(mkdtempSync(join(tmpdir(), "suture-")));
  removeAtExit(temporary);
  const tree: ShadowTree = {
    root,
    spelledRoot,
    shadow: join(temporary, "tree"),
    scratch: join(temporary, "scratch"),
    linked: new Set(),
    [Symbol.asyncDispose]: () => removeScratch(temporary),
  };
  try {
    mkdirSync(tree.scratch);
    // File systems keep links with short targets cheaply, so those of the shadow go by this one.
    symlinkSync(root, join(temporary, rootLink));
    shadowDirectory(tree, "", listDirectory(root, temporary));
  } catch (failure) {
    rmSync(temporary, { recursive: true, force: true });
    throw failure;
  }
  return tree;
}

/** Puts a real file in the place of the link; nothing is ever written through a link. */
export function writeShadowFile(tree: ShadowTree, path: string, bytes: Uint8Array): void {
  const file = join(tree.shadow, path);
  openDirectory(tree, dirname(path));
  mkdirSync(dirname(file), { recursive: true });
  if (pathBelow(tree.shadow, realPath(dirname(file))) === undefined) throw new SutureError("internal", `Cannot write ${path}: it lies outside of the shadow`, { path });
  rmSync(file, { force: true });
  writeFileSync(file, bytes, { flag: "wx" });
  // `__TIMESTAMP__` is the time of the file's last change: that of the original, where there is one.
  const original = statSync(join(tree.root, path), { throwIfNoEntry: false });
  if (original) utimesSync(file, original.atime, original.mtime);
}

export function removeShadowFile(tree: ShadowTree, path: string): void {
  openDirectory(tree, dirname(path));
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

/** The root with its links resolved. Refuses what is no directory that can be read. */
export function openTree(spelledRoot: string): string {
  try {
    const root = realpathSync(spelledRoot);
    readdirSync(root);
    return root;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new SutureError("file-not-found", `Cannot read source tree ${spelledRoot}: ${code === "ENOENT" ? "there is no such directory" : message}`, { source: spelledRoot }, { cause });
  }
}

interface Listing {
  readonly entries: readonly Dirent[];
  readonly directories: ReadonlyMap<string, Listing>;
  /** Here or below: what compilers read, or might. */
  readonly hasSources: boolean;
}

const nothing: Listing = { entries: [], directories: new Map(), hasSources: false };

function listDirectory(directory: string, temporary: string): Listing {
  if (directory === temporary) return nothing;
  const entries = readableEntries(directory).filter(({ name }) => !skippedDirectories.has(name));
  const directories = new Map(entries.filter((entry) => entry.isDirectory()).map(({ name }) => [name, listDirectory(join(directory, name), temporary)]));
  const hasSources = entries.some((entry) => entry.isSymbolicLink() || (entry.isFile() && mayBeSource(entry.name))) || [...directories.values()].some((below) => below.hasSources);
  return { entries, directories, hasSources };
}

/** Headers of C++ often have names without an ending. */
const mayBeSource = (name: string): boolean => isSourceName(name) || !name.includes(".");

function shadowDirectory(tree: ShadowTree, path: string, { entries, directories }: Listing): void {
  mkdirSync(join(tree.shadow, path));
  const up = "../".repeat(path === "" ? 1 : path.split("/").length + 1);
  for (const entry of entries) {
    if (precompiled.test(entry.name)) continue;
    const below = path === "" ? entry.name : `${path}/${entry.name}`;
    const directory = directories.get(entry.name);
    if (directory?.hasSources === true) shadowDirectory(tree, below, directory);
    else if (entry.isSymbolicLink()) symlinkSync(linkTarget(tree, below), `${tree.shadow}/${below}`);
    else if (directory !== undefined || (entry.isFile() && !product.test(entry.name))) symlinkSync(`${up}${rootLink}/${below}`, `${tree.shadow}/${below}`);
    if (directory?.hasSources === false) tree.linked.add(below);
  }
}

/** Makes linked directories on the way to this one real: nothing is ever written through a link. */
function openDirectory(tree: ShadowTree, path: string): void {
  if (path === "." || path === "/") return;
  openDirectory(tree, dirname(path));
  if (!tree.linked.delete(path)) return;
  rmSync(join(tree.shadow, path));
  shadowDirectory(tree, path, listDirectory(join(tree.root, path), dirname(tree.shadow)));
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
