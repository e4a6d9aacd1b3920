// Which files a unit consists of, by the compiler's own dependency output. Asking costs a preprocessor run a unit, so
// the answers are kept on disk, outside the tree, for as long as none of the files named has changed, and no directory that a
// compiler looks into for them has another entry: a new file there may be taken instead of one of them. An answer is not kept
// where something was changed while it was found, or where options let the compiler look into places that are not known here.

import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { trimDirectory, writeCacheFile } from "./cache-file.ts";
import { mayReadFiles } from "./directives.ts";
import { tick } from "./edited.ts";
import { findAssemblerFiles } from "./assembler-files.ts";
import type { AssemblerFiles } from "./assembler-files.ts";
import { compilerEnvironment, formatInvocation, languageOfSource } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { runPreprocessor } from "./preprocess.ts";
import { programFile } from "./program-file.ts";
import { runProgram } from "./run-program.ts";
import { hasUnseenFiles, includingOption, looksElsewhere, searchVariables, searchedDirectories, valuesOf } from "./search-path.ts";
import { realPath } from "./source-tree.ts";

/** The state of a file or directory when it was named: size and times of change, of the contents and of anything; empty where it is not there. */
export type Stamp = string;

/** What a unit consists of. */
export interface UnitFiles {
  /** Absolute, links resolved; those that its assembler reads by itself, too. */
  readonly files: ReadonlySet<string>;
  /** Its assembler does. */
  readonly isAssembled: boolean;
  /** And it may read others, which are not known. */
  readonly isOpen: boolean;
}

export interface DependencyReader {
  /** Undefined where the compiler cannot say, as for a file that was generated and cleaned away. */
  read(invocation: Invocation): Promise<UnitFiles | undefined>;
}

/** Lists of some twenty programs with hundreds of units each. */
const mostBytes = 256 * 1024 * 1024;

/** A reader that looks at each file once: what changes while it is used is read anew by the next one. */
export function createDependencyReader(cache = dependencyCache(), limit = mostBytes): DependencyReader {
  let trimming: Promise<void> | undefined;
  const stampOf = remember(readStamp);
  const resolveLinks = remember(realPath);
  const namesIn = remember(readNames);
  const compilerOf = remember(compilerState);
  return {
    async read(invocation) {
      const file = isKeepable(invocation) ? join(cache, `${keyOf(invocation, compilerOf(invocation.compiler))}.json`) : undefined;
      const kept = file === undefined ? undefined : await readEntry(file);
      if (kept !== undefined && kept.paths.every(([path, stamp]) => stampOf(path) === stamp)) return toFiles(kept, resolveLinks);
      const begun = Date.now();
      const paths = await askCompiler(invocation);
      if (paths === undefined) return undefined;
      const assembler = paths.some((path) => namesIn(path).mayReadFiles) ? await askAssembler(invocation) : { files: [], directories: [], isOpen: false };
      const all = [...new Set([...paths, ...assembler.files])];
      const places = file === undefined ? [] : [...lookedIn(all, invocation, namesIn), ...assembler.directories.map((path) => `${path}/`)];
      const entry: Entry = { paths: [...all, ...places].map((path) => [path, stampOf(path)]), isAssembled: assembler.files.length > 0, isOpen: assembler.isOpen };
      if (file !== undefined && entry.paths.every(([, stamp]) => isOlder(stamp, begun - tick))) {
        // Once is enough: what one build adds is small.
        await (trimming ??= trimDirectory(cache, limit));
        await writeCacheFile(file, JSON.stringify(entry));
      }
      return toFiles(entry, resolveLinks);
    },
  };
}

const toFiles = ({ paths, isAssembled, isOpen }: Entry, resolveLinks: (path: string) => string): UnitFiles =>
  ({ files: new Set(paths.map(([path]) => path).filter((path) => !path.endsWith("/")).map(resolveLinks)), isAssembled, isOpen });

export function remember<T>(find: (path: string) => T): (path: string) => T {
  const known = new Map<string, { readonly found: T }>();
  return (path) => {
    const entry = known.get(path) ?? { found: find(path) };
    known.set(path, entry);
    return entry.found;
  };
}

const isKeepable = (invocation: Invocation): boolean =>
  !hasUnseenFiles(invocation) && !invocation.arguments.some((word) => word.kind === "option" && looksElsewhere.test(word.flag));

/** Of compilers' own places the one that is searched first, and that people put things into. */
const localHeaders = "/usr/local/include";

/** Beyond, below directories that are only beside files no more is looked at than those name: headers of large libraries lie in hundreds. */
const mostLookedIn = 4096;

/**
 * The directories in which a file may come to lie that the compiler would take instead of one of these: those of the command and of the environment,
 * those of the files, and below each of them what lies below another, or what a file names. A slash ends their names. They change when an entry is
 * made in them.
 */
