// The Creator: from source diffs to a patch image. Needs a compiler and the program's file, never a process.
//
// Refuses before anything is written: a source tree, flags or a compiler other than those that built the program; changes
// that no replacement of functions can bring about; anything that it does not understand, by name.

import { assembleObject } from "./assemble.ts";
import type { OldFunction } from "./assemble.ts";
import { checkLayouts, readLayouts } from "./check-layouts.ts";
import type { UnitLayouts } from "./check-layouts.ts";
import { compareObjects } from "./compare.ts";
import type { Comparison } from "./compare.ts";
import { compileObjectPairs } from "./compile.ts";
import { linkTimeOptimisation } from "./compiler-arguments.ts";
import { correlateObjects } from "./correlate.ts";
import { unwindingFor } from "./exceptions.ts";
import { withRoom } from "./full-disk.ts";
import { refuseHiddenCopies } from "./hidden-copies.ts";
import { includeDependencies } from "./include.ts";
import type { ComparedUnit, Inclusion } from "./include.ts";
import { isColdPart } from "./object-code.ts";
import type { Definition } from "./object-code.ts";
import { hasName, readLinkedObject, readLinkedProgram, unitsOf } from "./program.ts";
import type { LinkedProgram } from "./program.ts";
import { otherCompiler } from "./producer.ts";
import { proveUnit } from "./proof.ts";
import type { ProvedUnit, UnitProof } from "./proof.ts";
import { refuseRecords } from "./records.ts";
import { madeByLinker, OutOfReach, notPatchable } from "./refusal.ts";
import { refuseSharedCode } from "./shared-code.ts";
import { refuseStrangeCallers } from "./signatures.ts";
import type { SignatureChange } from "./signatures.ts";
import { refuseRenumberedLambdas } from "./lambdas.ts";
import { sourceLinesOf } from "./source-lines.ts";
import { refuseStaticInitialisers } from "./static-initialisers.ts";
import type { CreatedPatch, CreateOptions, ObjectPair, SourceDiff } from "./types.ts";
import type { Compilable, TranslationUnit, UnitFilter } from "./units.ts";
import { resolveValues } from "./values.ts";
import { fileAddress } from "../address.ts";
import type { FileRange } from "../address.ts";
import { SutureError } from "../errors.ts";
import { decodeImage, encodeImage } from "../image/mod.ts";
import type { CompiledUnit, ImageDescription, ValueWrite } from "../image/mod.ts";
import { beginOpening, openProgram, readAhead, redirectSite, warningsFor } from "../patchability/mod.ts";
import type { Program, ProgramFunction } from "../patchability/mod.ts";
import type { DebugUnit, TracerClient } from "../tracer.ts";

/** Builds a patch for `options.target`, and more modules of its process, from diffs against the source that built them; without one, of values alone. */
export async function createPatchImage(tracer: TracerClient, diffs: readonly SourceDiff[], options: CreateOptions): Promise<CreatedPatch> {
  return withRoom(() => createFrom(tracer, diffs, options));
}

async function createFrom(tracer: TracerClient, diffs: readonly SourceDiff[], options: CreateOptions): Promise<CreatedPatch> {
  const started = performance.now();
  if (diffs.length === 0) return valuesAlone(tracer, await openProgram(tracer, options.target, { debugFile: options.debugFile }), options, started);
  const image = encodeImage(joinDescriptions(await describeEach(tracer, diffs, options)));
  options.onProgress?.({ step: "assembled", bytes: image.length });
  return { manifest: decodeImage(image).manifest, image, milliseconds: performance.now() - started };
}

