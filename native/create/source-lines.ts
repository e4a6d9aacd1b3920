// Which source line each instruction of the code that travels comes from, for debuggers and profilers of the patched process.
// No part of what runs: where a compiler's line table is missing or cannot be read, a patch has none, and says so.

import { SutureError } from "../errors.ts";
import { readLineTables, writeDebugSections } from "../elf/mod.ts";
import type { DebugCode, DebugUnit, LineSequence } from "../elf/mod.ts";
import type { ImageSection, ImageSymbol } from "../image/mod.ts";
import type { ComparedUnit, Inclusion, Piece } from "./include.ts";
import { isCode } from "./object-code.ts";

/** By unit; sections are those of its patched object. */
export type SourceLines = ReadonlyMap<ComparedUnit, readonly LineSequence[]>;

/** Of the units that code travels from. */
export function sourceLinesOf({ pieces }: Inclusion, note: (text: string) => void): SourceLines {
  const units = new Set(pieces.filter(({ section }) => isCode(section)).map(({ unit }) => unit));
  return new Map([...units].map((unit) => [unit, linesOfUnit(unit, note)]));
}

function linesOfUnit({ proved: { pair }, comparison: { patched } }: ComparedUnit, note: (text: string) => void): readonly LineSequence[] {
  try {
    return readLineTables(patched.file);
  } catch (error) {
    if (!(error instanceof SutureError) || error.kind !== "bad-elf") throw error;
    note(`Debuggers will show no source lines for ${pair.unit}: ${error.message}`);
    return [];
  }
}

/** The image's debug sections. `symbolOf` gives the symbol of the section that a piece has become. */
export function debugSections(inclusion: Inclusion, lines: SourceLines, symbolOf: (piece: Piece) => ImageSymbol): readonly ImageSection[] {
  return writeDebugSections([...lines].map(([unit, sequences]) => debugUnit(unit, inclusion, sequences, symbolOf)));
}

function debugUnit(unit: ComparedUnit, { pieces }: Inclusion, sequences: readonly LineSequence[], symbolOf: (piece: Piece) => ImageSymbol): DebugUnit {
  const { pair } = unit.proved;
  const { patched } = unit.comparison;
  const code = pieces.filter((piece) => piece.unit === unit && isCode(piece.section));
  const functions = code.flatMap((piece) => (patched.definitionsBySection.get(piece.section.index) ?? [])
    .filter(({ kind }) => kind === "function")
    .map(({ name, symbol: { binding }, start, size }) => ({ name, isExternal: binding !== "local", symbol: symbolOf(piece), offset: start, size })));
  return { name: pair.spelled, directory: pair.directory, language: languageOf(pair.spelled), functions, code: code.flatMap((piece) => codeOf(piece, sequences, symbolOf)) };
}

const codeOf = (piece: Piece, sequences: readonly LineSequence[], symbolOf: (piece: Piece) => ImageSymbol): readonly DebugCode[] =>
  sequences.filter(({ section }) => section === piece.section.index).map(({ rows, end }) => ({ symbol: symbolOf(piece), rows, end }));

const languageOf = (name: string): DebugUnit["language"] => (/\.(s|S|asm)$/.test(name) ? "assembly" : /\.c$/.test(name) ? "C" : "C++");