function lookedIn(paths: readonly string[], { arguments: words, directory }: Invocation, namesIn: (path: string) => Names): readonly string[] {
  const searched = searchedDirectories({ arguments: words, directory });
  const [places, roots] = [unique([...searched, localHeaders]), unique([...searched, localHeaders, ...paths.map((path) => dirname(path))])];
  const below = unique(roots.flatMap((root) => roots.filter((other) => other.startsWith(`${root}/`)).map((other) => other.slice(root.length + 1))));
  const ways = unique([...below, ...paths.flatMap((path) => namesIn(path).ways).map(({ way }) => way)]);
  const opened = roots.length * below.length > mostLookedIn ? [] : roots;
  // What stands in quotes is looked for beside the file first.
  const beside = paths.flatMap((path) => namesIn(path).ways.filter(({ isQuoted }) => isQuoted).map(({ way }) => join(dirname(path), way)));
  const included = valuesOf(words, includingOption).map((path) => dirname(resolve(directory, path)));
  return unique([...roots, ...beside, ...included, ...joinEach(places, ways), ...joinEach(opened, below)]).map((path) => `${path}/`);
}

const unique = (paths: readonly string[]): readonly string[] => [...new Set(paths)];

const joinEach = (roots: readonly string[], ways: readonly string[]): readonly string[] => roots.flatMap((root) => ways.map((way) => join(root, way)));

/** A name with a directory that a file includes, or asks for by `__has_include`. */
interface Name {
  readonly way: string;
  readonly isQuoted: boolean;
}

const naming = /(?:include|include_next|import)[ \t]*\(?[ \t]*(["<])([^"<>\n]+\/)[^"<>/\n]+[">]/g;

interface Names {
  readonly ways: readonly Name[];
  /** What it holds may have the assembler read files. */
  readonly mayReadFiles: boolean;
}

function readNames(path: string): Names {
  try {
    const text = readFileSync(path, "latin1");
    const names = [...text.matchAll(naming)].map(([, quote, way = ""]) => ({ way: way.slice(0, -1), isQuoted: quote === "\"" }));
    return { ways: [...new Map(names.map((name) => [`${name.isQuoted} ${name.way}`, name])).values()], mayReadFiles: mayReadFiles(text) };
  } catch {
    return { ways: [], mayReadFiles: false }; // its stamp says that it is not there
  }
}

export const dependencyCache = (): string => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "suture", "dependencies");

const keyOf = (invocation: Invocation, compiler: string): string => createHash("sha256")
  .update(JSON.stringify(["dependencies 5", invocation.compiler, compiler, invocation.directory, formatInvocation(invocation, []),
    [...searchVariables, "PATH"].map((name) => process.env[name] ?? "")]))
  .digest("hex");

/** Which program this is, whatever its name leads to later. */
export function compilerState(compiler: string): string {
  const file = programFile(compiler);
  return file === undefined ? "" : `${realPath(file)} ${readStamp(file)}`;
}

async function askCompiler(invocation: Invocation): Promise<string[] | undefined> {
  if (languageOfSource(invocation) === "assembler") return [resolve(invocation.directory, invocation.spelled)];
  const run = await runProgram(invocation.compiler, formatInvocation(invocation, ["-w", "-M", "-MT", "unit"]), {
    directory: invocation.directory, environment: compilerEnvironment,
  });
  return run.status === 0 ? parseDependencies(run.output.toString(), invocation.directory) : undefined;
}

async function askAssembler(invocation: Invocation): Promise<AssemblerFiles> {
  const text = await runPreprocessor(invocation);
  return text === undefined ? { files: [], directories: [], isOpen: true } : findAssemblerFiles(invocation, text);
}

/** The prerequisites of a rule as compilers write it: absolute paths. */
export function parseDependencies(rule: string, directory: string): string[] {
  const prerequisites = rule.replaceAll(/\\\r?\n/g, " ").replace(/^.*?:(?=\s)/s, "");
  const words = prerequisites.match(/(?:\\[ #]|\$\$|\S)+/g) ?? [];
  return words.map((word) => resolve(directory, word.replaceAll(/\\([ #])/g, "$1").replaceAll("$$", "$")));
}

interface Entry {
  readonly paths: readonly (readonly [string, Stamp])[];
  readonly isAssembled: boolean;
  readonly isOpen: boolean;
}

async function readEntry(file: string): Promise<Entry | undefined> {
  try {
    const entry: unknown = JSON.parse(await readFile(file, "utf8"));
    return isEntry(entry) ? entry : undefined;
  } catch {
    return undefined; // not there, or of no use
  }
}

const isEntry = (value: unknown): value is Entry =>
  typeof value === "object" && value !== null && "paths" in value && "isAssembled" in value && "isOpen" in value &&
  typeof value.isAssembled === "boolean" && typeof value.isOpen === "boolean" && Array.isArray(value.paths) && value.paths.every(isRow);

/** By hand: a build reads tens of thousands of rows. */
const isRow = (row: unknown): boolean => Array.isArray(row) && row.length === 2 && typeof row[0] === "string" && typeof row[1] === "string";

export function readStamp(path: string): Stamp {
  const status = statSync(path, { throwIfNoEntry: false, bigint: true });
  return status === undefined ? "" : `${status.size} ${status.mtimeNs} ${status.ctimeNs}`;
}

export const isOlder = (stamp: Stamp, time: number): boolean => stamp.split(" ").slice(1).every((nanoseconds) => Number(nanoseconds) / 1e6 < time);
