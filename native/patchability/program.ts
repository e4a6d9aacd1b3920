// A program or library as its file and its debug information state it, in one view for Creator, shell and editor.
// Refuses what a patch could not be built for or bound to: no debug information, no build-id, no x86-64 ELF file.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { FileAddress } from "../address.ts";
import { bytesAt, readElf, sectionFlag } from "../elf/mod.ts";
import type { ElfFile, ElfSection, ElfSymbol } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { DebugInformation, DebugUnit, InlinedCopy, TracerClient } from "../tracer.ts";
import { moduleKind } from "./dynamic.ts";
import { RangeIndex, collectFunctions } from "./functions.ts";
import type { ProgramFunction } from "./functions.ts";
import { readProgramSymbols } from "./symbols.ts";
import type { ProgramSymbol } from "./symbols.ts";
import { unitsNamed } from "./units.ts";

export interface Program {
  readonly path: string;
  /** The file that has its debug information; often itself. */
  readonly debugPath: string;
  /** Base name, for messages. */
  readonly name: string;
  readonly kind: "program" | "library";
  readonly buildId: string;
  /** The file itself; where it is stripped, with the symbol table of its debug file. */
  readonly elf: ElfFile;
  readonly units: readonly DebugUnit[];
  /** By entry. */
  readonly functions: readonly ProgramFunction[];
  readonly symbols: readonly ProgramSymbol[];
  /** By linked name or alias. */
  functionsNamed(name: string): readonly ProgramFunction[];
  /** By the name in the source: clones and parts of one function have one. */
  functionsOfSource(name: string): readonly ProgramFunction[];
  /** The function whose body or cold part holds `at`. */
  functionAt(at: FileAddress): ProgramFunction | undefined;
  /** The lowest address above `at` where a function or a part of one begins. */
  functionStartAfter(at: FileAddress): FileAddress | undefined;
  /** `unit` as DW_AT_name or a path has it; see {@link unitsNamed}. */
  functionsOfUnit(unit: string, directory?: string): readonly ProgramFunction[];
  symbolsNamed(name: string): readonly ProgramSymbol[];
  /** Variables, thread-local ones too. */
  variablesNamed(name: string): readonly ProgramSymbol[];
  symbolsOfUnit(unit: string, directory?: string): readonly ProgramSymbol[];
  /** Makes the indexes of the lookups, for who will ask but has nothing else to do now. */
  readAhead(): void;
  /** Bytes as linked; undefined where the file holds none. */
  codeAt(at: FileAddress, length: number): Uint8Array | undefined;
  /** Where functions were inlined. Read when first asked for. */
  inlinedCopies(): Promise<readonly InlinedCopy[]>;
}

export interface ProgramOptions {
  /** Its separate debug file. Default: found by build-id, by debug link, or by debuginfod where DEBUGINFOD_URLS is set. */
  readonly debugFile?: string | undefined;
}

/** What a program says of the sources that it was made of: a unit names those that it has code or declarations of. */
export type SourceRecord = Pick<DebugInformation, "units" | "files">;

/** A program of which the helper reads the debug information, while nobody here has so much as opened the file. */
export interface OpeningProgram {
  readonly record: Promise<SourceRecord>;
  /** Reads the file, once. Refuses what {@link openProgram} refuses. */
  open(): Promise<Program>;
}

export function beginOpening(tracer: TracerClient, path: string, { debugFile }: ProgramOptions = {}): OpeningProgram {
  const debugging = tracer.debugInformation(path, { unitFiles: true, debugFile });
  debugging.catch(() => undefined);
  let opened: Promise<Program> | undefined;
  return { record: debugging, open: () => (opened ??= openFile(tracer, path, debugFile, debugging)) };
}

/** Refuses: file-not-found, not-permitted, bad-elf, unsupported-architecture, no-debug-information, build-id-mismatch. */
export const openProgram = (tracer: TracerClient, path: string, options?: ProgramOptions): Promise<Program> => beginOpening(tracer, path, options).open();

