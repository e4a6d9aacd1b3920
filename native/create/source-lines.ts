// Which source line each instruction of the code that travels comes from, for debuggers and profilers of the patched process.
// No part of what runs: where a compiler's line table is missing or cannot be read, a patch has none, and says so.

import { SutureError } from "../errors.ts";
import { readElf, readLineTables, writeDebugSections } from "../elf/mod.ts";
import type { DebugCode, DebugUnit, ElfFile, ElfSection, LineSequence } from "../elf/mod.ts";
import type { ImageSection, ImageSymbol } from "../image/mod.ts";
import type { ComparedUnit, Inclusion, Piece } from "./include.ts";
import { isCode } from "./object-code.ts";
import { mapParallel } from "./parallel.ts";

/** By unit; sections are those of its patched object. */
export type SourceLines = ReadonlyMap<ComparedUnit, UnitLines>;

interface LineOptions {
  readonly jobs?: number | undefined;
  readonly note: (text: string) => void;
  /** What the program's debug information calls the unit, so that a tree that was copied elsewhere gives the same image. Default: as it was compiled here. */
  readonly called?: (unit: ComparedUnit) => UnitPlace;
}

type UnitPlace = Pick<DebugUnit, "name" | "directory">;

/** A unit's lines, and what its main file is called. */
interface UnitLines extends UnitPlace {
  readonly sequences: readonly LineSequence[];
}

/** Of the units that code travels from. */
export async function sourceLinesOf({ pieces }: Inclusion, { jobs, note, called = hereCalled }: LineOptions): Promise<SourceLines> {
  const units = [...new Set(pieces.filter(({ section }) => isCode(section)).map(({ unit }) => unit))];
  return new Map(await mapParallel(units, jobs, async (unit) => {
    const { name, directory } = called(unit);
    return [unit, { name, directory, sequences: movedTo(await linesOfUnit(unit, note), unit.proved.pair.directory, directory) }] as const;
  }));
}

const hereCalled = ({ proved: { pair } }: ComparedUnit): UnitPlace => ({ name: pair.spelled, directory: pair.directory });

/**
 * Names of directories as they would be, had the compiler run in `to`; what lies outside of the tree keeps its name. Columns would be
 * those of preprocessed text, which nobody has.
 */
function movedTo(sequences: readonly LineSequence[], from: string, to: string): readonly LineSequence[] {
  const [here, there] = withoutCommonEnd(from, to);
  const move = (directory: string): string => {
    if (directory === from || directory === to) return "";
    return here !== there && (directory === here || directory.startsWith(`${here}/`)) ? there + directory.slice(here.length) : directory;
  };
  return sequences.map((sequence) => ({ ...sequence, rows: sequence.rows.map((row) => ({ ...row, column: 0, file: { ...row.file, directory: move(row.file.directory) } })) }));
}

/** `/home/me/tree/src` and `/build/tree/src`: `/home/me` and `/build`. */
function withoutCommonEnd(one: string, other: string): readonly [string, string] {
  const [left, right] = [one.split("/"), other.split("/")];
  while (left.length > 2 && right.length > 2 && left.at(-1) === right.at(-1)) [left, right].forEach((parts) => parts.pop());
  return [left.join("/"), right.join("/")];
}

async function linesOfUnit({ proved: { pair }, comparison: { patched } }: ComparedUnit, note: (text: string) => void): Promise<readonly LineSequence[]> {
  const sayNothing = (found: string): readonly LineSequence[] => {
    note(`Debuggers will show no source lines of ${pair.unit}: ${found}`);
    return [];
  };
  try {
    const pinned = readLineTables(patched.file);
    if (pinned.length === 0) return sayNothing("its object has no line table");
    const lined = await pair.lined?.();
    return lined === undefined ? pinned : withTrueLines(pinned, patched.file, readElf(lined));
  } catch (error) {
    if (!(error instanceof SutureError) || !isNoReasonToStop.has(error.kind)) throw error;
    return sayNothing(error.message);
  }
}

const isNoReasonToStop: ReadonlySet<string> = new Set(["bad-elf", "compile-error"]);

/** The rows of another compilation of the same source, which counts its lines otherwise. A function whose code differs in more than the numbers in it has none. */
function withTrueLines(pinned: readonly LineSequence[], file: ElfFile, lined: ElfFile): readonly LineSequence[] {
  const byName = new Map(readLineTables(lined).map((sequence) => [lined.sections[sequence.section]?.name, sequence]));
  return pinned.flatMap((sequence) => {
    const section = file.sections[sequence.section];
    const other = byName.get(section?.name);
    const home = lined.sections[other?.section ?? 0];
    if (section === undefined || other === undefined || home === undefined) return [];
    return isSameCode(section, home) && isSameCourse(sequence, other) ? [{ ...other, section: sequence.section }] : [];
  });
}

const isSameCode = (one: ElfSection, other: ElfSection): boolean =>
  one.size === other.size && one.relocations.length === other.relocations.length &&
  one.relocations.every(({ offset, type }, at) => offset === other.relocations[at]?.offset && type === other.relocations[at].type);

const isSameCourse = (one: LineSequence, other: LineSequence): boolean =>
  one.end === other.end && one.rows.length === other.rows.length && one.rows.every(({ offset, column }, at) => offset === other.rows[at]?.offset && column === other.rows[at].column);

/** The image's debug sections. `symbolOf` gives the symbol of the section that a piece has become. */
export function debugSections(inclusion: Inclusion, lines: SourceLines, symbolOf: (piece: Piece) => ImageSymbol): readonly ImageSection[] {
  return writeDebugSections([...lines].map(([unit, told]) => debugUnit(unit, inclusion, told, symbolOf)));
}

function debugUnit(unit: ComparedUnit, { pieces }: Inclusion, { name: unitName, directory, sequences }: UnitLines, symbolOf: (piece: Piece) => ImageSymbol): DebugUnit {
  const { patched } = unit.comparison;
  const code = pieces.filter((piece) => piece.unit === unit && isCode(piece.section));
  const functions = code.flatMap((piece) => (patched.definitionsBySection.get(piece.section.index) ?? [])
    .filter(({ kind }) => kind === "function")
    .map(({ name, symbol: { binding }, start, size }) => ({ name, isExternal: binding !== "local", symbol: symbolOf(piece), offset: start, size })));
  return { name: unitName, directory, language: languageOf(unitName), functions, code: code.flatMap((piece) => codeOf(piece, sequences, symbolOf)) };
}

const codeOf = (piece: Piece, sequences: readonly LineSequence[], symbolOf: (piece: Piece) => ImageSymbol): readonly DebugCode[] =>
  sequences.filter(({ section }) => section === piece.section.index).map(({ rows, end }) => ({ symbol: symbolOf(piece), rows, end }));

const languageOf = (name: string): DebugUnit["language"] => (/\.(s|S|asm)$/.test(name) ? "assembly" : /\.c$/.test(name) ? "C" : "C++");
