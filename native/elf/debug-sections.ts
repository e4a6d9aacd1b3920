// Debug information that says of functions what they are called and which source line each of their instructions comes
// from, and no more: what an assembler writes for its sources. DWARF 4, which every debugger and profiler in use reads, with all
// names in place, so that the sections depend on no others. The same description gives the same bytes.

import type { LineRow, SourceFile } from "./line-table.ts";
import { alignUp, writeU16, writeU32, writeU64 } from "./numbers.ts";
import { sectionType, x86Relocation } from "./constants.ts";
import type { NewRelocation, NewSection, NewSymbol } from "./write.ts";

/** A source file as it was compiled. */
export interface DebugUnit {
  /** As the compile command spells it. */
  readonly name: string;
  /** Where the compiler ran. */
  readonly directory: string;
  readonly language: "C" | "C++" | "assembly";
  readonly functions: readonly DebugFunction[];
  readonly code: readonly DebugCode[];
}

export interface DebugFunction {
  readonly name: string;
  readonly isExternal: boolean;
  /** Its first instruction is `offset` bytes behind this. */
  readonly symbol: NewSymbol;
  readonly offset: number;
  readonly size: number;
}

/** A stretch of code with its lines; offsets count from `symbol`. */
export interface DebugCode {
  readonly symbol: NewSymbol;
  readonly rows: readonly LineRow[];
  readonly end: number;
}

/** Sections with relocations against the code's symbols alone; none where there is nothing to say. */
export function writeDebugSections(units: readonly DebugUnit[]): readonly NewSection[] {
  const told = units.filter(({ code }) => code.length > 0);
  if (told.length === 0) return [];
  const [info, lines, ranges, table] = [new Writer(), new Writer(), new Writer(), new Writer()];
  for (const unit of told) {
    const start = info.length;
    writeUnit(info, unit, { lines: lines.length, ranges: ranges.length });
    writeLines(lines, unit);
    writeRanges(ranges, unit);
    writeAddressTable(table, unit, start);
  }
  return [
    info.section(".debug_info"), abbreviations().section(".debug_abbrev"), lines.section(".debug_line"),
    ranges.section(".debug_ranges"), table.section(".debug_aranges"),
  ];
}

/** Bytes that grow, and what a linker has to fill in. */
class Writer {
  #bytes = new Uint8Array(1024);
  readonly #relocations: NewRelocation[] = [];
  length = 0;

