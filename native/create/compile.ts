// From diffs and a source tree to object pairs: every unit that the diffs reach, compiled as it was (in the user's tree,
// which is only read) and as patched (in a shadow of it). Both sides get the same flags and a section for each function
// and variable; whatever names the shadow is mapped back, so that the objects differ only where the sources do.
// The first units whose own source is touched are compiled while others are looked for.

import { availableParallelism } from "node:os";

import { SutureError } from "../errors.ts";
import type { SourceRecord } from "../patchability/mod.ts";
import { applyDiffs } from "./apply-diff.ts";
import type { AppliedDiffs, TouchedFile } from "./apply-diff.ts";
import { readCompileCommands } from "./compile-commands.ts";
import { formatArguments, linkTimeOptimisation } from "./compiler-arguments.ts";
import { pinLines } from "./line-pinning.ts";
import { reportNotCompiled } from "./not-compiled.ts";
import { mapParallel } from "./parallel.ts";
import { languageOfText } from "./preprocess.ts";
import type { SourceText } from "./preprocess.ts";
import { madeByLinker } from "./refusal.ts";
import { createShadowTree, isSourceName, makeWhole, removeShadowFile, writeShadowFile } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";
import type { CreateOptions, ObjectPair, OriginalUnit, SourceDiff } from "./types.ts";
import { findAffectedUnits } from "./unaffected.ts";
import { compileNumbered, compileSide, compileSource, hasWorkingDirectory, openWorkingDirectory, openWorkshop, readSide, reassemble, unpatchedIn } from "./unit-object.ts";
import type { Side, SideObject, Workshop } from "./unit-object.ts";
import { findTranslationUnits } from "./units.ts";
import type { Compilable, ReachedUnits, TranslationUnit, UnitFilter } from "./units.ts";
import { leaveOutUnmentioned } from "./unmentioned.ts";
import type { NameLookup } from "./unmentioned.ts";

/** The units of a patch as objects. Disposing it removes the temporary files; `plain()` works until then. */
export interface ObjectPairs extends AsyncDisposable {
  readonly pairs: readonly ObjectPair[];
  /** About the diffs: what of them is no part of the patch, fuzz that patch(1) needed. */
  readonly notes: readonly string[];
  /** Refuses where the sources are others than those that were read; see edited.ts. */
  refuseEdited(): Promise<() => void>;
}

/** With types, whatever was recorded: structures are compared by them, and code does not depend on it. */
const ownOptions = ["-ffunction-sections", "-fdata-sections", "-g"];
/** Sources whose lines the C preprocessor counts. */
const isPinned = (path: string): boolean => isSourceName(path) && !/\.(s|asm)$/.test(path);

interface CompileHooks {
  /** Will `keep` keep this unit? Asked of those that are compiled while others are looked for. */
  readonly isKept?: (unit: Compilable) => Promise<boolean>;
  /** Does the program have something of one of these names? */
  readonly isInProgram?: NameLookup;
  /** What the program says of its sources. */
  readonly record?: Promise<SourceRecord>;
  /** Told of each unit as it was, as soon as it is compiled; waited for only where the build fails. */
  readonly onOriginal?: (unit: OriginalUnit) => Promise<unknown>;
  /** Called once compilers are at work, nothing else is to be done, and a processor is free for it. */
  readonly whileCompiling?: () => void;
}