/** What is wrong with the file itself is said first. */
async function openFile(tracer: TracerClient, path: string, debugFile: string | undefined, debugging: Promise<DebugInformation>): Promise<Program> {
  const file = readProgramElf(await readProgramFile(path), path);
  const buildId = checkFile(file, path);
  const debug = checkDebugInformation(await debugging, path, buildId);
  const elf = file.symbols.length > 0 ? file : await withDebugSymbols(file, debug.from, path);
  return new OpenProgram(tracer, path, { buildId, elf, debug, debugFile });
}

async function readProgramFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    const kind = code === "EACCES" || code === "EPERM" ? "not-permitted" : "file-not-found";
    const found = { ENOENT: "there is no such file", EACCES: "it may not be read", EISDIR: "it is a directory" }[code] ?? code;
    throw new SutureError(kind, `Cannot open ${path}: ${found}`, { path }, { cause: error });
  }
}

function readProgramElf(bytes: Uint8Array, path: string): ElfFile {
  try {
    return readElf(bytes);
  } catch (error) {
    if (!(error instanceof SutureError) || error.kind !== "bad-elf") throw error;
    throw new SutureError("bad-elf", error.message.replace("Cannot read ELF file", `Cannot open ${path}`), { ...error.data, path }, { cause: error });
  }
}

/** Gives the build-id. */
function checkFile(file: ElfFile, path: string): string {
  if (file.type !== "executable" && file.type !== "shared") {
    throw new SutureError("bad-elf", `Cannot open ${path}: it is an ELF file, but neither a program nor a shared library`, { path });
  }
  if (file.machine !== "x86-64") {
    throw new SutureError("unsupported-architecture", `Cannot open ${path}: it is for ${file.machine === "other" ? "another machine" : file.machine}, and programs for x86-64 can be patched`, { path, machine: file.machine });
  }
  if (file.buildId === undefined) {
    throw new SutureError("bad-elf", `Cannot open ${path}: it has no build-id, by which a patch knows its program; link it with -Wl,--build-id`, { path });
  }
  return file.buildId;
}

function checkDebugInformation(debug: DebugInformation, path: string, buildId: string): DebugInformation {
  if (debug.functionCount > 0) return debug;
  const file = debug.from === path ? "it" : debug.from;
  const found = debug.units.some(isSplitAway)
    ? `${file} refers to .dwo files, which are not where it was linked; put those of the build back (packages of them, .dwp, are not read), or build it without -gsplit-dwarf`
    : `${file} describes no function; build it with -g`;
  throw new SutureError("no-debug-information", `Cannot read the debug information of ${path}: ${found}`, { path, buildId });
}

/** Of a unit whose description is in a file of its own (-gsplit-dwarf) that is missing, not even the name is known. */
const isSplitAway = ({ name, producer }: DebugUnit): boolean => name === "" && producer === "";

/** The symbols of a stripped program are in its debug file, which numbers its sections in its own way. */
async function withDebugSymbols(file: ElfFile, debugPath: string, path: string): Promise<ElfFile> {
  if (debugPath === path) return file;
  const debugFile = readElf(await readProgramFile(debugPath));
  if (debugFile.buildId !== undefined && debugFile.buildId !== file.buildId) {
    throw new SutureError(
      "build-id-mismatch", `Cannot open ${path}: it has build-id ${file.buildId}, its debug file ${debugPath} is of ${debugFile.buildId}`, { path, debugPath },
    );
  }
  const indexes = new Map(debugFile.sections.map((section) => [section.index, sameSection(file, section)?.index]));
  const renumber = (symbol: ElfSymbol): ElfSymbol =>
    (typeof symbol.section === "number" ? { ...symbol, section: indexes.get(symbol.section) ?? "absolute" } : symbol);
  return { ...file, symbols: debugFile.symbols.map(renumber) };
}

const sameSection = (file: ElfFile, section: ElfSection): ElfSection | undefined =>
  ((section.flags & sectionFlag.alloc) === 0 ? undefined
    : file.sections.find((each) => each.name === section.name && each.address === section.address));

interface ProgramParts {
  readonly buildId: string;
  readonly elf: ElfFile;
  readonly debug: DebugInformation;
  readonly debugFile: string | undefined;
}

