// From diffs and a source tree to object pairs: every unit that the diffs reach, compiled as it was (in the user's tree,
// which is only read) and as patched (in a shadow of it). Both sides get the same flags and a section for each function
// and variable; whatever names the shadow is mapped back, so that the objects differ only where the sources do.

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { SutureError } from "../errors.ts";
import { applyDiffs } from "./apply-diff.ts";
import type { AppliedDiffs, TouchedFile } from "./apply-diff.ts";
import { compileError } from "./compile-error.ts";
import { readCompileCommands } from "./compile-commands.ts";
import { formatArguments, linkTimeOptimisation } from "./compiler-arguments.ts";
import { parseDependencies } from "./dependencies.ts";
import { compilerEnvironment, formatInvocation, inShadow } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { dependsOnLineNumbers } from "./line-numbers.ts";
import type { NumberedSources } from "./line-numbers.ts";
import { pinLines } from "./line-pinning.ts";
import { defaultObjectCache, noObjectCache, openObjectCache } from "./object-cache.ts";
import type { KeptObject, ObjectCache } from "./object-cache.ts";
import { reportNotCompiled } from "./not-compiled.ts";
import { mapParallel } from "./parallel.ts";
import { createPreprocessor } from "./preprocess.ts";
import type { Preprocessor } from "./preprocess.ts";
import { madeByLinker } from "./refusal.ts";
import { runProgram } from "./run-program.ts";
import { createShadowTree, isSourceName, realPath, removeShadowFile, writeShadowFile } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";
import type { CreateOptions, ObjectPair, SourceDiff } from "./types.ts";
import { findAffectedUnits } from "./unaffected.ts";
import { findTranslationUnits } from "./units.ts";
import type { ReachedUnits, TranslationUnit, UnitFilter } from "./units.ts";

/** The units of a patch as objects. Disposing it removes the temporary files; `plain()` works until then. */
export interface ObjectPairs extends AsyncDisposable {
  readonly pairs: readonly ObjectPair[];
  /** About the diffs: what of them is no part of the patch, fuzz that patch(1) needed. */
  readonly notes: readonly string[];
}

/** With types, whatever was recorded: structures are compared by them, and code does not depend on it. */
const ownOptions = ["-ffunction-sections", "-fdata-sections", "-g"];
/** Sources whose lines the C preprocessor counts. */
const isPinned = (path: string): boolean => isSourceName(path) && !/\.(s|asm)$/.test(path);

/** Compiles the units that the diffs reach, both ways. `keep` leaves out units before they are compiled. */
export async function compileObjectPairs(
  options: CreateOptions,
  diffs: readonly SourceDiff[],
  keep: UnitFilter = (units) => units,
): Promise<ObjectPairs> {
  const tree = createShadowTree(options.source);
  const begun: Workshop["begun"] = new Map();
  let plain: PatchedSide | undefined;
  const dispose = async (): Promise<void> => {
    // A compiler that is still at it would put files back.
    await Promise.allSettled(begun.values());
    await Promise.all([tree, plain?.tree].map((each) => each?.[Symbol.asyncDispose]()));
  };
  try {
    const applied = await applyDiffs(tree, diffs, options.strip);
    patchShadow(tree, applied.touched, pinBytes);
    const commands = await readCompileCommands(options);
    const reached = await findTranslationUnits(tree, applied, commands, options);
    const notes = notesOn(tree, applied, reached);
    for (const text of notes) options.onProgress?.({ step: "note", text });
    const kept = await keep(reached.units, reached.uncompiled);
    refuseUncompilable(kept, applied.touched);
    const preprocessor = createPreprocessor(tree.shadow);
    const units = await findAffectedUnits(tree, kept, preprocessor, options.jobs);
    if (units.length === 0) throw nothingAffected(reached.units, kept);
    const pinned = { tree, preprocessor, cache: openCache(tree, preprocessor, options) };
    plain = asWritten(applied.touched, options);
    const workshop = { pinned, plain, depending: await unitsDepending(units, pinned, plain, options), begun, touched: applied.touched };
    const pairs = await compileUnits(workshop, units, options);
    return { pairs, notes, [Symbol.asyncDispose]: async () => void await Promise.all([pinned.cache.trim(), plain?.cache.trim(), dispose()]) };
  } catch (failure) {
    await dispose();
    throw failure;
  }
}

/** The patched sources in a shadow of the tree. */
interface PatchedSide extends NumberedSources {
  readonly cache: ObjectCache;
}

/** With the numbers that their lines have by themselves; undefined where those are the pinned ones. */
function asWritten(touched: readonly TouchedFile[], options: CreateOptions): PatchedSide | undefined {
  if (!touched.some(isRenumbered)) return undefined;
  const tree = createShadowTree(options.source);
  patchShadow(tree, touched, (_, patched) => patched);
  const preprocessor = createPreprocessor(tree.shadow);
  return { tree, preprocessor, cache: openCache(tree, preprocessor, options) };
}