/** One module after the other. That the diffs change nothing of one of several is no error, and what is said of the diffs is said once. */
async function describeEach(tracer: TracerClient, diffs: readonly SourceDiff[], options: CreateOptions): Promise<readonly ImageDescription[]> {
  const targets = new Set([options.target, ...options.moreTargets ?? []]);
  if (targets.size === 1) return [await describePatch(tracer, diffs, options)];
  const onProgress = eachNoteOnce(options.onProgress);
  const parts: Parts = { kept: new Set(), left: new Set(), edits: [] };
  const described: ImageDescription[] = [];
  const idle: SutureError[] = [];
  for (const target of targets) {
    try {
      described.push(await describePatch(tracer, diffs, { ...options, target, onProgress }, parts));
    } catch (error) {
      if (!(error instanceof SutureError) || error.kind !== "nothing-to-patch") throw error;
      idle.push(error);
    }
  }
  if (described.length === 0 && idle[0] !== undefined) throw idle[0];
  for (const refuseLaterEdits of parts.edits) refuseLaterEdits();
  const left = [...parts.left].filter((unit) => !parts.kept.has(unit));
  const notes = [...left.length === 0 ? [] : [leftOut(left, "any of them")], ...idle.map(({ message }) => message)];
  for (const text of notes) onProgress({ step: "note", text });
  return left.length === 0 ? described : described.map((each, at) => (at === 0 ? withNote(each, notes[0] ?? "") : each));
}

/** Units of the diffs, over several modules: those that one of them has, those that one of them has not. */
interface Parts {
  readonly kept: Set<string>;
  readonly left: Set<string>;
  /** Refuse where sources of a module were edited while later ones were built. */
  readonly edits: (() => void)[];
}

const leftOut = (units: readonly string[], of: string): string => `Left out, being no part of ${of}: ${listUnits(units)}`;

const withNote = (described: ImageDescription, note: string): ImageDescription =>
  (described.build === undefined ? described : { ...described, build: { ...described.build, notes: [...described.build.notes, note] } });

function eachNoteOnce(onProgress: CreateOptions["onProgress"]): NonNullable<CreateOptions["onProgress"]> {
  const said = new Set<string>();
  return (progress) => {
    if (progress.step === "note" && said.has(progress.text)) return;
    if (progress.step === "note") said.add(progress.text);
    onProgress?.(progress);
  };
}

async function describePatch(tracer: TracerClient, diffs: readonly SourceDiff[], options: CreateOptions, parts?: Parts): Promise<ImageDescription> {
  // The helper reads it while the sources are made ready, we while compilers run: they are not to wait for us.
  const opening = beginOpening(tracer, options.target, { debugFile: options.debugFile });
  let linked: Promise<LinkedProgram> | undefined;
  const opened = (): Promise<LinkedProgram> => (linked ??= opening.open().then(readLinkedProgram));
  const notes: string[] = [];
  const proofs: Proofs = new Map();
  await using objects = await compileObjectPairs(options, diffs, keepUnitsOf(opened, options, notes, parts), {
    isKept: async (unit) => isPart((await opening.record).units, unit, options.source),
    isInProgram: async (names) => hasName(await opened(), names),
    record: opening.record,
    onOriginal: (unit) => {
      const proof = opened().then((program) => proveUnit(program, unit, options.source, options.waivesProof));
      proofs.set(unit.original, proof);
      return proof;
    },
    whileCompiling: () => void opened().then(({ program }) => readAhead(program), () => undefined),
  });
  const described = await describeObjects(tracer, await opened(), objects.pairs, diffs, options, { notes: [...objects.notes, ...notes], proofs });
  const refuseLaterEdits = await objects.refuseEdited();
  parts?.edits.push(refuseLaterEdits);
  return described;
}

/** Of units, by their original objects, begun while others were compiled. */
type Proofs = Map<Uint8Array, Promise<UnitProof>>;

/** One patch for several modules, switched in one stop. */
function joinDescriptions(all: readonly ImageDescription[]): ImageDescription {
  const [first, ...others] = all;
  if (first === undefined) throw new SutureError("internal", "Cannot build a patch: no module is described");
  if (others.length === 0) return first;
  const records = all.flatMap(({ build }) => build ?? []);
  return {
    ...first, objects: all.flatMap(({ objects }) => objects), compilers: [...new Set(all.flatMap(({ compilers }) => compilers))],
    build: { units: records.flatMap(({ units }) => units), notes: [...new Set(records.flatMap(({ notes }) => notes))], allowedLayouts: records[0]?.allowedLayouts ?? [] },
  };
}

