// One recorded command as something that can be run again: the user's tree as it is, or the shadow tree with every path
// mapped and every name that the compiler writes into the object mapped back.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { SutureError } from "../errors.ts";
import { formatArguments, mapPaths, parseArguments, stripArguments } from "./compiler-arguments.ts";
import type { Argument } from "./compiler-arguments.ts";
import { splitShellWords } from "./shell-words.ts";
import { pathInTree, realPath } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";
import type { CompileCommand } from "./types.ts";

/** A compiler and its arguments, without those that say what to make and where to put it. */
export interface Invocation {
  readonly compiler: string;
  readonly directory: string;
  readonly arguments: readonly Argument[];
  /** As recorded, with response files read. */
  readonly recorded: readonly Argument[];
  /** The source file as the command spells it. */
  readonly spelled: string;
}

const launchers = new Set(["ccache", "sccache", "distcc", "icecc", "buildcache", "gomacc"]);
const deepestResponseFile = 10;

/** Understands a command: launchers such as ccache are left out, response files are read. */
export async function readInvocation(command: CompileCommand): Promise<Invocation> {
  const words = await expandResponseFiles(withoutLaunchers(command.arguments), command.directory, 0);
  const [compiler = "cc", ...rest] = words;
  const recorded = parseArguments(rest);
  const isMain = (path: string) => isSameFile(resolve(command.directory, path), command.file);
  const spelled = recorded.find((argument) => argument.kind === "input" && isMain(argument.path));
  if (spelled?.kind !== "input") {
    throw new SutureError("no-compile-command",
      `Cannot compile ${command.file}: its compile command does not name it: ${command.arguments.join(" ")}`, { file: command.file });
  }
  return {
    compiler: compiler.includes("/") ? resolve(command.directory, compiler) : compiler,
    directory: command.directory,
    arguments: stripArguments(recorded, isMain),
    recorded,
    spelled: spelled.path,
  };
}

/** Some tools resolve links in `file` and none in the arguments. */
const isSameFile = (a: string, b: string): boolean => a === b || (basename(a) === basename(b) && realPath(a) === realPath(b));

function withoutLaunchers(words: readonly string[]): readonly string[] {
  const [first = "", next] = words;
  const isLauncher = launchers.has(basename(first)) && next !== undefined && !next.startsWith("-");
  return isLauncher ? withoutLaunchers(words.slice(1)) : words;
}

async function expandResponseFiles(words: readonly string[], directory: string, depth: number): Promise<readonly string[]> {
  if (depth > deepestResponseFile) return words;
  const expanded = await Promise.all(words.map(async (word) => {
    if (!word.startsWith("@") || word.length === 1) return [word];
    const text = await readFile(resolve(directory, word.slice(1)), "utf8").catch(() => undefined);
    // As the compilers do: what cannot be read is an argument like any other.
    return text === undefined ? [word] : expandResponseFiles(splitShellWords(text), directory, depth + 1);
  }));
  return expanded.flat();
}

/** The same command in the shadow tree, giving an object that says it came from the user's tree. */
export function inShadow(invocation: Invocation, tree: ShadowTree): Invocation {
  const below = locate(tree, invocation.directory);
  const directory = below === undefined ? invocation.directory : join(tree.shadow, below);
  const names = new Map<string, string>([[tree.shadow, tree.spelledRoot]]);
  if (below !== undefined) {
    names.set(tree.shadow, rootAsSpelled(invocation.directory, below) ?? tree.spelledRoot);
    names.set(directory, invocation.directory);
  }
  const mapped = mapPaths(invocation.arguments, (path) => mapPath(path, invocation.directory, directory, tree, names));
  const maps = prefixMaps(names, invocation.arguments, tree);
  return { ...invocation, directory, arguments: [...mapped, ...maps] };
}

/** Where in the tree a path of the recorded command lies, whatever links it takes. */
export const locate = (tree: ShadowTree, path: string): string | undefined =>
  pathInTree(tree, path) ?? pathInTree(tree, realPath(path));

/**
 * A path that would still lead to the same place in the shadow stays as it is spelled, for `__FILE__` and the debug
 * information. Any other becomes absolute, and `names` says what the object should call it.
 */
