// Which translation units a diff reaches: those whose main file it touches, and those that include what it touches. The
// second kind is found by asking the compiler about every unit, so that is done only where something touched can
// be included at all.

import { join, relative, resolve } from "node:path";

import { SutureError } from "../errors.ts";
import type { AppliedDiffs, TouchedFile } from "./apply-diff.ts";
import { makesNoObject } from "./compiler-arguments.ts";
import type { Argument } from "./compiler-arguments.ts";
import { createDependencyReader, searchOption } from "./dependencies.ts";
import type { DependencyReader } from "./dependencies.ts";
import { findMentioned, isMentioned } from "./mentions.ts";
import { reportNotCompiled } from "./not-compiled.ts";
import { readInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { mapParallel } from "./parallel.ts";
import { isSourceName, realPath } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";
import type { CompileCommand } from "./types.ts";

/** One compilation that the diff reaches. The same file compiled twice with different flags is two units. */
export interface TranslationUnit {
  readonly command: CompileCommand;
  readonly invocation: Invocation;
  /** Path of the main source file relative to the source root. */
  readonly unit: string;
  /** The main source file as the compile command spells it: DW_AT_name of the unit. */
  readonly spelled: string;
  /** The touched files that this unit consists of, relative to the source root. */
  readonly touched: readonly string[];
  /** All files that it consists of, absolute, links resolved; undefined where nobody asked, and where the compiler could not say. */
  readonly files: ReadonlySet<string> | undefined;
}

export interface ReachedUnits {
  readonly units: readonly TranslationUnit[];
  /**
   * Touched sources that no compile command compiles or includes, relative to the source root. Tests and other
   * platforms' code, or a sign that the compile commands are not complete.
   */
  readonly uncompiled: readonly string[];
  /** Main files of all compile commands, relative to the source root. */
  readonly mains: readonly string[];
}

/** Chooses among the units found, before anything is compiled; may refuse what was not found. */
export type UnitFilter = (
  units: readonly TranslationUnit[],
  uncompiled: readonly string[],
) => readonly TranslationUnit[] | Promise<readonly TranslationUnit[]>;

export interface UnitSearch {
  readonly jobs?: number;
  readonly dependencies?: DependencyReader;
  /** Told once of the units that are reached whatever is found out about the others, which then waits. */
  readonly onCertain?: (units: readonly Compilable[]) => Promise<void>;
  /** Told how many of the units have been asked whether they include one of `files`. */
  readonly onAsked?: (files: readonly string[], done: number, of: number) => void;
}

/** Finds the units that the applied diffs reach among the compile commands. */
export async function findTranslationUnits(
  tree: ShadowTree,
  applied: AppliedDiffs,
  commands: readonly CompileCommand[],
  { jobs, dependencies = createDependencyReader(), onCertain, onAsked }: UnitSearch = {},
): Promise<ReachedUnits> {
  const touched = touchedPaths(applied);
  const located = commands.map((command) => ({ command, unit: relative(tree.root, realPath(command.file)) }));
  const certain = await readCandidates(located.filter(({ unit }) => touched.includes(unit)));
  // The compilers of these are at work before the others are so much as read.
  await onCertain?.(certain);
  const known = new Map(certain.map((candidate) => [candidate.command, candidate]));
  const candidates = await readCandidates(located, known);
  const mains = new Set(candidates.map((candidate) => candidate.unit));
  const included = findIncludable(tree, [...touched, ...applied.leftOut], candidates, mains);
  let asked = 0;
  const reached = await mapParallel(candidates, jobs, async (candidate) => {
    if (included.size > 0) onAsked?.([...included], asked++, candidates.length);
    const files = included.size > 0 ? await dependencies.read(candidate.invocation) : undefined;
    // A unit that the preprocessor refuses counts as reached: compiling it says why, leaving it out would be silent.
    const has = (path: string): boolean => path === candidate.unit || (files?.has(join(tree.root, path)) ?? included.has(path));
    return { ...candidate, touched: touched.filter(has), files, has };
  });
  refuseLeftOut(applied, reached);
  const units = reached.filter((candidate) => candidate.touched.length > 0).map(({ has: _, ...unit }) => unit);
  if (units.length === 0) {
    reportNotCompiled(tree, applied, new Set(), [...mains]);
    throw nothingToPatch(touched, applied);
  }
  const found = new Set(units.flatMap((unit) => unit.touched));
  const missed = applied.touched.filter(({ path }) => isSourceName(path) && !found.has(path));
  return { units, mains: [...mains], uncompiled: missed.filter((file) => !isIncludedAnew(file, applied)).map(({ path }) => path) };
}

/** No unit can have named a file that the diffs create; the sources that they change may name it now. */
function isIncludedAnew({ path, original }: TouchedFile, { touched }: AppliedDiffs): boolean {
  return original === undefined && touched.some(({ patched }) => patched && isMentioned(path, Buffer.from(patched).toString("latin1")));
}

/** A unit, before it is known what of it is touched. */
export type Compilable = Omit<TranslationUnit, "touched" | "files">;

interface LocatedCommand {
  readonly command: CompileCommand;
  /** Path of the main source file relative to the source root. */
  readonly unit: string;
}

async function readCandidates(commands: readonly LocatedCommand[], known: ReadonlyMap<CompileCommand, Compilable> = new Map()): Promise<readonly Compilable[]> {
  const candidates = await Promise.all(commands.map(async ({ command, unit }) => {
    const read = known.get(command);
    if (read !== undefined) return [read];
    const invocation = await readInvocation(command).catch(() => undefined);
    if (invocation === undefined || makesNoObject(invocation.recorded)) return [];
    return [{ command, invocation, unit, spelled: invocation.spelled }];
  }));
  return candidates.flat();
}

const touchedPaths = ({ touched }: AppliedDiffs): readonly string[] => touched.map((file) => file.path);

/** Touched files that a unit may include: those that are no unit of their own, or are named in some other source or an option. */
function findIncludable(tree: ShadowTree, paths: readonly string[], candidates: readonly Compilable[], mains: ReadonlySet<string>): ReadonlySet<string> {
  const [sources, others] = [paths.filter(isSourceName), paths.filter((path) => !isSourceName(path))];
  const parts = sources.filter((path) => !mains.has(path));
  const asked = [...sources.filter((path) => mains.has(path)), ...others];
  if (asked.length === 0) return new Set(parts);
  const words = new Set(candidates.flatMap(({ invocation: { recorded, spelled } }) => recorded.flatMap((word) => includingWords(word, spelled))));
  return new Set([...parts, ...findMentioned({ root: tree.root, others: mains, directories: searchedDirectories(candidates), words: [...words] }, asked)]);
}

const searchedDirectories = (candidates: readonly Compilable[]): ReadonlySet<string> =>
  new Set(candidates.flatMap(({ invocation: { recorded, directory } }) =>
    [directory, ...recorded.flatMap((word) => (word.kind === "option" && word.value !== undefined && searchOption.test(word.flag) ? [resolve(directory, word.value)] : []))]));

/** `--include tables.c` is an option that is not looked into, and an input. */
const includingWords = (word: Argument, main: string): readonly string[] =>
  (word.kind === "option" ? [word.value ?? word.flag] : word.path === main ? [] : [word.path]);

function refuseLeftOut(applied: AppliedDiffs, reached: readonly (Compilable & { has(path: string): boolean })[]): void {
  for (const path of applied.leftOut) {
    const unit = reached.find(({ has }) => has(path));
    if (unit === undefined) continue;
    throw new SutureError("diff-does-not-apply",
      `Cannot apply the diff to ${path}: it does not fit, and ${unit.unit} includes it; nothing was changed`, { file: path, unit: unit.unit });
  }
}

function nothingToPatch(touched: readonly string[], applied: AppliedDiffs): SutureError {
  const sources = touched.filter(isSourceName);
  const found = sources.length === 0
    ? `the diff changes no C or C++ source (${[...touched, ...applied.leftOut].join(", ") || "no file at all"})`
    : `no compile command compiles or includes ${sources.join(", ")}; "suture capture -- make" records a whole build`;
  return new SutureError("nothing-to-patch", `Nothing to patch: ${found}`, { files: [...touched] });
}
