// A tree that looks like the user's and can be patched: symbolic links until a patch replaces what they lead to. The
// user's tree is only read.
//
// Directories in which nothing is patched are links too: file systems make a thousand links slowly, and few are ever read. From
// such a directory `../` in an #include leads back into the user's tree. Who finds that it led a compiler to a file as it was
// makes the shadow whole: then all directories are real, and `../` leads where it leads in the user's tree.

import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, statSync, statfsSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";

import { SutureError } from "../errors.ts";
import { removeAtExit, removeScratch } from "./scratch.ts";

/** A source tree, its shadow, and a place for temporary files. Paths are relative to the root. */
export interface ShadowTree extends AsyncDisposable {
  /** Root of the user's tree, links resolved. */
  readonly root: string;
  /** Root of the user's tree as it was named. */
  readonly spelledRoot: string;
  /** Root of the shadow. */
  readonly shadow: string;
  /** A directory, empty at first, that goes with the shadow. */
  readonly scratch: string;
  /** Directories that the shadow has as links until something in them is written. */
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
  const scratch = makeDirectory(tmpdir());
  const links = makeDirectory(placeOfLinks(), () => rmSync(scratch, { recursive: true, force: true }));
  const tree: ShadowTree = {
    root,
    spelledRoot,
    shadow: join(links, "tree"),
    scratch,
    linked: new Set(),
    [Symbol.asyncDispose]: () => Promise.all([links, scratch].map(removeScratch)).then(() => undefined),
  };
  try {
    // File systems keep links with short targets cheaply, so those of the shadow go by this one.
    symlinkSync(root, join(links, rootLink));
    shadowDirectory(tree, "");
  } catch (failure) {
    for (const directory of [links, scratch]) rmSync(directory, { recursive: true, force: true });
    throw failure;
  }
  return tree;
}

function makeDirectory(place: string, undo = () => {}): string {
  try {
    const directory = realpathSync(mkdtempSync(join(place, "suture-")));
    removeAtExit(directory);
    return directory;
  } catch (failure) {
    undo();
    throw failure;
  }
}

const shared = "/dev/shm";
const typeOfTmpfs = 0x01021994;
const roomEnough = { bytes: 64 * 1024 * 1024, files: 65536 };

/** Hundreds of links are made and removed in a tenth of the time in memory, where they take some hundred KiB. Whoever names a directory gets it. */
function placeOfLinks(): string {
  if (["TMPDIR", "TMP", "TEMP"].some((name) => process.env[name])) return tmpdir();
  try {
    const { type, bavail, bsize, ffree } = statfsSync(shared);
    const isMade = type === typeOfTmpfs && bavail * bsize >= roomEnough.bytes && ffree >= roomEnough.files;
    if (isMade) accessSync(shared, constants.W_OK | constants.X_OK);
    return isMade ? shared : tmpdir();
  } catch {
    return tmpdir();
  }
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
    return realpathSync.native(path);
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
export const pathInTree = (tree: Pick<ShadowTree, "root" | "spelledRoot">, path: string): string | undefined =>
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

/** Its entries as links. */
function shadowDirectory(tree: ShadowTree, path: string): void {
  mkdirSync(join(tree.shadow, path));
  const up = "../".repeat(path === "" ? 1 : path.split("/").length + 1);
  for (const entry of readableEntries(join(tree.root, path))) {
    if (precompiled.test(entry.name) || skippedDirectories.has(entry.name)) continue;
    const below = path === "" ? entry.name : `${path}/${entry.name}`;
    // Where temporary files lie in the tree, there is no end to what could be shadowed.
    if (dirname(tree.shadow) === join(tree.root, below)) continue;
    if (entry.isSymbolicLink()) symlinkSync(linkTarget(tree, below), `${tree.shadow}/${below}`);
    else if (entry.isDirectory() || (entry.isFile() && !product.test(entry.name))) symlinkSync(`${up}${rootLink}/${below}`, `${tree.shadow}/${below}`);
    if (entry.isDirectory()) tree.linked.add(below);
  }
}

/** Makes every directory real in which compilers may read. */
export function makeWhole(tree: ShadowTree): void {
  for (const path of tree.linked) {
    if (hasSources(join(tree.root, path))) openDirectory(tree, path);
  }
}

/** Here or below: what compilers read, or might. */
function hasSources(directory: string): boolean {
  const entries = readableEntries(directory).filter(({ name }) => !skippedDirectories.has(name));
  return entries.some((entry) => entry.isSymbolicLink() || (entry.isFile() && mayBeSource(entry.name))) ||
    entries.some((entry) => entry.isDirectory() && hasSources(join(directory, entry.name)));
}

/** Headers of C++ often have names without an ending. */
export const mayBeSource = (name: string): boolean => isSourceName(name) || !name.includes(".");

/** Makes linked directories on the way to this one real: nothing is ever written through a link. */
export function openDirectory(tree: ShadowTree, path: string): void {
  if (path === "" || path === "." || path === "/") return;
  openDirectory(tree, dirname(path));
  if (!tree.linked.delete(path)) return;
  rmSync(join(tree.shadow, path));
  shadowDirectory(tree, path);
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