/** Compiles the units that the diffs reach, both ways. `keep` leaves out units before they are compiled. */
export async function compileObjectPairs(
  options: CreateOptions,
  diffs: readonly SourceDiff[],
  keep: UnitFilter = (units) => units,
  { isKept = () => Promise.resolve(false), isInProgram = () => Promise.resolve(true), record, onOriginal, whileCompiling }: CompileHooks = {},
): Promise<ObjectPairs> {
  const tree = createShadowTree(options.source);
  let ahead: Ahead | undefined;
  try {
    // Read while patch(1) runs; what is wrong with the diffs is said first.
    const commands = readCompileCommands(options);
    commands.catch(() => undefined);
    const applied = await applyDiffs(tree, diffs, options.strip);
    options.onProgress?.({ step: "search", files: applied.touched.map(({ path }) => path) });
    const workshop = openWorkshop(tree, applied.touched, options);
    ahead = new Ahead(workshop, isKept);
    const begun = ahead;
    const reached = await findTranslationUnits(tree, applied, await commands, {
      ...options, ...(record === undefined ? {} : { record }),
      onCertain: (units) => begun.begin(remaining(units, applied.touched).slice(0, Math.floor((options.jobs ?? availableParallelism()) / 2)), () => patchShadow(tree, applied.touched)),
      onAsked: sometimes((files, done, of) => options.onProgress?.({ step: "searching", files, done, of })),
    });
    const notes = notesOn(tree, applied, reached);
    for (const text of notes) options.onProgress?.({ step: "note", text });
    const kept = await keep(reached.units, reached.uncompiled);
    refuseUncompilable(kept, applied.touched);
    const units = await ahead.findAffected(await leaveOutUnmentioned(kept, tree, applied.touched, isInProgram), options.jobs);
    if (units.length === 0) throw nothingAffected(reached.units, kept);
    const pairs = await compileUnits(ahead, workshop, units, options, { whileCompiling, onOriginal: (unit) => void begun.waitFor(onOriginal?.(unit)) });
    return { pairs, notes, refuseEdited: () => workshop.watch.refuseEdited(options.jobs), [Symbol.asyncDispose]: () => begun.settle().then(() => Promise.all([workshop.cache.trim(), tree[Symbol.asyncDispose]()])).then(() => undefined) };
  } catch (failure) {
    // A compiler that is still at it would put files back.
    await ahead?.settle();
    await ahead?.workshop.cache.trim();
    await tree[Symbol.asyncDispose]();
    throw failure;
  }
}

const leastPause = 100;

/** At once, and then not more often than anyone reads. */
function sometimes<Parameters extends readonly unknown[]>(act: (...parameters: Parameters) => void): (...parameters: Parameters) => void {
  let next = 0;
  return (...parameters) => {
    const now = performance.now();
    if (now < next) return;
    next = now + leastPause;
    act(...parameters);
  };
}

/** What is known and made of units before all of them are found. Keeps the shadow as small as the units let it be. */
class Ahead {
  readonly workshop: Workshop;
  readonly #isKept: (unit: Compilable) => Promise<boolean>;
  readonly #texts: Promise<unknown>[] = [];
  readonly #objects = new Map<string, Promise<TimedObject>>();
  /** Work of others with files of this build. */
  readonly #others: Promise<unknown>[] = [];
  #isLedBack = false;

  constructor(workshop: Workshop, isKept: (unit: Compilable) => Promise<boolean>) {
    this.workshop = workshop;
    this.#isKept = isKept;
  }