/** Needs neither source nor compiler: the build-id says that it is this program. */
async function valuesAlone(tracer: TracerClient, program: Program, options: CreateOptions, started: number): Promise<CreatedPatch> {
  const values = await resolveValues(tracer, program, options.values ?? []);
  if (values.length === 0) throw new SutureError("nothing-to-patch", `Cannot build a patch for ${program.name}: neither a diff nor a value to set is given`, { program: program.name });
  const { name, buildId, kind } = program;
  const object = { module: { name, buildId, kind }, values, functions: [], added: [], imports: [], sections: [], symbols: [], proof: { units: 0, functions: 0, bytes: 0 } };
  const image = encodeImage({ name: options.name ?? "values", description: options.description ?? "", diffs: [], compilers: [], objects: [object] });
  return { manifest: decodeImage(image).manifest, image, milliseconds: performance.now() - started };
}

/** From objects to what the image holds. */
export async function describeObjects(
  tracer: TracerClient, program: LinkedProgram, pairs: readonly ObjectPair[], diffs: readonly SourceDiff[], options: CreateOptions,
  { notes = [], proofs = new Map() }: { readonly notes?: readonly string[]; readonly proofs?: Proofs } = {},
): Promise<ImageDescription> {
  // The helper is to have read them when the proofs are there: those of the first unit, for they are large.
  const layouts = new Map(pairs.slice(0, 1).map((pair) => [pair, readLayouts(tracer, pair)]));
  // Proofs of other units use files that go with the build.
  await Promise.allSettled([...proofs.values(), ...layouts.values()]);
  for (let tried = pairs; ;) {
    try {
      return await describeFrom(tracer, program, tried, diffs, options, { notes, proofs: tried === pairs ? proofs : new Map(), layouts });
    } catch (error) {
      tried = await withIndirectAccess(tried, error);
    }
  }
}

/** The unit that could not reach a variable, compiled to reach any. Rethrows what that does not help against. */
async function withIndirectAccess(pairs: readonly ObjectPair[], error: unknown): Promise<readonly ObjectPair[]> {
  const pair = error instanceof OutOfReach ? pairs.find(({ unit }) => unit === error.unit) : undefined;
  const objects = await pair?.indirect?.();
  if (pair === undefined || objects === undefined) throw error;
  const { indirect: _, ...rest } = pair;
  return pairs.map((each) => (each === pair ? { ...rest, ...objects } : each));
}

async function describeFrom(
  tracer: TracerClient, program: LinkedProgram, pairs: readonly ObjectPair[], diffs: readonly SourceDiff[], options: CreateOptions,
  { notes, proofs, layouts }: { readonly notes: readonly string[]; readonly proofs: Proofs; readonly layouts: ReadonlyMap<ObjectPair, Promise<UnitLayouts>> },
): Promise<ImageDescription> {
  const proved = await proveUnits(program, pairs, options, proofs);
  const signatures = new Map<string, readonly SignatureChange[]>();
  for (const unit of proved) {
    const concerned = () => functionsOnly(compareUnit(program, unit).comparison.changed.keys());
    signatures.set(unit.pair.unit, checkLayouts(unit.pair, await (layouts.get(unit.pair) ?? readLayouts(tracer, unit.pair)), { allowed: options.allowedLayouts, concerned }));
  }
  const units = proved.map((unit) => reportCompared(compareUnit(program, unit), options));
  refuseSharedCode(program, units);
  refuseStrangeCallers(program, units, signatures);
  // Beyond this point nothing reads the original objects again.
  const inclusion = includeDependencies(program, units);
  checkSomethingChanged(program, units, inclusion);
  refuseRecords(inclusion);
  await refuseHiddenCopies(program, inclusion);
  return describeImage(program, diffs, units, inclusion, options, { notes, values: await resolveValues(tracer, program.program, options.values ?? []) });
}

const isPart = (units: readonly DebugUnit[], { command, spelled }: Compilable, source: string): boolean =>
  unitsOf(units, { directory: command.directory, spelled }, source).length > 0;

