// A patch from functions that somebody wrote to take the place of others, instead of a diff: `old=new` and a C file that
// defines `new`; several files where the functions are of several units, which see each other's global names. A file is
// compiled like the unit in which `old` lives, or with flags of the author's own. What it leaves
// undefined is looked for as if it stood in that unit: first among the unit's own static functions and variables, then among
// the global ones of the program, then in every loaded module.
//
// No source of the program is needed. The bytes that the redirect takes away come from the program's file, where
// debug information says that `old` is. With the source tree, the unit is compiled as it was and proved to be the
// program's, as for a diff.
//
// Refused: a name that several functions have (say UNIT:NAME), a static name of another unit, structures that the file and
// the program lay out differently, another signature, an `old` that has copies (clones, inlined ones), and one whose callers may
// count on the registers that it leaves alone; files that were edited while the build ran.

import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import type { ElfSymbol } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import { decodeImage, encodeImage } from "../image/mod.ts";
import type { CompiledUnit, ImageObject } from "../image/mod.ts";
import { openProgram, unitPath, unitsNamed } from "../patchability/mod.ts";
import type { ProgramFunction } from "../patchability/mod.ts";
import type { DebugUnit, StructureLayout, TracerClient } from "../tracer.ts";
import { assembleObject } from "./assemble.ts";
import type { Binding } from "./bind.ts";
import { decodeText } from "./byte-text.ts";
import { compileAsItWas, ownSections, refuseCountingCallers } from "./counting-callers.ts";
import { layoutsOfObject, refuseLayouts } from "./check-layouts.ts";
import { compileError } from "./compile-error.ts";
import { readCompileCommands } from "./compile-commands.ts";
import { oldFunctionOf } from "./create.ts";
import { watchSources } from "./edited.ts";
import { unwindingFor } from "./exceptions.ts";
import { withRoom } from "./full-disk.ts";
import { includeDependencies } from "./include.ts";
import type { ComparedUnit } from "./include.ts";
import { compilerEnvironment, formatInvocation, readInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { baseFunctionName, isColdPart, readObjectCode } from "./object-code.ts";
import type { Definition, ObjectCode } from "./object-code.ts";
import { createPreprocessor } from "./preprocess.ts";
import { producerOf } from "./producer.ts";
import { functionPlaces, placeOf, readLinkedProgram, threadOffsetOf } from "./program.ts";
import type { LinkedProgram } from "./program.ts";
import { proveUnit } from "./proof.ts";
import type { ProvedFunction, UnitProof } from "./proof.ts";
import { notPatchable } from "./refusal.ts";
import { sourceLinesOf } from "./source-lines.ts";
import { realPath } from "./source-tree.ts";
import { refuseRecords } from "./records.ts";
import { runProgram } from "./run-program.ts";
import { withScratch } from "./scratch.ts";
import { compareSignatures } from "./signatures.ts";
import { parseArguments } from "./compiler-arguments.ts";
import type { CreatedPatch, CreateOptions, SourceDiff } from "./types.ts";
import { assignFiles } from "./written-files.ts";
import type { Replaced, WrittenFile } from "./written-files.ts";

/** `old` of the program is replaced by `by`, which the author's file defines. */
export interface Replacement {
  /** A function of the program, as linked; with its unit before it (`src/util.c:help`) where several have the name. */
  readonly old: string;
  readonly by: string;
}

export interface ReplacementOptions extends Omit<CreateOptions, "source" | "strip" | "jobs"> {
  readonly replacements: readonly Replacement[];
  /** The source tree that built the program; its compile commands say how. Not needed with `flags`. */
  readonly source?: string | undefined;
  /** Compiler and its options for the author's file, instead of those of the unit. */
  readonly command?: readonly string[] | undefined;
}

/** Builds a patch from C files of replacement functions, each for functions of one unit. */
export async function createReplacementImage(tracer: TracerClient, files: readonly string[], options: ReplacementOptions): Promise<CreatedPatch> {
  const started = performance.now();
  const program = readLinkedProgram(await openProgram(tracer, options.target, { debugFile: options.debugFile }));
  const olds = options.replacements.map(({ old, by }) => ({ by, old: findOld(program, old) }));
  await refuseCopies(program, olds.map(({ old }) => old));
  const watch = openWatch(options.source);
  await Promise.all(files.map((file) => watch.expectFile(resolve(file))));
  const written = await assignFiles(files, olds);
  options.onProgress?.({ step: "units", units: files });
  const fixes: Fix[] = [];
  for (const each of written) {
    fixes.push(await makeFix(tracer, program, each, { ...options, watch }, (milliseconds) =>
      options.onProgress?.({ step: "compiled", unit: each.file, side: "patched", done: fixes.length + 1, of: files.length, milliseconds })));
  }
  const image = encodeImage({
    name: options.name ?? basename(files[0] ?? "").replace(/\.[^.]*$/, ""), description: options.description ?? "", diffs: await Promise.all(files.map(asDiff)),
    compilers: [...new Set(fixes.map(({ invocation }) => invocation.compiler))], objects: [await assemble(program, fixes, (text) => options.onProgress?.({ step: "note", text }))],
    build: { units: fixes.map(compiledUnit), notes: fixes.flatMap(notesOn), allowedLayouts: options.allowedLayouts ?? [] },
  });
  await watch.refuseEdited();
  options.onProgress?.({ step: "assembled", bytes: image.length });
  return { manifest: decodeImage(image).manifest, image, milliseconds: performance.now() - started };
}

/** Looks at what compilers read here by themselves. */
interface Watch {
  expectFile(path: string): Promise<void>;
  /** All files that the compiler will read. */
  expect(invocation: Invocation): Promise<void>;
  refuseEdited(): Promise<void>;
}

/** Nothing has another name here than the user gave it. */
const noShadow = "/dev/null";

function openWatch(source: string | undefined): Watch {
  const spelledRoot = resolve(source ?? ".");
  const preprocessor = createPreprocessor(noShadow);
  const sources = watchSources({ root: realPath(spelledRoot), spelledRoot, shadow: noShadow }, [], preprocessor);
  return {
    expectFile: (path) => sources.expectReader([path]),
    expect: async (invocation) => sources.expectReader((await preprocessor.read(invocation))?.files ?? []),
    refuseEdited: async () => (await sources.refuseEdited(undefined))(),
  };
}

/** A file of the author's, compiled, with the unit that it belongs to. */
interface Fix {
  readonly file: string;
  readonly olds: readonly Replaced[];
  readonly home: DebugUnit;
  readonly invocation: Invocation;
  readonly compared: ComparedUnit;
  readonly proved: UnitProof | undefined;
}

async function makeFix(tracer: TracerClient, program: LinkedProgram, { file, olds }: WrittenFile, options: ReplacementOptions & { readonly watch: Watch }, compiled: (milliseconds: number) => void): Promise<Fix> {
  const unit = onlyUnit(program, olds.map(({ old }) => old));
  const original = await invocationOf(unit, program, options);
  const invocation = forFile(original, resolve(file), unit, options.command);
  return withRoom(() => withScratch(async (directory) => {
    await Promise.all([invocation, ...(original === undefined ? [] : [original])].map((each) => options.watch.expect(each)));
    const begun = performance.now();
    const object = await compileFix(invocation, directory, file);
    compiled(performance.now() - begun);
    const proved = await proveOriginal(program, unit, original, options.source, directory);
    if (proved !== undefined) options.onProgress?.({ step: "proved", unit: unit.name, functions: proved.functions.size });
    await refuseCountingCallers(program, olds.map(({ old }) => old), unit, original, directory);
    const layouts = await tracer.layouts(options.target, { unit, debugFile: options.debugFile });
    const own = await layoutsOfObject(tracer, join(directory, "fix.o"), object);
    refuseLayouts(file, layouts, own, { allowed: options.allowedLayouts });
    refuseSignatures(file, layouts, own, olds);
    return { file, olds, home: unit, invocation, proved, compared: comparedUnit(program, readObjectCode(file, object), unit, olds, invocation) };
  }));
}

const compiledUnit = ({ file, invocation, compared }: Fix): CompiledUnit =>
  ({ unit: file, producer: producerOf(compared.comparison.patched.file) ?? "", command: [invocation.compiler, ...formatInvocation(invocation, [])] });

const notesOn = ({ file, olds, proved }: Fix): readonly string[] =>
  olds.map(({ by, old }) => `Written by hand: ${by} of ${basename(file)} takes the place of ${old.name}${proved === undefined ? "; nothing was compared with the program" : ""}`);

function findOld({ program }: LinkedProgram, spelled: string): ProgramFunction {
  const colon = spelled.lastIndexOf(":");
  const [unit, name] = colon < 0 ? [undefined, spelled] : [spelled.slice(0, colon), spelled.slice(colon + 1)];
  const units = unit === undefined ? undefined : new Set(unitsNamed(program.units, unit));
  const found = program.functionsNamed(name).filter((each) => units === undefined || (each.unit !== undefined && units.has(each.unit)));
  const [only, second] = found;
  if (only === undefined) {
    throw new SutureError("unknown-function", `Cannot replace ${name}: ${program.name} has no such function${unit === undefined ? "" : ` in ${unit}`}`, { function: name });
  }
  if (second !== undefined) {
    const places = found.map((each) => each.unit?.name ?? "code without debug information");
    throw new SutureError("not-patchable", `Cannot replace ${name}: ${program.name} has it in ${places.join(", ")}; say which, as ${places[0] ?? "UNIT"}:${name}`, { function: name, units: places });
  }
  return only;
}

function onlyUnit({ program }: LinkedProgram, olds: readonly ProgramFunction[]): DebugUnit {
  const [unit, second] = new Set(olds.map((old) => old.unit));
  const [first] = olds;
  if (first === undefined) throw new SutureError("usage", "Cannot build a patch: no function is to be replaced");
  if (second !== undefined) {
    throw new SutureError("not-patchable", `Cannot replace functions of ${unit?.name ?? ""} and ${second.name} from one file: it could be compiled like one of them only; write a file for each, and give both`, {});
  }
  if (unit === undefined) throw new SutureError("not-patchable", `Cannot replace ${first.name}: no debug information of ${program.name} describes it`, { function: first.name });
  return unit;
}

/** Of a function that was specialised or inlined, part of the calls would go on running the old code. */
async function refuseCopies({ program }: LinkedProgram, olds: readonly ProgramFunction[]): Promise<void> {
  const replaced = new Set(olds.map(({ entry }) => entry as bigint));
  const copies = await program.inlinedCopies();
  for (const old of olds) {
    if (old.name !== baseFunctionName(old.name)) throw new SutureError("not-patchable", `Cannot replace ${old.name}: it is a copy that the compiler made of ${baseFunctionName(old.name)} and calls in a way of its own; make the patch from a diff`, { function: old.name });
    const clone = program.functionsOfSource(old.sourceName).find((each) => each.unit === old.unit && !replaced.has(each.entry));
    const inlined = copies.find((each) => each.name === old.sourceName && program.units[each.unit] === old.unit && !replaced.has(each.into));
    const holder = clone?.name ?? (inlined === undefined ? undefined : program.functionAt(inlined.into)?.name);
    if (holder !== undefined) throw new SutureError("not-patchable", `Cannot replace ${old.name}: the compiler has put a copy of it into ${holder}, which would go on running the old code; replace that one too, or make the patch from a diff`, { function: old.name, holder });
  }
}

function refuseSignatures(file: string, layouts: readonly StructureLayout[], own: readonly StructureLayout[], olds: readonly Replaced[]): void {
  const renamed = olds.flatMap(({ by, old }) => own.filter(({ kind, name }) => kind === "function" && name === by).map((each) => ({ ...each, name: old.name })));
  const [change] = compareSignatures(layouts, renamed);
  if (change === undefined) return;
  const by = olds.find(({ old }) => old.name === change.function)?.by ?? "";
  throw notPatchable(file, { function: by }, `${change.text}, and those who call ${change.function} go on calling as they did`);
}

/** How the unit was compiled, where there is a source tree that says so. */
async function invocationOf(unit: DebugUnit, { program }: LinkedProgram, { source, compileCommands, command }: ReplacementOptions): Promise<Invocation | undefined> {
  if (source === undefined) {
    if (command !== undefined) return undefined;
    throw new SutureError("usage", "Cannot build a patch: how to compile the file is not known; name the source tree that built the program (--source), or the flags (--flags)");
  }
  const commands = await readCompileCommands({ source, ...(compileCommands === undefined ? {} : { compileCommands }) });
  const invocations = await Promise.all(commands.map((each) => readInvocation(each).catch(() => undefined)));
  const found = invocations.filter((each) => each !== undefined).find(({ directory, spelled }) => resolve(directory, spelled) === unitPath(unit) || spelled === unit.name);
  if (found !== undefined) return found;
  throw new SutureError("no-compile-command", `Cannot build a patch for ${program.name}: no compile command makes ${unit.name}; "suture capture -- make" records a whole build`, { unit: unit.name });
}

/** `#include "…"` of the author's file finds the unit's neighbours too. */
function forFile(original: Invocation | undefined, file: string, unit: DebugUnit, command: readonly string[] | undefined): Invocation {
  const [compiler = "cc", ...flags] = command ?? [];
  if (command !== undefined || original === undefined) {
    const directory = process.cwd();
    const given = [...parseArguments(flags), { kind: "input", path: file } as const];
    return { compiler, directory, arguments: given, recorded: given, spelled: file };
  }
  const beside = { kind: "option", flag: "-iquote", value: dirname(unitPath(unit)), isJoined: false } as const;
  const options = original.arguments.filter(({ kind }) => kind === "option");
  return { ...original, arguments: [...options, beside, { kind: "input", path: file }], spelled: file };
}

/** What is asked of the unit's source counts only if it is the source that runs. */
async function proveOriginal(
  program: LinkedProgram, unit: DebugUnit, original: Invocation | undefined, source: string | undefined, scratch: string,
): Promise<UnitProof | undefined> {
  if (original === undefined || source === undefined) return undefined;
  const object = await compileAsItWas(original, unit, ownSections, join(scratch, "original.o"));
  const { spelled, directory, compiler } = original;
  const plain = () => compileAsItWas(original, unit, [], join(scratch, "plain.o"));
  return proveUnit(program, { unit: unit.name, spelled, directory, compiler, flags: [], original: object, plain }, source);
}

async function compileFix(invocation: Invocation, directory: string, file: string): Promise<Uint8Array> {
  const output = join(directory, "fix.o");
  // Static variables of the program are declared as extern here: they must not be taken for another module's.
  const run = await runProgram(invocation.compiler, formatInvocation(invocation, ["-g", "-ffunction-sections", "-fdata-sections", "-fno-common", "-c", "-o", output]),
    { directory: invocation.directory, environment: compilerEnvironment });
  if (run.status !== 0) throw compileError(file, "patched", run);
  return readFile(output);
}

/** The file in the place of a patched unit: what it defines is new, but for the replacements, which are `old` changed. */
function comparedUnit(program: LinkedProgram, fix: ObjectCode, unit: DebugUnit, olds: readonly Replaced[], invocation: Invocation): ComparedUnit {
  const originals = new Map<string, Definition>();
  const functions = new Map<string, ProvedFunction>();
  for (const { by, old } of olds) {
    const definition = fix.functions.get(by);
    if (definition === undefined) throw notPatchable(fix.unit, { function: by }, `is to replace ${old.name}, and the file does not define it`);
    originals.set(by, { ...definition, name: old.name });
    functions.set(old.name, { name: old.name, at: old.entry, size: old.size, compared: true });
  }
  const changed = new Map(olds.map(({ by }) => [by, `replaced by ${by} of ${basename(fix.unit)}, by hand`]));
  const isNew = (name: string): boolean => !originals.has(name);
  const pair = {
    unit: fix.unit, spelled: invocation.spelled, directory: invocation.directory, compiler: invocation.compiler, flags: [],
    original: new Uint8Array(), patched: new Uint8Array(), plain: () => Promise.resolve(new Uint8Array()),
  };
  return {
    proved: { pair, object: fix, unit, functions, doubtful: new Map(), bindings: bindingsOf(program, fix, unit), unproved: new Set(), isWaived: false, bytes: 0 },
    comparison: {
      unit: fix.unit, original: fix, patched: fix, correlation: { originals, undecided: new Set(), parted: [] }, changed,
      added: new Set([...fix.functions.keys()].filter((name) => isNew(name) && !isColdPart(name))),
      replacedConstants: new Set(), addedVariables: new Set(fix.variables.keys()),
    },
  };
}

/** What the file leaves undefined and the unit has as its own. Everything else is found as for any patch. */
function bindingsOf(program: LinkedProgram, fix: ObjectCode, unit: DebugUnit): ReadonlyMap<string, Binding> {
  const names = fix.file.symbols.filter(({ index, section, name }) => index > 0 && section === "undefined" && name !== "").map(({ name }) => name);
  return new Map(names.flatMap((name) => {
    const binding = localBinding(program, fix, unit, name);
    return binding === undefined ? [] : [[name, binding] as const];
  }));
}

function localBinding(program: LinkedProgram, fix: ObjectCode, unit: DebugUnit, name: string): Binding | undefined {
  const symbols = program.program.symbolsNamed(name);
  const places = functionPlaces(program, name, unit).map(({ at }) => at);
  const own = symbols.filter((each) => each.symbol.binding === "local" && each.unit === unit && (each.symbol.type === "object" || each.symbol.type === "tls"));
  if (places.length + own.length > 1) throw notPatchable(fix.unit, { variable: name }, `is in ${unit.name} ${places.length + own.length} times`);
  const [place] = places;
  if (place !== undefined) return { kind: "address", at: place };
  const [variable] = own;
  if (variable !== undefined) return variableBinding(program, variable.symbol);
  const isGlobal = symbols.some(({ symbol }) => symbol.binding !== "local") || program.dynamicByName.has(name);
  const foreign = isGlobal ? [] : symbols.filter(({ symbol, file }) => symbol.binding === "local" && file !== undefined);
  if (foreign.length === 0) return undefined;
  throw notPatchable(fix.unit, { variable: name }, `is static in ${foreign.map((each) => each.unit?.name ?? each.file ?? "another unit").join(", ")}, and the file may use what ${unit.name} can see`);
}

function variableBinding(program: LinkedProgram, symbol: ElfSymbol): Binding {
  const offset = threadOffsetOf(program, symbol);
  return offset === undefined ? { kind: "address", at: placeOf(symbol) } : { kind: "thread", offset };
}

async function assemble(program: LinkedProgram, fixes: readonly Fix[], note: (text: string) => void): Promise<ImageObject> {
  const units = fixes.map(({ compared }) => compared);
  const inclusion = includeDependencies(program, units);
  refuseRecords(inclusion);
  const { name, buildId, kind } = program.program;
  const lines = await sourceLinesOf(inclusion, { note });
  const object = assembleObject({
    module: { name, buildId, kind }, units, inclusion, unwinding: unwindingFor(program, inclusion), lines, oldFunctionOf: (compared, definition) => oldFunctionOf(program, compared, definition),
  });
  // The old function is known by its unit, as everywhere.
  const homes = new Map(fixes.map(({ compared, home }) => [compared.proved.pair.unit, home.name]));
  return { ...object, functions: object.functions.map((each) => ({ ...each, unit: homes.get(each.unit) ?? each.unit })), proof: sumOfProofs(fixes) };
}

/** Several files may be for one unit, which is proved once. */
function sumOfProofs(fixes: readonly Fix[]): ImageObject["proof"] {
  const proofs = [...new Map(fixes.flatMap(({ home, proved }) => (proved === undefined ? [] : [[home, proved] as const]))).values()];
  return { units: proofs.length, functions: proofs.reduce((sum, { functions }) => sum + functions.size, 0), bytes: proofs.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** The file as a diff that creates it: the image holds what it was made from, in the one form that it has for that. */
async function asDiff(file: string): Promise<SourceDiff> {
  const text = decodeText(await readFile(file)).replace(/\n$/, "");
  const lines = text.split("\n");
  return { name: basename(file), text: `--- /dev/null\n+++ b/${basename(file)}\n@@ -0,0 +1,${lines.length} @@\n${lines.map((line) => `+${line}\n`).join("")}` };
}
