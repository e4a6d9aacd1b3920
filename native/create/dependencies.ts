// Which files a unit consists of, by the compiler's own dependency output. Asking costs a preprocessor run a unit, so
// the answers are kept on disk, outside the tree, for as long as none of the files named has changed, and no directory that a
// compiler looks into for them has another entry: a new file there may be taken instead of one of them. An answer is not kept
// where something was changed while it was found, or where options let the compiler look into places that are not known here.

import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";

import { trimDirectory, writeCacheFile } from "./cache-file.ts";
import { tick } from "./edited.ts";
import { compilerEnvironment, formatInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { runProgram } from "./run-program.ts";
import { realPath } from "./source-tree.ts";

/** The state of a file or directory when it was named: size and times of change, of the contents and of anything; empty where it is not there. */
type Stamp = string;

export interface DependencyReader {
  /** Absolute paths, links resolved. Undefined where the compiler cannot say, as for a file that was generated and cleaned away. */
  read(invocation: Invocation): Promise<ReadonlySet<string> | undefined>;
}

/** Lists of some twenty programs with hundreds of units each. */
const mostBytes = 256 * 1024 * 1024;

/** A reader that looks at each file once: what changes while it is used is read anew by the next one. */
export function createDependencyReader(cache = defaultCache(), limit = mostBytes): DependencyReader {
  let trimming: Promise<void> | undefined;
  const stampOf = remember(readStamp);
  const resolveLinks = remember(realPath);
  const namesIn = remember(readNames);
  const compilerOf = remember((compiler) => programFile(compiler).map((file) => `${realPath(file)} ${readStamp(file)}`).at(0) ?? "");
  return {
    async read(invocation) {
      const file = isKeepable(invocation) ? join(cache, `${keyOf(invocation, compilerOf(invocation.compiler))}.json`) : undefined;
      const kept = file === undefined ? undefined : await readEntry(file);
      if (kept !== undefined && kept.every(([path, stamp]) => stampOf(path) === stamp)) {
        return new Set(kept.map(([path]) => path).filter((path) => !path.endsWith("/")).map(resolveLinks));
      }
      const begun = Date.now();
      const paths = await askCompiler(invocation);
      if (paths === undefined) return undefined;
      const entry: Entry = file === undefined ? [] : [...paths, ...lookedIn(paths, invocation, namesIn)].map((path) => [path, stampOf(path)]);
      if (file !== undefined && entry.every(([, stamp]) => isOlder(stamp, begun - tick))) {
        // Once is enough: what one build adds is small.
        await (trimming ??= trimDirectory(cache, limit));
        await writeCacheFile(file, JSON.stringify(entry));
      }
      return new Set(paths.map(resolveLinks));
    },
  };
}

function remember<T>(find: (path: string) => T): (path: string) => T {
  const known = new Map<string, { readonly found: T }>();
  return (path) => {
    const entry = known.get(path) ?? { found: find(path) };
    known.set(path, entry);
    return entry.found;
  };
}

/** Options whose files, or whose places to look into, the compiler finds by rules of its own. */
const looksElsewhere =
  /^(--sysroot|-isysroot|-B|--prefix|-?-specs|-i(prefix|withprefix|multilib)|--include|--imacros|--?gcc-toolchain|--config|-Xpreprocessor|-Xclang|-fmodule|-ivfsoverlay|-include-pch|-I-$|-Wp,(?!-[DU][^,]*(,-[DU][^,]*)*$))/;

const isKeepable = ({ arguments: words }: Invocation): boolean =>
  !words.some((word) => word.kind === "option" && (looksElsewhere.test(word.flag) || (searchOption.test(word.flag) && /^(=|\$SYSROOT)/.test(word.value ?? ""))));

/** Options with a directory for headers. */
export const searchOption = /^-(?:I|F|iquote|isystem|isystem-after|cxx-isystem|idirafter)$/;
/** Of compilers' own places the one that is searched first, and that people put things into. */
const localHeaders = "/usr/local/include";

/** Beyond, below directories that are only beside files no more is looked at than those name: headers of large libraries lie in hundreds. */
const mostLookedIn = 4096;

/**
 * The directories in which a file may come to lie that the compiler would take instead of one of these: those of the command and of the environment,
 * those of the files, and below each of them what lies below another, or what a file names. A slash ends their names. They change when an entry is
 * made in them.
 */
function lookedIn(paths: readonly string[], { arguments: words, directory }: Invocation, namesIn: (path: string) => readonly Name[]): readonly string[] {
  const valuesOf = (option: RegExp): readonly string[] =>
    words.flatMap((word) => (word.kind === "option" && word.value !== undefined && option.test(word.flag) ? [word.value] : []));
  const searched = [...valuesOf(searchOption), ...headerPaths.flatMap((name) => process.env[name]?.split(delimiter) ?? [])].map((path) => resolve(directory, path));
  const [places, roots] = [unique([...searched, localHeaders]), unique([...searched, localHeaders, ...paths.map((path) => dirname(path))])];
  const below = unique(roots.flatMap((root) => roots.filter((other) => other.startsWith(`${root}/`)).map((other) => other.slice(root.length + 1))));
  const ways = unique([...below, ...paths.flatMap(namesIn).map(({ way }) => way)]);
  const opened = roots.length * below.length > mostLookedIn ? [] : roots;
  // What stands in quotes is looked for beside the file first.
  const beside = paths.flatMap((path) => namesIn(path).filter(({ isQuoted }) => isQuoted).map(({ way }) => join(dirname(path), way)));
  const included = valuesOf(/^-(?:include|imacros)$/).map((path) => dirname(resolve(directory, path)));
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

function readNames(path: string): readonly Name[] {
  try {
    const names = [...readFileSync(path, "latin1").matchAll(naming)].map(([, quote, way = ""]) => ({ way: way.slice(0, -1), isQuoted: quote === "\"" }));
    return [...new Map(names.map((name) => [`${name.isQuoted} ${name.way}`, name])).values()];
  } catch {
    return []; // its stamp says that it is not there
  }
}

const defaultCache = (): string => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "suture", "dependencies");

/** Lists of directories; an empty name is the working directory. */
const headerPaths = ["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"];
const searchPaths = [...headerPaths, "GCC_EXEC_PREFIX", "COMPILER_PATH"];

const keyOf = (invocation: Invocation, compiler: string): string => createHash("sha256")
  .update(JSON.stringify(["dependencies 4", invocation.compiler, compiler, invocation.directory, formatInvocation(invocation, []),
    [...searchPaths, "PATH"].map((name) => process.env[name] ?? "")]))
  .digest("hex");

/** Where the shell would find the program. */
const programFile = (name: string): readonly string[] =>
  (name.includes("/") ? [name] : (process.env["PATH"] ?? "").split(delimiter).map((path) => join(path, name)))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);

