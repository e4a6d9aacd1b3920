// An object file as the Creator reads it: functions, variables and literals, and what each relocation means.
//
// A relocation names a symbol or a section and a distance; code means a function, a variable, a string. Objects are
// compiled with a section for each function and variable, so that a section and a distance say which one is meant.
// Where one section holds several, the distance decides, and what cannot be told apart has no owner.

import { readElf, relocationName, sectionFlag, sectionType, x86Relocation as R } from "../elf/mod.ts";
import type { ElfFile, ElfRelocation, ElfSection, ElfSymbol } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import { madeByLinker } from "./refusal.ts";
import { markTypePointers } from "./type-pointers.ts";

/** A function or variable that the object defines. Aliases are definitions of their own in the same place. */
export interface Definition {
  readonly name: string;
  readonly kind: "function" | "variable" | "thread-variable" | "ifunc";
  readonly symbol: ElfSymbol;
  /** Absent for common symbols, which get their place from the linker. */
  readonly section?: ElfSection;
  readonly start: number;
  readonly size: number;
}

/** What a relocation refers to. */
export type Referent =
  /** `offset` counts from the start of the definition; it may lie outside, as in `table[-1 + i]`. */
  | { readonly kind: "definition"; readonly definition: Definition; readonly offset: number }
  /** A string, constant or jump table: data without a name that a program could know. */
  | { readonly kind: "literal"; readonly section: ElfSection; readonly start: number; readonly offset: number }
  | { readonly kind: "external"; readonly name: string; readonly symbol: ElfSymbol; readonly offset: number }
  /** A place in a section that no symbol owns. */
  | { readonly kind: "nowhere"; readonly section: string; readonly offset: number };

export interface ObjectCode {
  /** The translation unit, for messages and manifests. */
  readonly unit: string;
  readonly file: ElfFile;
  readonly functions: ReadonlyMap<string, Definition>;
  readonly variables: ReadonlyMap<string, Definition>;
  /** By section index, in order of place. */
  readonly definitionsBySection: ReadonlyMap<number, readonly Definition[]>;
  /** Where literals begin, by section index, in order: what other code points at. */
  readonly literalStarts: ReadonlyMap<number, readonly number[]>;
}

/**
 * Reads an object that a compiler wrote for `unit`; `rewrite` may do to it what a linker does. Refuses what was compiled for
 * another stage, such as LTO.
 */
export function readObjectCode(unit: string, bytes: Uint8Array, rewrite = (file: ElfFile): ElfFile => file): ObjectCode {
  if (isBitcode(bytes)) throw madeByLinker(unit);
  if (isThirtyTwoBit(bytes)) throw otherCode(unit, "code for a 32-bit machine", "other");
  const asCompiled = readElf(bytes);
  checkObject(unit, asCompiled);
  const file = rewrite(markTypePointers(asCompiled));
  const definitions = file.symbols.flatMap((symbol) => definitionOf(file, symbol));
  const definitionsBySection = groupBySection(definitions);
  const object = {
    unit, file, definitionsBySection, literalStarts: new Map<number, number[]>(),
    functions: byName(definitions.filter(({ kind }) => kind === "function" || kind === "ifunc")),
    variables: byName(definitions.filter(({ kind }) => kind === "variable" || kind === "thread-variable")),
  };
  collectLiteralStarts(object, object.literalStarts);
  return object;
}

/** What clang writes for link-time optimisation is no ELF file. */
const isBitcode = ([first, second, third, fourth]: Uint8Array): boolean => first === 0x42 && second === 0x43 && third === 0xc0 && fourth === 0xde;

/** ELFCLASS32, of x32 too: the reader takes 64-bit files only. */
const isThirtyTwoBit = ([first, second, third, fourth, size]: Uint8Array): boolean => first === 0x7f && second === 0x45 && third === 0x4c && fourth === 0x46 && size === 1;

const otherCode = (unit: string, what: string, machine: ElfFile["machine"]): SutureError =>
  new SutureError("not-patchable", `Cannot build a patch from ${unit}: its compile command makes ${what}, and programs for x86-64 can be patched`, { unit, machine });

function checkObject(unit: string, { type, machine, symbols }: ElfFile): void {
  if (machine !== "x86-64") throw otherCode(unit, `code for ${machine === "other" ? "another machine" : machine}`, machine);
  if (type !== "relocatable") throw otherCode(unit, "no object file", machine);
  if (symbols.some(({ name }) => name === "__gnu_lto_slim")) throw madeByLinker(unit);
}