const isRenumbered = ({ path, original, patched }: TouchedFile): boolean =>
  original !== undefined && patched !== undefined && isPinned(path) && Buffer.compare(pinBytes(original, patched), patched) !== 0;

/** The units that must be compiled with pinned lines. */
async function unitsDepending(units: readonly TranslationUnit[], pinned: NumberedSources, plain: NumberedSources | undefined, { jobs }: CreateOptions): Promise<ReadonlySet<TranslationUnit>> {
  if (plain === undefined) return new Set();
  const depends = await mapParallel(units, jobs, (unit) => dependsOnLineNumbers(unit, pinned, plain));
  return new Set(units.filter((_, index) => depends[index]));
}

function openCache(tree: ShadowTree, preprocessor: Preprocessor, { objectCache = defaultObjectCache() }: CreateOptions): ObjectCache {
  return objectCache === null ? noObjectCache : openObjectCache(objectCache, tree, preprocessor);
}

function patchShadow(tree: ShadowTree, touched: readonly TouchedFile[], pin: (original: Uint8Array, patched: Uint8Array) => Uint8Array): void {
  for (const { path, original, patched } of touched) {
    if (patched === undefined) removeShadowFile(tree, path);
    else writeShadowFile(tree, path, original === undefined || !isPinned(path) ? patched : pin(original, patched));
  }
}

const pinBytes = (original: Uint8Array, patched: Uint8Array): Uint8Array =>
  Buffer.from(pinLines(Buffer.from(original).toString("latin1"), Buffer.from(patched).toString("latin1")), "latin1");

/** What the user should know about the diffs, and what stops nothing. */
function notesOn(tree: ShadowTree, applied: AppliedDiffs, { units, uncompiled, mains }: ReachedUnits): readonly string[] {
  const read = new Set(units.flatMap(({ touched }) => touched));
  const left = uncompiled.length === 0 ? [] : [`Left out, as no compile command compiles or includes it: ${uncompiled.join(", ")}`];
  return [...applied.notes, ...reportNotCompiled(tree, applied, read, mains), ...left];
}

function nothingAffected(reached: readonly TranslationUnit[], kept: readonly TranslationUnit[]): SutureError {
  const units = (kept.length > 0 ? kept : reached).map(({ unit }) => unit);
  const found = kept.length > 0
    ? "the units that the diff reaches compile to the same code"
    : "none of the units that the diff reaches is part of the program";
  return new SutureError("nothing-to-patch", `Nothing to patch: ${found}: ${units.join(", ")}`, { units });
}

function refuseUncompilable(units: readonly TranslationUnit[], touched: readonly TouchedFile[]): void {
  for (const { unit, invocation } of units) {
    if (linkTimeOptimisation(invocation.recorded) === "only") throw madeByLinker(unit);
    if (touched.some((file) => file.path === unit && file.patched === undefined)) {
      throw new SutureError("not-patchable",
        `Cannot compile ${unit} as patched: the diff deletes or renames it; leave the file in place and change what it holds`, { unit });
    }
  }
}

/** What every compilation of a build needs. */
interface Workshop {
  readonly pinned: PatchedSide;
  /** Absent where it would be the same. */
  readonly plain: PatchedSide | undefined;
  /** Units whose code depends on the numbers of lines. */
  readonly depending: ReadonlySet<TranslationUnit>;
  /** Their objects with true lines, as far as these are being made already. */
  readonly begun: Map<TranslationUnit, Promise<Uint8Array>>;
  readonly touched: readonly TouchedFile[];
}

const sideFor = ({ pinned, plain, depending }: Workshop, unit: TranslationUnit): PatchedSide => (plain === undefined || depending.has(unit) ? pinned : plain);

async function compileUnits(workshop: Workshop, units: readonly TranslationUnit[], options: CreateOptions): Promise<ObjectPair[]> {
  options.onProgress?.({ step: "units", units: units.map(({ unit }) => unit) });
  const tasks = units.flatMap((unit, index) => [{ unit, index, side: "original" as const }, { unit, index, side: "patched" as const }]);
  let done = 0;
  if (options.jobs !== 1) beginLined(workshop, units);
  const objects = await mapParallel(tasks, options.jobs, async ({ unit, index, side }) => {
    const begun = performance.now();
    options.onProgress?.({ step: "compiling", unit: unit.unit, side, done, of: tasks.length });
    const object = side === "original"
      ? await compileOriginal(workshop, unit, `${index}-original`, ownOptions)
      : await compilePatched(workshop, unit, `${index}-patched`, ownOptions);
    const milliseconds = performance.now() - begun;
    options.onProgress?.({ step: "compiled", unit: unit.unit, side, done: ++done, of: tasks.length, milliseconds });
    return object;
  });
  return units.map((unit, index) => toObjectPair(workshop, unit, index, objects));
}