async function askCompiler(invocation: Invocation): Promise<string[] | undefined> {
  const run = await runProgram(invocation.compiler, formatInvocation(invocation, ["-w", "-M", "-MT", "unit"]), {
    directory: invocation.directory, environment: compilerEnvironment,
  });
  return run.status === 0 ? parseDependencies(run.output.toString(), invocation.directory) : undefined;
}

/** The prerequisites of a rule as compilers write it: absolute paths. */
export function parseDependencies(rule: string, directory: string): string[] {
  const prerequisites = rule.replaceAll(/\\\r?\n/g, " ").replace(/^.*?:(?=\s)/s, "");
  const words = prerequisites.match(/(?:\\[ #]|\$\$|\S)+/g) ?? [];
  return words.map((word) => resolve(directory, word.replaceAll(/\\([ #])/g, "$1").replaceAll("$$", "$")));
}

type Entry = readonly (readonly [string, Stamp])[];

async function readEntry(file: string): Promise<Entry | undefined> {
  try {
    const entry: unknown = JSON.parse(await readFile(file, "utf8"));
    return isEntry(entry) ? entry : undefined;
  } catch {
    return undefined; // not there, or of no use
  }
}

/** By hand: a build reads tens of thousands of rows. */
const isEntry = (value: unknown): value is Entry =>
  Array.isArray(value) && value.every((row: unknown) => Array.isArray(row) && row.length === 2 && typeof row[0] === "string" && typeof row[1] === "string");

function readStamp(path: string): Stamp {
  const status = statSync(path, { throwIfNoEntry: false, bigint: true });
  return status === undefined ? "" : `${status.size} ${status.mtimeNs} ${status.ctimeNs}`;
}

const isOlder = (stamp: Stamp, time: number): boolean => stamp.split(" ").slice(1).every((nanoseconds) => Number(nanoseconds) / 1e6 < time);