const byName = (definitions: readonly Definition[]): ReadonlyMap<string, Definition> =>
  new Map(definitions.map((definition) => [definition.name, definition]));

/** Labels that the compiler makes up and that mean nothing outside of the object. */
export const isCompilerLabel = (name: string): boolean => name.startsWith(".L");

function definitionOf(file: ElfFile, symbol: ElfSymbol): readonly Definition[] {
  const kind = kindOf(symbol);
  if (kind === undefined || symbol.name === "" || isCompilerLabel(symbol.name)) return [];
  if (symbol.section === "common") return [{ name: symbol.name, kind: "variable", symbol, start: 0, size: symbol.size }];
  const section = typeof symbol.section === "number" ? file.sections[symbol.section] : undefined;
  if (section === undefined || (section.flags & sectionFlag.alloc) === 0) return [];
  return [{ name: symbol.name, kind, symbol, section, start: Number(symbol.value), size: symbol.size || sizeOfThunk(kind, symbol, section) }];
}

/** gcc states no size of the thunks that it brings along for indirect jumps and returns; each is alone in a section. */
const sizeOfThunk = (kind: Definition["kind"], { value }: ElfSymbol, { flags, size }: ElfSection): number =>
  (kind === "function" && value === 0n && (flags & sectionFlag.group) !== 0 ? size : 0);

function kindOf(symbol: ElfSymbol): Definition["kind"] | undefined {
  switch (symbol.type) {
    case "function": return "function";
    case "ifunc": return "ifunc";
    case "tls": return "thread-variable";
    case "object": case "common": return "variable";
    default: return undefined;
  }
}

function groupBySection(definitions: readonly Definition[]): ReadonlyMap<number, readonly Definition[]> {
  const groups = new Map<number, Definition[]>();
  for (const definition of definitions) {
    if (definition.section === undefined) continue;
    const group = groups.get(definition.section.index) ?? [];
    groups.set(definition.section.index, group);
    group.push(definition);
  }
  for (const group of groups.values()) group.sort((one, other) => one.start - other.start || one.symbol.index - other.symbol.index);
  return groups;
}

const pcRelativeTypes: ReadonlySet<number> = new Set([
  R.R_X86_64_PC32, R.R_X86_64_PLT32, R.R_X86_64_GOTPCREL, R.R_X86_64_GOTPCRELX, R.R_X86_64_REX_GOTPCRELX,
  R.R_X86_64_GOTTPOFF, R.R_X86_64_TLSGD, R.R_X86_64_TLSLD, R.R_X86_64_GOTPC32_TLSDESC,
]);

export const isPcRelative = (type: number): boolean => pcRelativeTypes.has(type);

export const isCode = (section: ElfSection): boolean => (section.flags & sectionFlag.execute) !== 0;
export const isWritable = (section: ElfSection): boolean =>
  (section.flags & sectionFlag.write) !== 0 && !section.name.startsWith(".data.rel.ro") && !isPrivateRecord(section);
/**
 * What a compiler makes beside the code, constant though it is not marked so: pointers to type information that exception tables
 * reach, places in the source for -fsanitize=undefined, in which the run-time notes what it has said. A copy is as good.
 */
export const isPrivateRecord = ({ name }: ElfSection): boolean => /^\.data(?:\.rel(?:\.local)?)?\.\.(?:LDFCM|Lubsan_data|Lubsan_type|L__unnamed_)\d+$/.test(name);
export const isMerged = (section: ElfSection): boolean => (section.flags & sectionFlag.merge) !== 0;

/**
 * What `relocation` of `section` refers to. In code, a pc-relative distance counts from the end of its field, four bytes
 * on; an immediate operand behind it moves that by a few bytes, equally on both sides of any comparison.
 */
export function referentOf(object: ObjectCode, section: ElfSection, relocation: ElfRelocation): Referent {
  const { symbol } = relocation;
  const distance = Number(relocation.addend) + (isCode(section) && isPcRelative(relocation.type) ? 4 : 0);
  if (symbol.section === "undefined" || symbol.section === "absolute") {
    return { kind: "external", name: symbol.name, symbol, offset: distance };
  }
  const named = object.functions.get(symbol.name) ?? object.variables.get(symbol.name);
  if (named?.symbol === symbol) return { kind: "definition", definition: named, offset: distance };
  const home = typeof symbol.section === "number" ? object.file.sections[symbol.section] : undefined;
  if (home === undefined) return { kind: "nowhere", section: String(symbol.section), offset: distance };
  return referentInSection(object, home, symbol, distance);
}