function toObjectPair(workshop: Workshop, unit: TranslationUnit, index: number, objects: readonly Uint8Array[]): ObjectPair {
  const [original, patched] = [objects[2 * index], objects[2 * index + 1]];
  if (original === undefined || patched === undefined) throw new SutureError("internal", `Cannot pair the objects of ${unit.unit}: one is missing`);
  let plain: Promise<Uint8Array> | undefined;
  return {
    unit: unit.unit,
    spelled: unit.spelled,
    directory: unit.command.directory,
    compiler: unit.invocation.compiler,
    flags: formatArguments(unit.invocation.arguments.filter(({ kind }) => kind === "option")),
    original,
    patched,
    plain: () => (plain ??= compileOriginal(workshop, unit, `${index}-plain`, [])),
    indirect: () => compileIndirect(workshop, unit, index),
    ...linedObject(workshop, unit, index, ownOptions),
  };
}

/** The true numbers of the lines, where the patched object has the original's. Of many units few are asked for them; of one it is known beforehand. */
function linedObject(workshop: Workshop, unit: TranslationUnit, index: number, more: readonly string[]): Pick<ObjectPair, "lined"> {
  const { plain, depending } = workshop;
  if (plain === undefined || !depending.has(unit)) return {};
  let made = more === ownOptions ? workshop.begun.get(unit) : undefined;
  return { lined: () => (made ??= compilePatched(workshop, unit, `${index}-lined`, more, plain)) };
}

/** While the two other compilations of the only unit run. */
function beginLined(workshop: Workshop, units: readonly TranslationUnit[]): void {
  const [unit, second] = units;
  const { plain, depending, begun } = workshop;
  if (unit === undefined || second !== undefined || plain === undefined || !depending.has(unit)) return;
  const object = compilePatched(workshop, unit, "0-lined", ownOptions, plain);
  object.catch(() => undefined);
  begun.set(unit, object);
}

/** How gcc (12 and later) and clang say that data of other modules may be anywhere. */
const indirectAccess = ["-mno-direct-extern-access", "-fno-direct-access-external-data"];

async function compileIndirect(workshop: Workshop, unit: TranslationUnit, index: number): ReturnType<NonNullable<ObjectPair["indirect"]>> {
  for (const option of indirectAccess) {
    try {
      const more = [...ownOptions, option];
      return {
        original: await compileOriginal(workshop, unit, `${index}-original`, more),
        patched: await compilePatched(workshop, unit, `${index}-patched`, more),
        ...linedObject(workshop, unit, index, more),
      };
    } catch (error) {
      if (!(error instanceof SutureError) || error.kind !== "compile-error") throw error;
    }
  }
  return undefined;
}

async function compileOriginal({ pinned: { tree, cache } }: Workshop, unit: TranslationUnit, name: string, more: readonly string[]): Promise<Uint8Array> {
  const { invocation } = unit;
  const { object } = await cache.get(invocation, more, () => compile(tree, unit, { invocation, side: "original", name, more }));
  return object;
}

async function compilePatched(workshop: Workshop, unit: TranslationUnit, name: string, more: readonly string[], { tree, cache } = sideFor(workshop, unit)): Promise<Uint8Array> {
  const invocation = inShadow(unit.invocation, tree);
  const words = [...more, "-MD", "-MF", join(tree.scratch, `${name}.d`)];
  const { object, dependencies } = await cache.get(invocation, words, () => compile(tree, unit, { invocation, side: "patched", name, more: words }));
  refuseUnpatchedParts(tree, unit, invocation, dependencies, workshop.touched);
  return object;
}

interface Compilation {
  readonly invocation: Invocation;
  readonly side: "original" | "patched";
  /** Of the files in the scratch directory, without an ending. */
  readonly name: string;
  readonly more: readonly string[];
}

async function compile(tree: ShadowTree, unit: TranslationUnit, { invocation, side, name, more }: Compilation): Promise<KeptObject> {
  const file = join(tree.scratch, name);
  const run = await runProgram(invocation.compiler, formatInvocation(invocation, [...more, "-c", "-o", `${file}.o`]),
    { directory: invocation.directory, environment: compilerEnvironment });
  if (run.status !== 0) throw compileError(unit.unit, side, run, tree);
  // Assembly that is not preprocessed consists of one file, and names none.
  const dependencies = await readFile(`${file}.d`, "utf8").catch(() => "");
  const object = await readFile(`${file}.o`);
  await rm(`${file}.o`);
  return { object, dependencies };
}

/** Should some path still have led the compiler to the file as it was, the object would be a patch without the fix. */
function refuseUnpatchedParts(tree: ShadowTree, unit: TranslationUnit, invocation: Invocation, dependencies: string, touched: readonly TouchedFile[]): void {
  const files = parseDependencies(dependencies, invocation.directory).map(realPath);
  const unpatched = touched.find(({ path }) => files.includes(join(tree.root, path)));
  if (unpatched === undefined) return;
  throw new SutureError("not-patchable",
    `Cannot compile ${unit.unit} as patched: it includes ${unpatched.path} by a path that a copy of the tree cannot change, such as an absolute one in a source`,
    { unit: unit.unit, file: unpatched.path });
}