  #grow(length: number): number {
    const at = this.length;
    this.length += length;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }

  bytes(...values: readonly number[]): void {
    const at = this.#grow(values.length);
    this.#bytes.set(values, at);
  }

  half(value: number): void {
    const at = this.#grow(2);
    writeU16(this.#bytes, at, value);
  }

  word(value: number): void {
    const at = this.#grow(4);
    writeU32(this.#bytes, at, value);
  }

  long(value: number): void {
    const at = this.#grow(8);
    writeU64(this.#bytes, at, BigInt(value));
  }

  address(symbol: NewSymbol, offset: number): void {
    this.#relocations.push({ offset: this.length, type: x86Relocation.R_X86_64_64, symbol, addend: BigInt(offset) });
    this.#grow(8);
  }

  text(text: string): void {
    this.bytes(...Buffer.from(text.replaceAll("\0", ""), "utf8"), 0);
  }

  unsigned(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.bytes((rest % 128) | 0x80);
    this.bytes(rest);
  }

  signed(value: number): void {
    let rest = value;
    for (; rest < -64 || rest > 63; rest = Math.floor(rest / 128)) this.bytes((rest & 0x7f) | 0x80);
    this.bytes(rest & 0x7f);
  }

  /** Four bytes that will hold the length of what follows them, up to the call of what is returned. */
  lengthHere(): () => void {
    const at = this.#grow(4);
    return () => writeU32(this.#bytes, at, this.length - at - 4);
  }

  section(name: string): NewSection {
    return { name, type: sectionType.progbits, flags: 0, alignment: 1, bytes: this.#bytes.slice(0, this.length), relocations: this.#relocations };
  }
}

const form = { address: 0x01, half: 0x05, long: 0x07, text: 0x08, place: 0x17, present: 0x19 } as const;
const attribute = {
  name: 0x03, lines: 0x10, low: 0x11, high: 0x12, language: 0x13, directory: 0x1b, producer: 0x25, external: 0x3f, ranges: 0x55, linkageName: 0x6e,
} as const;
const abbreviation = { unit: 1, external: 2, local: 3 } as const;

function abbreviations(): Writer {
  const writer = new Writer();
  const declare = (code: number, tag: number, hasChildren: boolean, attributes: readonly (readonly [name: number, form: number])[]): void => {
    writer.unsigned(code);
    writer.unsigned(tag);
    writer.bytes(hasChildren ? 1 : 0);
    for (const pair of [...attributes, [0, 0] as const]) for (const number of pair) writer.unsigned(number);
  };
  declare(abbreviation.unit, 0x11, true, [ // DW_TAG_compile_unit
    [attribute.producer, form.text], [attribute.language, form.half], [attribute.name, form.text], [attribute.directory, form.text],
    [attribute.ranges, form.place], [attribute.low, form.address], [attribute.lines, form.place],
  ]);
  const named = [[attribute.name, form.text], [attribute.linkageName, form.text], [attribute.low, form.address], [attribute.high, form.long]] as const;
  declare(abbreviation.external, 0x2e, false, [...named, [attribute.external, form.present]]); // DW_TAG_subprogram
  declare(abbreviation.local, 0x2e, false, named);
  writer.bytes(0);
  return writer;
}

const languages = { C: 0x0c, "C++": 0x04, assembly: 0x8001 } as const; // DW_LANG_C99, _C_plus_plus, _Mips_Assembler

function writeUnit(writer: Writer, unit: DebugUnit, at: { readonly lines: number; readonly ranges: number }): void {
  const close = writer.lengthHere();
  writer.half(4);     // version
  writer.word(0);     // abbreviations: all units share one table
  writer.bytes(8);    // size of an address
  writer.unsigned(abbreviation.unit);
  writer.text("suture");
  writer.half(languages[unit.language]);
  writer.text(unit.name);
  writer.text(unit.directory);
  writer.word(at.ranges);
  writer.long(0);     // what ranges count from
  writer.word(at.lines);
  for (const { name, isExternal, symbol, offset, size } of unit.functions) {
    writer.unsigned(isExternal ? abbreviation.external : abbreviation.local);
    writer.text(name);
    writer.text(name);
    writer.address(symbol, offset);
    writer.long(size);
  }
  writer.bytes(0);    // no more children
  close();
}

const startOf = ({ rows }: DebugCode): number => rows[0]?.offset ?? 0;

function writeRanges(writer: Writer, { code }: DebugUnit): void {
  for (const each of code) {
    writer.address(each.symbol, startOf(each));
    writer.address(each.symbol, each.end);
  }
  writer.long(0);
  writer.long(0);
}

function writeAddressTable(writer: Writer, { code }: DebugUnit, unit: number): void {
  const start = writer.length;
  const close = writer.lengthHere();
  writer.half(2);      // version
  writer.word(unit);
  writer.bytes(8, 0);  // size of an address, of a segment selector
  writer.bytes(...new Uint8Array(alignUp(writer.length - start, 16) - (writer.length - start)));
  for (const each of code) {
    writer.address(each.symbol, startOf(each));
    writer.long(each.end - startOf(each));
  }
  writer.long(0);
  writer.long(0);
  close();
}

const lineBase = -5;
const lineRange = 14;
/** The number of operands of each standard opcode. */
const operands = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
const firstSpecial = operands.length + 1;

function writeLines(writer: Writer, { directory, code }: DebugUnit): void {
  const files = new Files(directory, code);
  const close = writer.lengthHere();
  writer.half(4);        // version
  const closeHeader = writer.lengthHere();
  writer.bytes(1, 1, 1); // length of an instruction, operations in it, statements by default
  writer.bytes(lineBase & 0xff, lineRange, firstSpecial, ...operands);
  for (const name of files.directories) writer.text(name);
  writer.bytes(0);
  for (const { name, directory: number } of files.files) {
    writer.text(name);
    for (const field of [number, 0, 0]) writer.unsigned(field); // directory, time of change, length
  }
  writer.bytes(0);
  closeHeader();
  for (const each of code) writeSequence(writer, each, files);
  close();
}

/** Numbers of files and directories, from 1, in the order of their first use. */
class Files {
  readonly #numbers = new Map<string, number>();
  readonly directories: string[] = [];
  readonly files: { readonly name: string; readonly directory: number }[] = [];

  constructor(compiledIn: string, code: readonly DebugCode[]) {
    for (const { file } of code.flatMap(({ rows }) => rows)) {
      if (this.#numbers.has(keyOf(file))) continue;
      this.#numbers.set(keyOf(file), this.files.length + 1);
      this.files.push({ name: file.name, directory: file.directory === "" || file.directory === compiledIn ? 0 : this.#directory(file.directory) });
    }
  }

  #directory(name: string): number {
    const known = this.directories.indexOf(name);
    return known >= 0 ? known + 1 : this.directories.push(name);
  }

  numberOf(file: SourceFile): number {
    return this.#numbers.get(keyOf(file)) ?? 0;
  }
}

const keyOf = ({ directory, name }: SourceFile): string => JSON.stringify([directory, name]);

function writeSequence(writer: Writer, code: DebugCode, files: Files): void {
  const state = { offset: startOf(code), file: 1, line: 1, column: 0, isStatement: true };
  writer.bytes(0, 9, 2); // DW_LNE_set_address
  writer.address(code.symbol, state.offset);
  for (const row of code.rows) {
    const file = files.numberOf(row.file);
    if (file !== state.file) writeOperand(writer, 4, file);              // DW_LNS_set_file
    if (row.column !== state.column) writeOperand(writer, 5, row.column); // DW_LNS_set_column
    if (row.isStatement !== state.isStatement) writer.bytes(6);          // DW_LNS_negate_stmt
    writeStep(writer, row.offset - state.offset, row.line - state.line);
    Object.assign(state, row, { file });
  }
  writeOperand(writer, 2, code.end - state.offset); // DW_LNS_advance_pc
  writer.bytes(0, 1, 1); // DW_LNE_end_sequence
}

function writeOperand(writer: Writer, opcode: number, operand: number): void {
  writer.bytes(opcode);
  writer.unsigned(operand);
}

/** One byte where it fits, and a row in any case. */
function writeStep(writer: Writer, distance: number, lines: number): void {
  const fits = lines >= lineBase && lines < lineBase + lineRange;
  const special = firstSpecial + (lines - lineBase) + lineRange * distance;
  if (fits && special <= 255) return writer.bytes(special);
  if (lines !== 0) {
    writer.bytes(3); // DW_LNS_advance_line
    writer.signed(lines);
  }
  if (distance !== 0) writeOperand(writer, 2, distance);
  writer.bytes(1); // DW_LNS_copy
}