function mapPath(path: string, from: string, to: string, tree: ShadowTree, names: Map<string, string>): string {
  const absolute = resolve(from, path);
  const below = locate(tree, absolute);
  const mapped = below === undefined ? absolute : join(tree.shadow, below);
  if (!isAbsolute(path) && join(to, path) === join(mapped)) return path;
  if (isAbsolute(path) && below === undefined) return path;
  if (isAbsolute(path) && path === join(names.get(tree.shadow) ?? tree.spelledRoot, below ?? "")) return mapped;
  if (mapped !== tree.shadow) names.set(mapped, path);
  // Files beside the source are named by its directory.
  const slash = path.lastIndexOf("/");
  if (slash > 0 && below !== "") names.set(join(mapped, ".."), path.slice(0, slash));
  return mapped;
}

const rootAsSpelled = (directory: string, below: string): string | undefined => {
  if (below === "") return directory;
  return directory.endsWith(`/${below}`) ? directory.slice(0, -below.length - 1) : undefined;
};

/**
 * The compilers use the last map that fits, once. So ours go after the recorded ones, longer ones later, and what a
 * recorded map would have made of the user's path is worked out here.
 */
function prefixMaps(names: ReadonlyMap<string, string>, recorded: readonly Argument[], tree: ShadowTree): readonly Argument[] {
  return ["debug", "macro"].flatMap((kind) => {
    const maps = recordedMaps(recorded, kind);
    const wanted = new Map([...names].map(([from, to]) => [from, applyMaps(maps, to)]));
    for (const [from, to] of maps) {
      const below = isAbsolute(from) ? pathInTree(tree, from) : undefined;
      if (below !== undefined) wanted.set(join(tree.shadow, below), to);
    }
    return [...wanted]
      .filter(([from, to]) => from !== to && !from.includes("="))
      .sort(([a], [b]) => a.length - b.length)
      .map(([from, to]): Argument => ({ kind: "option", flag: `-f${kind}-prefix-map=${from}=${to}`, isJoined: false }));
  });
}

function recordedMaps(recorded: readonly Argument[], kind: string): readonly (readonly [string, string])[] {
  return recorded.flatMap((argument) => {
    const match = argument.kind === "option" ? /^-f(\w+)-prefix-map=([^=]*)=(.*)$/s.exec(argument.flag) : null;
    const [, of, from, to] = match ?? [];
    return from !== undefined && to !== undefined && (of === kind || of === "file") ? [[from, to] as const] : [];
  });
}

function applyMaps(maps: readonly (readonly [string, string])[], path: string): string {
  const map = maps.findLast(([from]) => path.startsWith(from));
  return map === undefined ? path : map[1] + path.slice(map[0].length);
}

/** The words that run the invocation. Behind all other places the compiler finds the header for authors of patches. */
export const formatInvocation = (invocation: Invocation, more: readonly string[]): string[] =>
  [...formatArguments(invocation.arguments), "-idirafter", authorsHeaders, ...more];

/** Beside the bundled program, or in the checkout. */
const authorsHeaders = ["./include", "../include"].map((place) => fileURLToPath(new URL(place, import.meta.url))).find((place) => existsSync(join(place, "suture.h"))) ?? "";

/**
 * The environment of every compiler run: nothing that would make it write or answer something else than asked, and one
 * time of day for both sides, as `__TIME__` is part of the code.
 */
export const compilerEnvironment: Readonly<Record<string, string | undefined>> = {
  CCACHE_DISABLE: "1", DEPENDENCIES_OUTPUT: undefined, SUNPRO_DEPENDENCIES: undefined, GCC_COLORS: undefined, CCC_OVERRIDE_OPTIONS: undefined,
  SOURCE_DATE_EPOCH: process.env["SOURCE_DATE_EPOCH"] ?? String(Math.floor(Date.now() / 1000)),
};

/** The language of the source as `-x` calls it; empty where nothing says it. */
export function languageOfSource({ arguments: words, spelled }: Pick<Invocation, "arguments" | "spelled">): string {
  const stated = words.findLast((word) => word.kind === "option" && word.flag === "-x");
  return (stated?.kind === "option" ? stated.value : undefined) ?? languageOf(spelled);
}

const languageOf = (path: string): string =>
  (/\.c$/.test(path) ? "c" : /\.(cc|cpp|cxx|c\+\+|cp|CPP|C)$/.test(path) ? "c++" : /\.(S|sx)$/.test(path) ? "assembler-with-cpp" : /\.s$/.test(path) ? "assembler" : "");
