// Which files a unit consists of, by the compiler's own dependency output. Asking costs a preprocessor run a unit, so
// the answers are kept on disk, outside the tree, for as long as none of the files named has changed, and no directory that a
// compiler looks into for them has another entry: a new file there may be taken instead of one of them.

import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";

import { writeCacheFile } from "./cache-file.ts";
import { compilerEnvironment, formatInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { runProgram } from "./run-program.ts";
import { realPath } from "./source-tree.ts";

/** The state of a file or directory when it was named: size and time of change; empty where it is not there. */
type Stamp = string;

export interface DependencyReader {
  /** Absolute paths, links resolved. Undefined where the compiler cannot say, as for a file that was generated and cleaned away. */
  read(invocation: Invocation): Promise<ReadonlySet<string> | undefined>;
}

/** A reader that looks at each file once: trees must not change while it is used. */
export function createDependencyReader(cache = defaultCache()): DependencyReader {
  const stamps = new Map<string, Stamp | undefined>();
  const stampOf = (path: string): Stamp | undefined => {
    if (!stamps.has(path)) stamps.set(path, readStamp(path));
    return stamps.get(path);
  };
  const resolved = new Map<string, string>();
  const resolveLinks = (path: string): string => {
    const known = resolved.get(path) ?? realPath(path);
    resolved.set(path, known);
    return known;
  };
  return {
    async read(invocation) {
      const file = join(cache, `${keyOf(invocation)}.json`);
      const kept = await readEntry(file);
      const isFresh = kept !== undefined && kept.every(([path, stamp]) => (stampOf(path) ?? "") === stamp);
      const paths = isFresh ? kept.map(([path]) => path).filter((path) => !path.endsWith("/")) : await askCompiler(invocation);
      if (!isFresh && paths !== undefined) await writeCacheFile(file, JSON.stringify([...paths, ...lookedIn(paths, invocation)].map((path) => [path, stampOf(path) ?? ""])));
      return paths && new Set(paths.map(resolveLinks));
    },
  };
}

const searchOption = /^-(?:I|F|iquote|isystem|isystem-after|cxx-isystem|idirafter)$/;
/** Of compilers' own places the one that is searched first, and that people put things into. */
const localHeaders = "/usr/local/include";

/** Beyond, of the directories that are only beside files, nothing below is looked at: headers of large libraries lie in hundreds. */
const mostLookedIn = 4096;

/**
 * The directories in which a file may come to lie that the compiler would take instead of one of these: those of the command and of the environment,
 * those of the files, and below each of them what lies below another. A slash ends their names. They change when an entry is made in them.
 */
function lookedIn(paths: readonly string[], { arguments: words, directory }: Invocation): readonly string[] {
  const named = words.flatMap((word) => (word.kind === "option" && word.value !== undefined && searchOption.test(word.flag) ? [word.value] : []));
  const searched = [...named, ...headerPaths.flatMap((name) => process.env[name]?.split(delimiter) ?? [])].map((path) => resolve(directory, path));
  const roots = [...new Set([...searched, localHeaders, ...paths.map((path) => dirname(path))])];
  const below = [...new Set(roots.flatMap((root) => roots.filter((other) => other.startsWith(`${root}/`)).map((other) => other.slice(root.length))))];
  const opened = roots.length * below.length > mostLookedIn ? [...new Set([...searched, localHeaders])] : roots;
  return [...new Set([...roots, ...opened.flatMap((root) => below.map((way) => `${root}${way}`))])].map((path) => `${path}/`);
}

const defaultCache = (): string => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "suture", "dependencies");

/** Lists of directories; an empty name is the working directory. */
const headerPaths = ["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"];
const searchPaths = [...headerPaths, "GCC_EXEC_PREFIX", "COMPILER_PATH"];

const keyOf = (invocation: Invocation): string => createHash("sha256")
  .update(JSON.stringify(["dependencies 3", invocation.compiler, invocation.directory, formatInvocation(invocation, []), searchPaths.map((name) => process.env[name] ?? "")]))
  .digest("hex");

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

function readStamp(path: string): Stamp | undefined {
  const status = statSync(path, { throwIfNoEntry: false, bigint: true });
  return status && `${status.size} ${status.mtimeNs}`;
}
