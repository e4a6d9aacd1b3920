// Which translation units a diff reaches: those whose main file it touches, and those that include what it touches. The
// second kind is found by asking the compiler, which takes a preprocessor run: so only about units that can come to include
// something touched at all, or of which that is not known. What the program says of itself is held against the answers.

import { existsSync } from "node:fs";
import { join, relative } from "node:path";

import { SutureError } from "../errors.ts";
import type { SourceRecord } from "../patchability/mod.ts";
import type { AppliedDiffs, TouchedFile } from "./apply-diff.ts";
import { linkTimeOptimisation, makesNoObject } from "./compiler-arguments.ts";
import { createDependencyReader } from "./dependencies.ts";
import type { DependencyReader, UnitFiles } from "./dependencies.ts";
import { findReach } from "./includable.ts";
import type { Reach } from "./inclusions.ts";
import { isMentioned } from "./mentions.ts";
import { reportNotCompiled } from "./not-compiled.ts";
import { readInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { mapParallel } from "./parallel.ts";
import { findUnfound } from "./source-record.ts";
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
  /** All that it consists of; undefined where nobody asked, and where the compiler could not say. */
  readonly consistsOf: UnitFiles | undefined;
}

export interface ReachedUnits {
  readonly units: readonly TranslationUnit[];
  /**
   * Touched sources that no compile command compiles or includes, relative to the source root. Tests and other
   * platforms' code, or a sign that the compile commands are not complete.
   */
  readonly uncompiled: readonly string[];
  /** Main files of compile commands that were made from other files, relative to the source root. */
  readonly made: readonly string[];
}

/** Chooses among the units found, before anything is compiled; may refuse what was not found. */
export type UnitFilter = (
  units: readonly TranslationUnit[],
  uncompiled: readonly string[],
) => readonly TranslationUnit[] | Promise<readonly TranslationUnit[]>;

export interface UnitSearch {
  readonly jobs?: number;
  readonly dependencies?: DependencyReader;
  /** What the program says of its sources, which refuses units that were not found. */
  readonly record?: Promise<SourceRecord>;
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
  search: UnitSearch = {},
): Promise<ReachedUnits> {
  const touched = touchedPaths(applied);
  const located = commands.map((command) => ({ command, unit: relative(tree.root, realPath(command.file)) }));
  const certain = await readCandidates(located.filter(({ unit }) => touched.includes(unit)));
  // The compilers of these are at work before the others are so much as read.
  await search.onCertain?.(certain);
  const known = new Map(certain.map((candidate) => [candidate.command, candidate]));
  const candidates = await readCandidates(located, known);
  const reached = await askUnits(tree, applied, candidates, search);
  refuseLeftOut(applied, reached);
  await refuseUnfound(tree, applied, reached, search.record);
  const units = reached.filter((candidate) => candidate.touched.length > 0).map(({ has: _, isMade: __, ...unit }) => unit);
  if (units.length === 0) {
    reportNotCompiled(tree, applied, new Set(), madeAmong(reached));
    throw nothingToPatch(touched, applied);
  }
  const found = new Set(units.flatMap((unit) => unit.touched));
  const missed = applied.touched.filter(({ path }) => isSourceName(path) && !found.has(path));
  return { units, made: madeAmong(reached), uncompiled: missed.filter((file) => !isIncludedAnew(file, applied)).map(({ path }) => path) };
}

/** A unit, and all that is known of what it holds. */
type AskedUnit = TranslationUnit & Pick<Reach, "isMade"> & { has(path: string): boolean };

const madeAmong = (units: readonly AskedUnit[]): readonly string[] => [...new Set(units.filter(({ isMade }) => isMade).map(({ unit }) => unit))];