  /** Ends when the compilers are at work. Nothing is read in the shadow before `patch` has made it ready: units as they were are begun first. */
  async begin(units: readonly Compilable[], patch: () => void): Promise<void> {
    this.#texts.push(...units.map((unit) => this.#readIfPossible(unit, "original")));
    patch();
    for (const unit of units) openWorkingDirectory(this.workshop, unit);
    const begun = units.map((unit, index) => this.#beginUnit(unit, index));
    for (const unit of units) this.workshop.compilers.identify(unit.invocation).catch(() => undefined);
    await Promise.all(begun);
  }

  /** Whatever fails here fails again when the unit's turn has come. */
  async #beginUnit(unit: Compilable, index: number): Promise<void> {
    const reading = sides.map((side) => this.#readIfPossible(unit, side));
    this.#texts.push(...reading);
    if (languageOfText(unit.invocation) === undefined) return;
    await Promise.all(sides.map(async (side, at) => {
      if (await reading[at] === undefined || this.#isLedBack || !await this.#isKept(unit).catch(() => false)) return;
      await this.#compile(unit, side, `ahead-${index}-${side}`);
    }));
  }

  #compile(unit: Compilable, side: Side, name: string): Promise<void> {
    // A command that is recorded twice is one compilation, and nobody would wait for the first of two.
    if (this.object(unit, side) !== undefined) return Promise.resolve();
    return new Promise<void>((atWork) => {
      const object = timed(() => compileSide(this.workshop, unit, side, name, ownOptions, atWork));
      this.#objects.set(keyOf(unit, side), object);
      object.then(({ joined }) => this.waitFor(joined), () => undefined).then(atWork, atWork);
    });
  }

  object(unit: Compilable, side: Side): Promise<TimedObject> | undefined {
    return this.#objects.get(keyOf(unit, side));
  }

  waitFor(work: Promise<unknown> | undefined): void {
    if (work === undefined) return;
    work.catch(() => undefined);
    this.#others.push(work);
  }

  async settle(): Promise<void> {
    await Promise.allSettled([...this.#texts, ...this.#objects.values()]);
    await Promise.allSettled(this.#others);
  }

  async findAffected(units: readonly TranslationUnit[], jobs: number | undefined): Promise<readonly TranslationUnit[]> {
    const { tree, preprocessor } = this.workshop;
    const others = units.filter((unit) => this.object(unit, "patched") === undefined);
    // Nobody reads in a directory while it is made.
    if (others.some((unit) => !hasWorkingDirectory(this.workshop, unit))) await this.settle();
    for (const unit of others) openWorkingDirectory(this.workshop, unit);
    const affected = await findAffectedUnits(units, (unit, side) => this.#read(unit, side), jobs);
    if (!this.#isLedBack) return affected;
    await this.settle();
    makeWhole(tree);
    preprocessor.forgetHidden();
    return findAffectedUnits(units, (unit, side) => this.#readWhole(unit, side), jobs);
  }

  /** A text that has a touched file as it was even so would be equal on both sides: compiling the unit refuses it. */
  async #readWhole(unit: Compilable, side: Side): Promise<SourceText | undefined> {
    const source = await readSide(this.workshop, unit, side);
    return side === "patched" && source !== undefined && unpatchedIn(this.workshop, source) !== undefined ? undefined : source;
  }

  #readIfPossible(unit: Compilable, side: Side): Promise<SourceText | undefined> {
    return this.#read(unit, side).catch(() => undefined);
  }

  async #read(unit: Compilable, side: Side): Promise<SourceText | undefined> {
    const source = await readSide(this.workshop, unit, side);
    if (side === "patched") this.#isLedBack ||= source === undefined || languageOfText(unit.invocation) === undefined || unpatchedIn(this.workshop, source) !== undefined;
    return source;
  }
}

interface TimedObject extends SideObject {
  readonly milliseconds: number;
}

async function timed(make: () => Promise<SideObject>): Promise<TimedObject> {
  const begun = performance.now();
  return { ...await make(), milliseconds: performance.now() - begun };
}

const sides = ["original", "patched"] as const;

/** The same file compiled twice with different flags is two units. */
const keyOf = ({ invocation: { compiler, directory, arguments: words } }: Compilable, side: Side): string => JSON.stringify([side, compiler, directory, words]);

/** Units that the diffs neither delete nor rename, which is refused. */
const remaining = (units: readonly Compilable[], touched: readonly TouchedFile[]): readonly Compilable[] =>
  units.filter(({ unit }) => !touched.some(({ path, patched }) => path === unit && patched === undefined));

function patchShadow(tree: ShadowTree, touched: readonly TouchedFile[]): void {
  for (const { path, original, patched } of touched) {
    if (patched === undefined) removeShadowFile(tree, path);
    else writeShadowFile(tree, path, original === undefined || !isPinned(path) ? patched : pinBytes(original, patched));
  }
  // Whether a file is there can be asked without reading it (`__has_include`), and nobody would notice who looked where.
  if (touched.some(({ original, patched }) => original === undefined || patched === undefined)) makeWhole(tree);
}

const pinBytes = (original: Uint8Array, patched: Uint8Array): Uint8Array =>
  Buffer.from(pinLines(Buffer.from(original).toString("latin1"), Buffer.from(patched).toString("latin1"), { saysOwn: true }), "latin1");

/** What the user should know about the diffs, and what stops nothing. */
function notesOn(tree: ShadowTree, applied: AppliedDiffs, { units, uncompiled, made }: ReachedUnits): readonly string[] {
  const read = new Set(units.flatMap(({ touched }) => touched));
  const left = uncompiled.length === 0 ? [] : [`Left out, as no compile command compiles or includes it: ${uncompiled.join(", ")}`];
  return [...applied.notes, ...reportNotCompiled(tree, applied, read, made), ...left];
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

async function compileUnits(
  ahead: Ahead, workshop: Workshop, units: readonly TranslationUnit[], options: CreateOptions,
  { onOriginal, whileCompiling }: { readonly onOriginal: (unit: OriginalUnit) => void; readonly whileCompiling: (() => void) | undefined },
): Promise<ObjectPair[]> {
  options.onProgress?.({ step: "units", units: units.map(({ unit }) => unit) });
  const tasks = units.flatMap((unit, index) => sides.map((side) => ({ unit, index, side })));
  const originals: OriginalUnit[] = [];
  const jobs = options.jobs ?? availableParallelism();
  let done = 0;
  const compiling = mapParallel(tasks, options.jobs, async ({ unit, index, side }) => {
    options.onProgress?.({ step: "compiling", unit: unit.unit, side, done, of: tasks.length });
    const object = await (ahead.object(unit, side) ?? timed(() => compileSide(workshop, unit, side, `${index}-${side}`, ownOptions)));
    options.onProgress?.({ step: "compiled", unit: unit.unit, side, done: ++done, of: tasks.length, milliseconds: object.milliseconds });
    ahead.waitFor(object.joined);
    if (side === "original") onOriginal(originals[index] = originalOf(workshop, unit, index, object));
    // With all processors at work it would only hold up a compiler, and the last of them decides when the build ends.
    if (done === 1 && tasks.length >= jobs) whileCompiling?.();
    return object;
  });
  if (tasks.length < jobs) whileCompiling?.();
  const objects = await compiling;
  return units.map((unit, index) => toObjectPair(workshop, unit, index, originals[index], objects));
}

function toObjectPair(workshop: Workshop, unit: TranslationUnit, index: number, begun: OriginalUnit | undefined, objects: readonly SideObject[]): ObjectPair {
  const [original, patched] = [objects[2 * index], objects[2 * index + 1]];
  if (begun === undefined || original === undefined || patched === undefined) throw new SutureError("internal", `Cannot pair the objects of ${unit.unit}: one is missing`);
  return { ...begun, indirect: () => compileIndirect(workshop, unit, index), ...objectsOf(workshop, unit, index, ownOptions, original, patched) };
}

function originalOf(workshop: Workshop, unit: TranslationUnit, index: number, made: SideObject): OriginalUnit {
  let plain: Promise<Uint8Array> | undefined;
  let joined: Promise<Uint8Array | undefined> | undefined;
  return {
    unit: unit.unit,
    spelled: unit.spelled,
    directory: unit.command.directory,
    compiler: unit.invocation.compiler,
    flags: formatArguments(unit.invocation.arguments.filter(({ kind }) => kind === "option")),
    original: made.object,
    joined: () => (joined ??= made.joined ?? reassemble(workshop, unit, made.source)),
    plain: () => (plain ??= compileSource(workshop, unit, { side: "original", name: `${index}-plain`, more: [], source: made.source })),
  };
}

/** With true numbers of lines apart, where the patched object has the original's. Of many units few are asked for them. */
function objectsOf(
  workshop: Workshop, unit: TranslationUnit, index: number, more: readonly string[], original: SideObject, patched: SideObject,
): Pick<ObjectPair, "original" | "patched" | "lined"> {
  let made: Promise<Uint8Array> | undefined;
  const lined = () => (made ??= compileNumbered(workshop, unit, patched, `${index}-lined`, more));
  return { original: original.object, patched: patched.object, ...(patched.hasOwnLines ? {} : { lined }) };
}

/** How gcc (12 and later) and clang say that data of other modules may be anywhere. */
const indirectAccess = ["-mno-direct-extern-access", "-fno-direct-access-external-data"];

async function compileIndirect(workshop: Workshop, unit: TranslationUnit, index: number): ReturnType<NonNullable<ObjectPair["indirect"]>> {
  for (const option of indirectAccess) {
    try {
      const more = [...ownOptions, option];
      const original = await compileSide(workshop, unit, "original", `${index}-original`, more);
      return objectsOf(workshop, unit, index, more, original, await compileSide(workshop, unit, "patched", `${index}-patched`, more));
    } catch (error) {
      if (!(error instanceof SutureError) || error.kind !== "compile-error") throw error;
    }
  }
  return undefined;
}