function referentInSection(object: ObjectCode, home: ElfSection, symbol: ElfSymbol, distance: number): Referent {
  const place = Number(symbol.value) + distance;
  const owners = object.definitionsBySection.get(home.index) ?? [];
  const owner = ownerOf(owners, place);
  if (owner !== undefined) return { kind: "definition", definition: owner, offset: place - owner.start };
  const isReadOnlyData = !isCode(home) && !isWritable(home) && owners.length === 0;
  if (!isReadOnlyData) return { kind: "nowhere", section: home.name, offset: place };
  // A label marks the literal itself; a section symbol only where the code points.
  return symbol.type === "section"
    ? { kind: "literal", section: home, start: place, offset: 0 }
    : { kind: "literal", section: home, start: Number(symbol.value), offset: distance };
}

function ownerOf(owners: readonly Definition[], place: number): Definition | undefined {
  const [first] = owners;
  if (first === undefined) return undefined;
  if (owners.every(({ start, size }) => start === first.start && size === first.size)) return first;
  return owners.find(({ start, size }) => start <= place && place < start + Math.max(size, 1));
}

function collectLiteralStarts(object: ObjectCode, starts: Map<number, number[]>): void {
  for (const section of object.file.sections) {
    if ((section.flags & sectionFlag.alloc) === 0) continue;
    for (const relocation of section.relocations) {
      const referent = referentOf(object, section, relocation);
      if (referent.kind !== "literal") continue;
      const list = starts.get(referent.section.index) ?? [];
      starts.set(referent.section.index, list);
      list.push(referent.start);
    }
  }
  for (const list of starts.values()) list.sort((one, other) => one - other);
}

/** Bytes of a section as they are before relocation; zeros where the file holds none. */
export function sectionBytes(section: ElfSection, start = 0, end = section.size): Uint8Array {
  return section.type === sectionType.nobits ? new Uint8Array(Math.max(0, end - start)) : section.bytes.subarray(start, end);
}

/** The bytes of a definition before relocation. */
export const bytesOf = ({ section, start, size }: Definition): Uint8Array =>
  section === undefined ? new Uint8Array(size) : sectionBytes(section, start, start + size);

/** The relocations inside a definition, in order. */
export const relocationsOf = ({ section, start, size }: Definition): readonly ElfRelocation[] =>
  (section?.relocations ?? []).filter(({ offset }) => offset >= start && offset < start + size);

/**
 * Whether the pc-relative field at `offset` belongs to a branch. The byte before such a field is the opcode of a call or
 * a jump (e8, e9, 0f 8x), or a ModRM byte with mod 00 and r/m 101: the two sets have no member in common.
 */
export function isBranch(section: ElfSection, offset: number, type: number): boolean {
  if (!isCode(section) || (type !== R.R_X86_64_PC32 && type !== R.R_X86_64_PLT32)) return false;
  const before = section.bytes[offset - 1];
  if (before === 0xe8 || before === 0xe9) return true;
  return before !== undefined && (before & 0xf0) === 0x80 && section.bytes[offset - 2] === 0x0f;
}

/** Whether a jump through memory or a plain GOT read names this field: `call *f@GOTPCREL(%rip)` is a call of `f`. */
export function isCallThroughGot(section: ElfSection, offset: number, type: number): boolean {
  if (type !== R.R_X86_64_GOTPCRELX && type !== R.R_X86_64_GOTPCREL) return false;
  const modrm = section.bytes[offset - 1];
  return section.bytes[offset - 2] === 0xff && (modrm === 0x15 || modrm === 0x25);
}

/**
 * Whether a relocation in data is an entry of a jump table: a distance, or an address within the function that the
 * section of literals belongs to. Such an entry reaches into the function even where it names its very beginning.
 */
export function isJumpTableEntry(place: { readonly section: ElfSection }, { type }: ElfRelocation, to: Referent): boolean {
  if (to.kind !== "definition" || to.definition.kind !== "function" || isCode(place.section)) return false;
  // An unwind record is about the very code that it names.
  return type === R.R_X86_64_PC32 || place.section.name === ".eh_frame" || place.section.name === `.rodata.${to.definition.name.replace(/\.cold.*$/, "")}`;
}

export const relocationTitle = (type: number): string => relocationName("x86-64", type);

/** The name without what the compiler appends to copies and parts of a function. */
export const baseFunctionName = (name: string): string =>
  name.replace(/(?:\.(?:part|isra|constprop|cold|localalias|lto_priv|llvm)(?:\.\d+)*)+$/, "");

/** The out-of-line unlikely part of a function is no function: nobody else refers to it. */
export const isColdPart = (name: string): boolean => /\.cold(?:\.\d+)?$/.test(name);