/** Which of them include what. */
async function askUnits(
  tree: ShadowTree, applied: AppliedDiffs, candidates: readonly Compilable[],
  { jobs, dependencies = createDependencyReader(), onAsked }: UnitSearch,
): Promise<readonly AskedUnit[]> {
  const touched = touchedPaths(applied);
  const reaches = await findReach(tree.root, candidates.map(({ invocation }) => invocation), [...touched, ...applied.leftOut].map((path) => join(tree.root, path)));
  const reachOf = new Map(candidates.map((candidate, index) => [candidate, reaches[index]] as const));
  const doubtful = new Map([...reachOf].filter(([candidate, reach]) => mayInclude(tree, candidate, reach)));
  const mains = new Set(candidates.map(({ unit }) => unit));
  let asked = 0;
  return mapParallel(candidates, jobs, async (candidate) => {
    const reach = doubtful.get(candidate);
    if (reach !== undefined) onAsked?.(touched, asked++, doubtful.size);
    const consistsOf = reach === undefined ? undefined : await dependencies.read(candidate.invocation);
    const includes = reach === undefined ? () => false : inclusionIn(tree, applied, { candidate, consistsOf, reach, mains });
    const has = (path: string): boolean => path === candidate.unit || includes(path);
    return { ...candidate, touched: touched.filter(has), consistsOf, has, isMade: reachOf.get(candidate)?.isMade ?? true };
  });
}

/** What is wrong with the program itself is said by who opens it. */
async function refuseUnfound(tree: ShadowTree, applied: AppliedDiffs, units: readonly AskedUnit[], record: Promise<SourceRecord> | undefined): Promise<void> {
  const said = await record?.catch(() => undefined);
  const found = units.map(({ spelled, touched, command: { directory }, invocation: { recorded } }) =>
    ({ spelled, directory, touched, isLinkedAnew: linkTimeOptimisation(recorded) !== undefined }));
  const unfound = said === undefined ? undefined : findUnfound(said, tree, found, touchedPaths(applied));
  if (unfound === undefined) return;
  // Where that is the reason, it says more.
  reportNotCompiled(tree, applied, new Set(units.flatMap(({ touched }) => touched)), madeAmong(units));
  throw unfound;
}

/** No unit can have named a file that the diffs create; the sources that they change may name it now. */
function isIncludedAnew({ path, original }: TouchedFile, { touched }: AppliedDiffs): boolean {
  return original === undefined && touched.some(({ patched }) => patched && isMentioned(path, Buffer.from(patched).toString("latin1")));
}

/** A unit, before it is known what of it is touched. */
export type Compilable = Omit<TranslationUnit, "touched" | "consistsOf">;

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

/** Something other than itself that the diffs touch, or nobody knows what. */
const mayInclude = ({ root }: ShadowTree, { unit }: Compilable, reach: Reach | undefined): boolean =>
  reach !== undefined && (reach.isOpen || reach.assembles || [...reach.targets].some((target) => target !== join(root, unit)));

interface Answer {
  readonly candidate: Compilable;
  readonly consistsOf: UnitFiles | undefined;
  readonly reach: Reach;
  readonly mains: ReadonlySet<string>;
}

/** Is a touched file part of the unit, besides its own? */
function inclusionIn({ root }: ShadowTree, { touched }: AppliedDiffs, { candidate, consistsOf, reach, mains }: Answer): (path: string) => boolean {
  const mayReach = (path: string): boolean => reach.targets.has(join(root, path));
  // A unit that the preprocessor refuses counts as reached: compiling it says why, leaving it out would be silent.
  if (consistsOf === undefined) {
    const isGone = !existsSync(join(root, candidate.unit));
    return (path) => mayReach(path) || (isGone ? isSourceName(path) && !mains.has(path) : reach.isOpen);
  }
  // A file that is not there yet is on no list. Whether it is will be asked, or it comes before another one.
  const created = new Set(touched.filter(({ original }) => original === undefined).map(({ path }) => path));
  return (path) => consistsOf.isOpen || consistsOf.files.has(join(root, path)) || (created.has(path) && mayReach(path));
}

function refuseLeftOut(applied: AppliedDiffs, reached: readonly AskedUnit[]): void {
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
