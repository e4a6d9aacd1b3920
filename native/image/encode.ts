// A patch image from its description: sections and symbols become an ELF relocatable file, what the patch means
// becomes JSON in a section of it. The same description gives the same bytes: keys are written in the order in
// which they stand here.

import { formatAddress } from "../address.ts";
import { numberElf, sectionType, writeElf } from "../elf/mod.ts";
import type { ElfDescription, ElfNumbering, NewSection } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { JsonValue } from "../errors.ts";
import { checksumSectionName, checksumSize, seal } from "./checksum.ts";
import type { ImageAddedFunction, ImageDescription, ImageFunction, ImageImport, ImageObject, ImageSymbol } from "./describe.ts";
import { imageFormat, manifestSectionName } from "./manifest.ts";
import type { BuildRecord, ValueWrite } from "./manifest.ts";
import { toLine } from "./schema.ts";

/** The bytes of the image. Refuses nothing but references to what is not part of it: decodeImage() checks the rest. */
export function encodeImage(description: ImageDescription): Uint8Array {
  const elf: ElfDescription = { sections: description.objects.flatMap(({ sections, debug = [] }) => [...sections, ...debug]), symbols: allSymbols(description) };
  const manifest = manifestSection(manifestJson(description, numberElf(elf)));
  // Manifest and checksum are last, so that their contents change no number.
  return seal(writeElf({ sections: [...elf.sections, manifest, checksumSection()], symbols: elf.symbols }));
}

const checksumSection = (): NewSection =>
  ({ name: checksumSectionName, type: sectionType.progbits, flags: 0, alignment: 1, bytes: new Uint8Array(checksumSize), relocations: [] });

function allSymbols(description: ImageDescription): readonly ImageSymbol[] {
  return [...new Set(description.objects.flatMap((object) => [
    ...object.symbols,
    ...object.functions.map((each) => each.newSymbol),
    ...object.added.map((each) => each.newSymbol),
    ...object.imports.map((each) => each.symbol),
  ]))];
}

function manifestSection(json: JsonValue): NewSection {
  const bytes = new TextEncoder().encode(`${JSON.stringify(json, null, 1)}\n`);
  return { name: manifestSectionName, type: sectionType.progbits, flags: 0, alignment: 1, bytes, relocations: [] };
}

function manifestJson(description: ImageDescription, numbering: ElfNumbering): JsonValue {
  return {
    format: imageFormat,
    name: description.name,
    description: description.description,
    architecture: "x86-64",
    diffs: description.diffs.map(({ name, text }) => ({ name, text })),
    compilers: [...description.compilers],
    objects: description.objects.map((object) => objectJson(object, numbering)),
    ...(description.build === undefined ? {} : { build: buildJson(description.build) }),
  };
}

/** Flags and notes may hold any text; of these the manifest holds what a terminal can show. */
const buildJson = ({ units, notes, allowedLayouts }: BuildRecord): JsonValue => ({
  units: units.map(({ unit, producer, command }) => ({ unit, producer: toLine(producer), command: command.map(toLine) })),
  notes: notes.map(toLine),
  allowedLayouts: [...allowedLayouts],
});

function objectJson(object: ImageObject, numbering: ElfNumbering): JsonValue {
  const { module, debug = [], unwinding, callbacks = [], proof } = object;
  return {
    module: { name: module.name, buildId: module.buildId, kind: module.kind },
    functions: object.functions.map((each) => functionJson(each, numbering)),
    ...(object.values.length === 0 ? {} : { values: object.values.map(valueJson) }),
    added: object.added.map((each) => addedJson(each, numbering)),
    imports: object.imports.map((each) => importJson(each, numbering)),
    sections: object.sections.map((section) => numberOf(numbering.sections, section, section.name)),
    ...(debug.length === 0 ? {} : { debug: debug.map((section) => numberOf(numbering.sections, section, section.name)) }),
    ...(unwinding === undefined ? {} : { unwinding }),
    ...(callbacks.length === 0 ? {} : { callbacks: callbacks.map(({ when, symbol }) => ({ when, name: symbol.name, symbol: numberOf(numbering.symbols, symbol, symbol.name) })) }),
    proof: { units: proof.units, functions: proof.functions, bytes: proof.bytes, ...(proof.waivedFor === undefined ? {} : { waivedFor: proof.waivedFor }) },
  };
}

function functionJson(each: ImageFunction, numbering: ElfNumbering): JsonValue {
  return {
    name: each.name,
    unit: each.unit,
    oldEntry: formatAddress(each.oldEntry),
    oldSize: each.oldSize,
    oldRanges: each.oldRanges.map(({ start, end }) => ({ start: formatAddress(start), end: formatAddress(end) })),
    redirectOffset: each.redirectOffset,
    expected: Buffer.from(each.expected).toString("hex"),
    newSymbol: numberOf(numbering.symbols, each.newSymbol, each.name),
    newSize: each.newSymbol.size,
    reason: each.reason,
    warnings: [...each.warnings],
  };
}

const valueJson = ({ name, variable, offset, expected, replacement }: ValueWrite): JsonValue =>
  ({ name, variable: formatAddress(variable), offset, expected: Buffer.from(expected).toString("hex"), replacement: Buffer.from(replacement).toString("hex") });

function addedJson({ name, unit, newSymbol }: ImageAddedFunction, numbering: ElfNumbering): JsonValue {
  return { name, unit, newSymbol: numberOf(numbering.symbols, newSymbol, name), newSize: newSymbol.size };
}

function importJson(each: ImageImport, numbering: ElfNumbering): JsonValue {
  const head = { symbol: numberOf(numbering.symbols, each.symbol, each.symbol.name), name: each.symbol.name };
  switch (each.from) {
    case "module": case "slot": return { ...head, from: each.from, at: formatAddress(each.at) };
    case "process": return { ...head, from: each.from, ...(each.version === undefined ? {} : { version: each.version }) };
    case "thread": return { ...head, from: each.from, offset: signedHex(each.offset) };
  }
}

/** Offsets from the thread pointer are below zero on x86-64. */
const signedHex = (value: bigint): string => (value < 0n ? `-0x${(-value).toString(16)}` : formatAddress(value));

function numberOf<Key>(numbers: ReadonlyMap<Key, number>, key: Key, name: string): number {
  const found = numbers.get(key);
  if (found === undefined) throw new SutureError("internal", `Cannot write patch image: "${name}" is not part of it`);
  return found;
}