/** Only units that the program was linked from; a diff often touches others too, which goes to `notes`. */
function keepUnitsOf(opened: () => Promise<LinkedProgram>, { source, onProgress }: CreateOptions, notes: string[], parts?: Parts): UnitFilter {
  return async (units) => {
    const program = await opened();
    const { name } = program.program;
    const kept = units.filter((unit) => isPart(program.program.units, unit, source));
    refuseMadeByLinker(program, kept);
    const left = units.filter((unit) => !kept.includes(unit)).map(({ unit }) => unit);
    for (const { unit } of kept) parts?.kept.add(unit);
    for (const unit of left) parts?.left.add(unit);
    if (parts === undefined && kept.length > 0 && left.length > 0) notes.push(leftOut(left, name));
    for (const text of notes) onProgress?.({ step: "note", text });
    if (kept.length > 0) return kept;
    const found = units.length === 0 ? "the diff touches no file that is compiled" : `none of what the diff touches is part of it (${listUnits(units.map(({ unit }) => unit))})`;
    throw new SutureError("nothing-to-patch", `Cannot build a patch for ${name}: ${found}`, { program: name, units: units.map(({ unit }) => unit) });
  };
}

/** Objects that hold code for both ways of linking do not say which one was gone; gcc's second stage names itself in the program. */
function refuseMadeByLinker({ program }: LinkedProgram, units: readonly TranslationUnit[]): void {
  if (!program.units.some(({ producer }) => producer.startsWith("GNU GIMPLE"))) return;
  const unit = units.find(({ invocation }) => linkTimeOptimisation(invocation.recorded) === "fat");
  if (unit !== undefined) throw madeByLinker(unit.unit, ", nor does the code that -ffat-lto-objects puts beside, which was not linked");
}

async function proveUnits(program: LinkedProgram, pairs: readonly ObjectPair[], { source, waivesProof, onProgress }: CreateOptions, proofs: Proofs): Promise<readonly ProvedUnit[]> {
  const proved: ProvedUnit[] = [];
  for (const pair of pairs) {
    const unit = { pair, ...await (proofs.get(pair.original) ?? proveUnit(program, pair, source, waivesProof)) };
    onProgress?.({ step: "proved", unit: pair.unit, functions: unit.functions.size - unit.unproved.size });
    if (unit.unproved.size > 0) onProgress?.({ step: "note", text: `The proof of ${pair.unit} was waived: ${unit.unproved.size} of its functions are others in the program: ${[...unit.unproved].slice(0, mostListed).join(", ")}` });
    const compilers = otherCompiler(unit.unit.producer, unit.object.file);
    if (compilers !== undefined) onProgress?.({ step: "note", text: `Another compiler for ${pair.unit}: ${compilers}${isProved(unit) ? "; the code of all its functions is the same" : ""}` });
    proved.push(unit);
  }
  return proved;
}

const isProved = ({ isWaived, unproved }: ProvedUnit): boolean => !isWaived || unproved.size === 0;

function compareUnit(program: LinkedProgram, proved: ProvedUnit): ComparedUnit {
  const patched = readLinkedObject(program, proved.pair.unit, proved.pair.patched);
  const comparison = compareObjects(proved.object, patched, correlateObjects(proved.object, patched));
  refuseStaticInitialisers(comparison);
  refuseRenumberedLambdas(comparison);
  return { proved, comparison };
}

function reportCompared(unit: ComparedUnit, { onProgress }: CreateOptions): ComparedUnit {
  const { proved, comparison } = unit;
  onProgress?.({ step: "compared", unit: proved.pair.unit, changed: functionsOnly(comparison.changed.keys()), added: functionsOnly(comparison.added) });
  return unit;
}

const functionsOnly = (names: Iterable<string>): readonly string[] => [...names].filter((name) => !isColdPart(name));

function checkSomethingChanged({ program }: LinkedProgram, units: readonly ComparedUnit[], { replacing, callbacks }: Inclusion): void {
  if (replacing.length + callbacks.length > 0) return;
  const names = units.map(({ proved }) => proved.pair.unit);
  const changed = units.flatMap(({ comparison }) => [...comparison.changed.keys()]);
  const found = changed.length === 0 ? `the diff changes no object code in ${listUnits(names)}` : `what the diff changes is not in the program (${listUnits(changed)})`;
  throw new SutureError("nothing-to-patch", `Cannot build a patch for ${program.name}: ${found}`, { program: program.name, units: names });
}

