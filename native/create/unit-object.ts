// One side of a unit as an object: the unit as it was, compiled in the user's tree, or as patched, in a shadow of it. Both sides are
// made of their preprocessed text. Where that does not do (options that want the source itself, a compiler that refuses the text), the compiler
// reads the source.
//
// Refused: a patched unit that reaches a touched file as it was, by a path that no shadow can change.

import { realpathSync, statSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { basename, join, parse } from "node:path";

import { SutureError } from "../errors.ts";
import type { TouchedFile } from "./apply-diff.ts";
import { compileError } from "./compile-error.ts";
import { openCompilers } from "./compilers.ts";
import type { CompilerIdentity, Compilers } from "./compilers.ts";
import { parseDependencies } from "./dependencies.ts";
import { watchSources } from "./edited.ts";
import type { SourceWatch } from "./edited.ts";
import { compilerEnvironment, formatInvocation, inShadow, locate } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { defaultObjectCache, noObjectCache, openObjectCache } from "./object-cache.ts";
import type { KeptObject, ObjectCache } from "./object-cache.ts";
import { createPreprocessor, languageOfText } from "./preprocess.ts";
import type { Preprocessor, SourceText } from "./preprocess.ts";
import { writeJoined } from "./reassemble.ts";
import { runProgram } from "./run-program.ts";
import { openDirectory } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";
import type { CreateOptions } from "./types.ts";
import type { Compilable } from "./units.ts";
import { withoutVariableTracking } from "./variable-tracking.ts";

export type Side = "original" | "patched";

/** What every compilation of a build needs. */
export interface Workshop {
  readonly tree: ShadowTree;
  readonly touched: readonly TouchedFile[];
  readonly preprocessor: Preprocessor;
  readonly compilers: Compilers;
  readonly cache: ObjectCache;
  readonly watch: SourceWatch;
  /** What unpatchedIn() has found. */
  readonly unpatched: WeakMap<SourceText, string | undefined>;
  /** The command that makes this side of the unit. */
  invocation(unit: Compilable, side: Side): Invocation;
}

export function openWorkshop(tree: ShadowTree, touched: readonly TouchedFile[], { objectCache = defaultObjectCache() }: CreateOptions): Workshop {
  const patched = new Map<Invocation, Invocation>();
  const preprocessor = createPreprocessor(tree.shadow);
  const compilers = openCompilers();
  return {
    tree, touched, preprocessor, compilers, watch: watchSources(tree, touched, preprocessor), unpatched: new WeakMap(),
    cache: objectCache === null ? noObjectCache : openObjectCache(objectCache, tree, compilers),
    invocation: ({ invocation }, side) => {
      if (side === "original") return invocation;
      const mapped = patched.get(invocation) ?? inShadow(invocation, tree);
      patched.set(invocation, mapped);
      return mapped;
    },
  };
}

export const readSide = ({ preprocessor, invocation }: Workshop, unit: Compilable, side: Side): Promise<SourceText | undefined> => preprocessor.read(invocation(unit, side));

/** Compilers go up from the directory in which they run: it has to be the shadow's own. Nobody may be reading there. */
export function openWorkingDirectory({ tree }: Workshop, { command }: Compilable): void {
  const below = locate(tree, command.directory);
  if (below !== undefined) openDirectory(tree, below);
}

export function hasWorkingDirectory({ tree }: Workshop, { command }: Compilable): boolean {
  const below = locate(tree, command.directory);
  return below === undefined || ![...tree.linked].some((path) => below === path || below.startsWith(`${path}/`));
}

export interface SideObject {
  readonly object: Uint8Array;
  /** What it was made of. Whatever else is made for it is made of this too: read again, the sources could be others. */
  readonly source: SourceText | undefined;
  /** Its debug information has the numbers of the side's own source. */
  readonly hasOwnLines: boolean;
  /** Of the original, where it was made of assembly just now: once more, with its functions in one section. Proofs ask for it nearly always. */
  readonly joined?: Promise<Uint8Array | undefined>;
}

/** `name`: of the files in the scratch directory, without an ending. `atWork` is called once the compiler runs. */
export async function compileSide(workshop: Workshop, unit: Compilable, side: Side, name: string, more: readonly string[], atWork?: () => void): Promise<SideObject> {
  const source = await readSide(workshop, unit, side);
  if (side === "patched" && source !== undefined) refuseUnpatched(unit, unpatchedIn(workshop, source));
  if (source !== undefined && source.assembled.files.length > 0) await workshop.watch.expectReader(source.assembled.files);
  const countsLines = source !== undefined && doesCountLines(unit, source);
  const made = source === undefined ? undefined : await compileText(workshop, unit, { side, name, more, source, numbers: countsLines ? "pinned" : "text", atWork });
  const object = made?.object ?? await compileSource(workshop, unit, { side, name, more, source });
  return { object, source, ...(made?.joined === undefined ? {} : { joined: made.joined }), hasOwnLines: source === undefined ? !isAnyMoved(workshop) : source.text === source.pinned || (made !== undefined && !countsLines) };
}

/** The patched side with the numbers of its own source in everything. */
export async function compileNumbered(workshop: Workshop, unit: Compilable, { source }: SideObject, name: string, more: readonly string[]): Promise<Uint8Array> {
  const made = source === undefined ? undefined : await compileText(workshop, unit, { side: "patched", name, more, source, numbers: "text" });
  if (made !== undefined) return made.object;
  throw new SutureError("compile-error", `Cannot tell the lines of ${unit.unit}: the compiler does not take its preprocessed text`, { unit: unit.unit });
}

/** Instrumentation that tells a run-time library, or a later compilation, about lines. */
const recordsLines = /^(-fsanitize|-fopenmp|-fopenacc|-fcoverage)/;
/** What preprocessing leaves to the compiler. */
const asksCompiler = /__builtin_(?:LINE|source_location)\b/;

/** Do the numbers that the compiler itself counts become part of the code? */
const doesCountLines = ({ invocation }: Compilable, { text, pinned }: SourceText): boolean =>
  text !== pinned && (asksCompiler.test(text) || invocation.recorded.some((word) => word.kind === "option" && recordsLines.test(word.flag)));

const isAnyMoved = ({ touched }: Workshop): boolean => touched.some(({ original, patched }) => original !== undefined && patched !== undefined);

interface Compilation {
  readonly side: Side;
  readonly name: string;
  readonly more: readonly string[];
  readonly atWork?: (() => void) | undefined;
}

/** Undefined where the compiler refuses the text, or could make something else of it. */
async function compileText(
  workshop: Workshop, unit: Compilable, { side, name, more, source, numbers, atWork }: Compilation & { readonly source: SourceText; readonly numbers: "text" | "pinned" },
): Promise<MadeObject | undefined> {
  const { tree, cache, compilers } = workshop;
  const invocation = workshop.invocation(unit, side);
  const language = languageOfText(invocation);
  if (language === undefined) return undefined;
  const identity = await compilers.identify(invocation);
  const ofText = { ...invocation, arguments: invocation.arguments.filter(({ kind }) => kind === "option") };
  const words = [...more, ...(identity?.isGcc === true ? withoutVariableTracking(invocation, identity.programs) : []), "-x", language, "-"];
  const compilation = { invocation: ofText, side, name, more: words, input: source[numbers], atWork };
  let joined: Promise<Uint8Array | undefined> | undefined;
  try {
    const { object } = await cache.get(invocation, source, [...words, numbers], async () => {
      const assembly = mayBeGcc(invocation, identity) && side === "original" && /^c/.test(language) ? await compileToAssembly(tree, compilation) : undefined;
      if (assembly !== undefined) joined = joinLater(workshop, unit, { assembly, source, name });
      const assembled = assembly === undefined ? undefined : await assemble(tree, ofText, assembly, name);
      return assembled ?? compile(workshop, unit, compilation);
    });
    return { object, joined };
  } catch (error) {
    // An assembler that is still at it would put files back.
    await joined?.catch(() => undefined);
    if (error instanceof SutureError && error.kind === "compile-error") return undefined;
    throw error;
  }
}

interface MadeObject {
  readonly object: Uint8Array;
  readonly joined: Promise<Uint8Array | undefined> | undefined;
}

/** While its own object is made; who asks for it is told of a failure. */
function joinLater(workshop: Workshop, unit: Compilable, { assembly, source, name }: { readonly assembly: string; readonly source: SourceText; readonly name: string }): Promise<Uint8Array | undefined> {
  const joined = reassemble(workshop, unit, source, { assembly, name: `${name}-joined` });
  joined.catch(() => undefined);
  return joined;
}

/** Undefined where it does not compile, and where it was not gcc: objects of clang are not made of assembly, and differ from what its assembly makes. */
async function compileToAssembly(tree: ShadowTree, { invocation, name, more, input, atWork }: TextCompilation): Promise<string | undefined> {
  const file = join(tree.scratch, `${name}.s`);
  const running = runProgram(invocation.compiler, formatInvocation(invocation, [...more, "-S", "-o", file]), {
    directory: invocation.directory, environment: compilerEnvironment, input: Buffer.from(input, "latin1"),
  });
  atWork?.();
  if ((await running).status !== 0) return undefined;
  return (await readFile(file, "latin1")).includes('.ident\t"GCC: ') ? file : undefined;
}

/** Where it does not say, by its name. */
const mayBeGcc = ({ compiler }: Invocation, identity: CompilerIdentity | undefined): boolean => identity?.isGcc ?? !/clang/.test(basename(compiler));

/** By the compiler's choice of an assembler. Its own options about debug information are for sources in assembly. */
async function assemble(tree: ShadowTree, invocation: Invocation, assembly: string, name: string): Promise<KeptObject | undefined> {
  const file = join(tree.scratch, `${name}.o`);
  const words = invocation.arguments.filter((word) => word.kind !== "option" || !/^-g(?!z)/.test(word.flag));
  const run = await runProgram(invocation.compiler, formatInvocation({ ...invocation, arguments: words }, ["-c", "-o", file, "-x", "assembler", assembly]), {
    directory: invocation.directory, environment: compilerEnvironment,
  });
  if (run.status !== 0) return undefined;
  const object = await readFile(file);
  await rm(file);
  return { object, dependencies: "" };
}

/** The original once more, with its functions in one section: of its assembly, or as it is kept. Undefined where neither is there. */
export async function reassemble(
  workshop: Workshop, unit: Compilable, source: SourceText | undefined, made?: { readonly assembly: string; readonly name: string },
): Promise<Uint8Array | undefined> {
  const { tree, cache } = workshop;
  const invocation = workshop.invocation(unit, "original");
  try {
    const { object } = await cache.get(invocation, source, ["joined"], async () => {
      if (made === undefined) throw nothingLeft;
      const joined = join(tree.scratch, `${made.name}.s`);
      await writeJoined(made.assembly, joined);
      const assembled = await assemble(tree, { ...invocation, arguments: invocation.arguments.filter(({ kind }) => kind === "option") }, joined, made.name);
      if (assembled === undefined) throw nothingLeft;
      return assembled;
    });
    return object;
  } catch (error) {
    if (error === nothingLeft) return undefined;
    throw error;
  }
}

const nothingLeft = new SutureError("internal", "Cannot assemble again: there is no assembly");

/** By the compiler's own preprocessing. */
export async function compileSource(workshop: Workshop, unit: Compilable, { side, name, more, source }: Compilation & { readonly source: SourceText | undefined }): Promise<Uint8Array> {
  const { tree, cache, watch } = workshop;
  const invocation = workshop.invocation(unit, side);
  await watch.expectReader([join(tree.root, unit.unit), ...source?.files ?? []]);
  const words = side === "original" ? more : [...more, "-MD", "-MF", join(tree.scratch, `${name}.d`)];
  const { object, dependencies } = await cache.get(invocation, source, words, () => compile(workshop, unit, { invocation, side, name, more: words }));
  if (side === "patched") refuseUnpatched(unit, unpatchedAmong(workshop, parseDependencies(dependencies, invocation.directory)));
  return object;
}

interface TextCompilation extends Compilation {
  readonly invocation: Invocation;
  readonly input: string;
}

async function compile(
  workshop: Workshop, unit: Compilable, { invocation, side, name, more, input, atWork }: Omit<TextCompilation, "input"> & { readonly input?: string },
): Promise<KeptObject> {
  const { tree } = workshop;
  const file = join(tree.scratch, name);
  const running = runProgram(invocation.compiler, formatInvocation(invocation, [...more, ...await profileOf(workshop, unit), "-c", "-o", `${file}.o`]), {
    directory: invocation.directory, environment: compilerEnvironment, ...(input === undefined ? {} : { input: Buffer.from(input, "latin1") }),
  });
  atWork?.();
  const run = await running;
  if (run.status !== 0) throw compileError(unit.unit, side, run, tree);
  // Assembly that is not preprocessed consists of one file, and names none.
  const dependencies = await readFile(`${file}.d`, "utf8").catch(() => "");
  const object = await readFile(`${file}.o`);
  await rm(`${file}.o`);
  return { object, dependencies };
}

/** gcc looks for the profile that it compiles by (-fprofile-use) under the name of the object, which is another one here. */
async function profileOf({ compilers }: Workshop, { command: { output }, invocation }: Compilable): Promise<readonly string[]> {
  const usesProfile = invocation.arguments.some((each) => each.kind === "option" && /^-fprofile-use\b/.test(each.flag));
  if (!usesProfile || output === undefined || !mayBeGcc(invocation, await compilers.identify(invocation))) return [];
  const { dir, name, ext } = parse(output);
  return ["-dumpdir", `${dir}/`, "-dumpbase", `${name}${ext}`, "-dumpbase-ext", ext];
}

/** Should some path have led the compiler to a file as it was, the object would be a patch without the fix. */
function refuseUnpatched({ unit }: Compilable, path: string | undefined): void {
  if (path === undefined) return;
  throw new SutureError("not-patchable",
    `Cannot compile ${unit} as patched: it includes ${path} by a path that a copy of the tree cannot change, such as an absolute one in a source`, { unit, file: path });
}

/** A touched file, as it was, that is part of the text. */
export function unpatchedIn(workshop: Workshop, source: SourceText): string | undefined {
  const { unpatched } = workshop;
  if (!unpatched.has(source)) unpatched.set(source, unpatchedAmong(workshop, source.files));
  return unpatched.get(source);
}

function unpatchedAmong({ tree, touched }: Workshop, files: readonly string[]): string | undefined {
  const originals = new Map(touched.map(({ path }) => [identityOf(join(tree.root, path)), path]));
  originals.delete(undefined);
  return files.map((file) => [file, originals.get(identityOf(file))] as const)
    .find(([file, path]) => path !== undefined && realpathSync.native(file) === join(tree.root, path))?.[1];
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev} ${found.ino}`;
}
