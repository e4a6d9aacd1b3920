// The running program as the proof sees it: its functions and variables by translation unit, and what PLT stubs and
// GOT slots of it stand for.

import { relative, resolve } from "node:path";

import type { FileAddress } from "../address.ts";
import { fileAddress } from "../address.ts";
import { alignUp, segmentType } from "../elf/mod.ts";
import type { ElfSymbol } from "../elf/mod.ts";
import type { Program } from "../patchability/mod.ts";
import type { DebugUnit } from "../tracer.ts";
import { readLinks } from "./links.ts";
import type { ProgramLinks } from "./links.ts";
import { readObjectCode } from "./object-code.ts";
import type { ObjectCode } from "./object-code.ts";
import { blockBase, relaxThreadAccess } from "./thread-access.ts";

/** An object as it stands in the program: one that is linked into a program uses thread-local variables in a simpler way. */
export function readLinkedObject(program: LinkedProgram, unit: string, bytes: Uint8Array): ObjectCode {
  if (isLibrary(program)) return readObjectCode(unit, bytes);
  const isOwn = ({ name, section }: ElfSymbol): boolean => section !== "undefined" || name === blockBase || program.program.symbolsNamed(name).some(({ symbol }) => symbol.type === "tls" && symbol.section !== "undefined");
  return readObjectCode(unit, bytes, (file) => relaxThreadAccess(file, isOwn));
}

export interface LinkedProgram {
  readonly program: Program;
  readonly links: ProgramLinks;
  /** Defined and undefined dynamic symbols; of several versions the default one. */
  readonly dynamicByName: ReadonlyMap<string, ElfSymbol>;
}

export function readLinkedProgram(program: Program): LinkedProgram {
  const dynamic = program.elf.dynamicSymbols;
  const dynamicByName = new Map([...dynamic.filter(isHidden), ...dynamic.filter((symbol) => !isHidden(symbol))].map((symbol) => [symbol.name, symbol]));
  return { program, dynamicByName, links: readLinks(program.elf) };
}

const isHidden = ({ hiddenVersion }: ElfSymbol): boolean => hiddenVersion === true;

/** Where a unit's main file is, as its compile command spells it. */
export interface UnitIdentity {
  readonly spelled: string;
  readonly directory: string;
}

/**
 * The program's units that were compiled from this file; several when it was compiled several times. Where the program
 * was built in another directory, or its build mapped the directory to another name, the spelled name decides.
 */
export function unitsOf(units: readonly DebugUnit[], unit: UnitIdentity, source: string): readonly DebugUnit[] {
  const path = resolve(unit.directory, unit.spelled);
  const samePath = units.filter(({ directory, name }) => resolve(directory, name) === path);
  if (samePath.length > 0) return samePath;
  return units.filter(({ directory, name }) => name === unit.spelled && !isInside(directory, source));
}

export function isInside(directory: string, root: string): boolean {
  const way = relative(root, directory);
  return way === "" || (!way.startsWith("..") && !way.startsWith("/"));
}

/** Where the program has a function. */
export interface FunctionPlace {
  readonly at: FileAddress;
  readonly size: number;
}

/**
 * The places of this unit that have this name as a symbol; parts and clones have names of their own. Where static symbols
 * were stripped, debug information still knows functions by the names of the source.
 */
export function functionPlaces({ program }: LinkedProgram, name: string, unit: DebugUnit): readonly FunctionPlace[] {
  const symbols = program.symbolsNamed(name).map(({ symbol }) => symbol).filter(
    ({ type, value }) => (type === "function" || type === "ifunc") && program.functionAt(fileAddress(value))?.unit === unit);
  const places = new Map(symbols.map(({ value, size }) => [value, { at: fileAddress(value), size }]));
  if (places.size > 0) return [...places.values()];
  return program.functionsNamed(name).filter((each) => each.unit === unit).map(({ entry, size }) => ({ at: entry, size }));
}

/** The variable of this name: of this unit if it is local, else the program's global one; undefined where there are several. */
export function variableSymbol({ program }: LinkedProgram, name: string, unit: DebugUnit, isLocal: boolean): ElfSymbol | undefined {
  const fitting = program.variablesNamed(name).filter((each) =>
    isLocal ? each.symbol.binding === "local" && each.unit === unit : each.symbol.binding !== "local");
  const [found] = fitting;
  return fitting.length === 1 ? found?.symbol : undefined;
}

/** Has the program, or what it is linked against, something of one of these names? Nobody knows of a program without symbols. */
export function hasName({ program, dynamicByName }: LinkedProgram, names: readonly string[]): boolean {
  const { symbols } = program.elf;
  return symbols.length === 0 || names.some((name) => dynamicByName.has(name) || program.functionsOfSource(name).length > 0) || symbols.some(({ name }) => names.includes(name));
}

/** A thread variable's offset from the thread pointer, below which the program's own block ends on x86-64. */
export function threadOffsetOf({ program }: LinkedProgram, symbol: ElfSymbol): bigint | undefined {
  const segment = program.elf.segments.find(({ type }) => type === segmentType.tls);
  if (segment === undefined || symbol.type !== "tls") return undefined;
  return symbol.value - BigInt(alignUp(segment.memorySize, segment.alignment));
}

export const bytesOfProgram = ({ program }: LinkedProgram, at: bigint, length: number): Uint8Array | undefined =>
  program.codeAt(fileAddress(at), length);

export const isLibrary = ({ program }: LinkedProgram): boolean => program.kind === "library";

export const placeOf = (symbol: ElfSymbol): FileAddress => fileAddress(symbol.value);