const mostListed = 5;
const listUnits = (names: readonly string[]): string =>
  names.slice(0, mostListed).join(", ") + (names.length > mostListed ? ` and ${names.length - mostListed} more` : "");

async function describeImage(
  program: LinkedProgram, diffs: readonly SourceDiff[], units: readonly ComparedUnit[], inclusion: Inclusion, options: CreateOptions,
  { notes, values }: { readonly notes: readonly string[]; readonly values: readonly ValueWrite[] },
): Promise<ImageDescription> {
  const { name, buildId, kind } = program.program;
  const lines = await sourceLinesOf(inclusion, { jobs: options.jobs, note: (text) => options.onProgress?.({ step: "note", text }), called: asInProgram });
  const object = assembleObject({
    module: { name, buildId, kind }, units, inclusion, unwinding: unwindingFor(program, inclusion), lines,
    oldFunctionOf: (unit, definition) => oldFunctionOf(program, unit, definition),
  });
  return {
    name: options.name ?? diffs[0]?.name ?? "patch", description: options.description ?? "", diffs,
    compilers: [...new Set(units.map(({ proved }) => proved.pair.compiler))], objects: [{ ...object, values }],
    build: { units: units.map(compiledUnit), notes, allowedLayouts: options.allowedLayouts ?? [] },
  };
}

const asInProgram = ({ proved: { pair, unit } }: ComparedUnit): { readonly name: string; readonly directory: string } =>
  (unit.directory === "" ? { name: pair.spelled, directory: pair.directory } : unit);

const compiledUnit = ({ proved: { pair, unit } }: ComparedUnit): CompiledUnit =>
  ({ unit: pair.unit, producer: unit.producer, command: [pair.compiler, ...pair.flags] });

/** What the Loader has to know of the function of the program that `definition` replaces. Refuses what cannot be redirected. */
export function oldFunctionOf({ program }: LinkedProgram, { proved, comparison }: ComparedUnit, definition: Definition): OldFunction {
  const name = comparison.correlation.originals.get(definition.name)?.name ?? definition.name;
  const old = proved.functions.get(name);
  const target = old === undefined ? undefined : program.functionAt(old.at);
  if (old === undefined || target === undefined || target.entry !== old.at) throw notPatchable(proved.pair.unit, { function: name }, "has no place of its own in the program");
  if (!old.compared) throw notPatchable(proved.pair.unit, { function: name }, "uses thread-local variables in a way that is not known, so it cannot be compared with the program");
  const answer = redirectSite(program, target);
  if (!answer.possible) throw notPatchable(proved.pair.unit, { function: name }, `cannot be redirected: ${answer.reason.text}`);
  const doubts = proved.unproved.has(name) ? ["its code in the program is not what source and flags give, and the proof was waived"] : [];
  return { oldEntry: target.entry, oldSize: old.size, oldRanges: rangesOf(proved, name, target), ...answer.site, warnings: [...doubts, ...copiesBeside(comparison, definition), ...warningsFor(program, target)] };
}

/** Functions of assembly are reached without a relocation that could lead to the program's own. */
function copiesBeside({ patched, changed, added }: Comparison, { section, name }: Definition): readonly string[] {
  const beside = patched.definitionsBySection.get(section?.index ?? -1) ?? [];
  const copies = beside.filter((each) => each.kind === "function" && each.name !== name && !changed.has(each.name) && !added.has(each.name) && !isColdPart(each.name));
  return copies.length === 0 ? [] : [`it may call copies of ${listUnits(copies.map((each) => each.name))} that come with it, which a later patch of these alone would not reach`];
}

/** The body, and every cold part that debug information or the proof knows of. */
function rangesOf({ functions }: ProvedUnit, name: string, target: ProgramFunction): readonly FileRange[] {
  const cold = functions.get(`${name}.cold`);
  if (cold === undefined || target.ranges.some(({ start, end }) => start <= cold.at && cold.at < end)) return target.ranges;
  return [...target.ranges, { start: cold.at, end: fileAddress(cold.at + BigInt(cold.size)) }];
}