/** The indexes behind the lookups; each is made when it is first asked for: who only wants to know the units does not wait. */
class OpenProgram implements Program {
  readonly path: string;
  readonly debugPath: string;
  readonly name: string;
  readonly kind: "program" | "library";
  readonly buildId: string;
  readonly elf: ElfFile;
  readonly units: readonly DebugUnit[];
  readonly #tracer: TracerClient;
  readonly #debugFile: string | undefined;
  readonly #symbols: () => readonly ProgramSymbol[];
  readonly #functions: () => readonly ProgramFunction[];
  readonly #ranges: () => RangeIndex;
  readonly #functionsByName: () => Groups<ProgramFunction>;
  readonly #functionsBySource: () => Groups<ProgramFunction>;
  readonly #symbolsByName: () => Groups<ProgramSymbol>;
  #inlined: Promise<readonly InlinedCopy[]> | undefined;

  constructor(tracer: TracerClient, path: string, { buildId, elf, debug, debugFile }: ProgramParts) {
    this.path = path;
    this.debugPath = debug.from;
    this.#debugFile = debugFile;
    this.name = basename(path);
    this.kind = moduleKind(elf);
    this.buildId = buildId;
    this.elf = elf;
    this.units = debug.units;
    this.#tracer = tracer;
    this.#symbols = once(() => readProgramSymbols(elf, debug));
    this.#functions = once(() => collectFunctions(debug, this.symbols));
    this.#ranges = once(() => new RangeIndex(this.functions));
    this.#functionsByName = once(() => groupBy(this.functions, (each) => [each.name, ...each.aliases]));
    this.#functionsBySource = once(() => groupBy(this.functions, (each) => [each.sourceName]));
    this.#symbolsByName = once(() => groupBy(this.symbols, (each) => [each.symbol.name]));
  }

  get symbols(): readonly ProgramSymbol[] {
    return this.#symbols();
  }

  get functions(): readonly ProgramFunction[] {
    return this.#functions();
  }

  functionsNamed(name: string): readonly ProgramFunction[] {
    return this.#functionsByName().get(name) ?? [];
  }

  functionsOfSource(name: string): readonly ProgramFunction[] {
    return this.#functionsBySource().get(name) ?? [];
  }

  functionAt(at: FileAddress): ProgramFunction | undefined {
    return this.#ranges().at(at);
  }

  functionStartAfter(at: FileAddress): FileAddress | undefined {
    return this.#ranges().startAfter(at) as FileAddress | undefined;
  }

  functionsOfUnit(unit: string, directory?: string): readonly ProgramFunction[] {
    const units = new Set(unitsNamed(this.units, unit, directory));
    return this.functions.filter((each) => each.unit !== undefined && units.has(each.unit));
  }

  symbolsNamed(name: string): readonly ProgramSymbol[] {
    return this.#symbolsByName().get(name) ?? [];
  }

  variablesNamed(name: string): readonly ProgramSymbol[] {
    return this.symbolsNamed(name).filter(({ symbol }) => symbol.type === "object" || symbol.type === "tls" || symbol.type === "common");
  }

  symbolsOfUnit(unit: string, directory?: string): readonly ProgramSymbol[] {
    const units = new Set(unitsNamed(this.units, unit, directory));
    return this.symbols.filter((each) => each.unit !== undefined && units.has(each.unit));
  }

  readAhead(): void {
    this.#ranges();
    this.#functionsByName();
    this.#symbolsByName();
  }

  codeAt(at: FileAddress, length: number): Uint8Array | undefined {
    return bytesAt(this.elf, at, length);
  }

  inlinedCopies(): Promise<readonly InlinedCopy[]> {
    this.#inlined ??= this.#tracer.debugInformation(this.path, { inlined: true, debugFile: this.#debugFile }).then((debug) => debug.inlined);
    return this.#inlined;
  }
}

function once<Value extends object>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => (made ??= make());
}

type Groups<Item> = ReadonlyMap<string, readonly Item[]>;

function groupBy<Item>(items: readonly Item[], namesOf: (item: Item) => readonly string[]): Groups<Item> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    for (const name of namesOf(item)) {
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [item]);
      else if (group.at(-1) !== item) group.push(item);
    }
  }
  return groups;
}
