// Which source line each piece of code comes from: the line tables (.debug_line, DWARF 2 to 5) of an object file, as rows by
// section of code. A compiler makes a sequence of rows for each section, so those of chosen functions can be told from
// the rest. Of a row is kept what debuggers and profilers show: file, line, column, and whether a statement begins.

import { inflateSync } from "node:zlib";
import { SutureError } from "../errors.ts";
import { sectionFlag } from "./constants.ts";
import { readI8, readU16, readU32, readU64 } from "./numbers.ts";
import { printable } from "./refusal.ts";
import type { ElfFile, ElfRelocation, ElfSection } from "./types.ts";

export interface SourceFile {
  /** As the compiler has it; relative ones count from where it ran. */
  readonly directory: string;
  readonly name: string;
}

export interface LineRow {
  /** Within the section of code. */
  readonly offset: number;
  readonly file: SourceFile;
  readonly line: number;
  readonly column: number;
  readonly isStatement: boolean;
}

/** The rows of one stretch of code, by rising offset. */
export interface LineSequence {
  /** Index of the section of code. */
  readonly section: number;
  readonly rows: readonly LineRow[];
  /** Where the code ends that the last row is about. */
  readonly end: number;
}

/** Every sequence of a relocatable file; none where it was compiled without debug information. Refuses as bad-elf what is damaged or unknown. */
export function readLineTables(elf: ElfFile): readonly LineSequence[] {
  return elf.sections.filter(({ name }) => name === ".debug_line").flatMap((section) => {
    try {
      return readSection(elf, section);
    } catch (error) {
      if (error instanceof RangeError) throw bad("it ends in the middle of an entry");
      throw error;
    }
  });
}

const bad = (found: string): SutureError => new SutureError("bad-elf", `Cannot read line table: ${printable(found)}`);

/** Fields and opcodes one after the other, with what the relocations say about them. */
class Reader {
  readonly bytes: Uint8Array;
  readonly #relocations: ReadonlyMap<number, ElfRelocation>;
  at = 0;

  constructor(section: ElfSection) {
    this.bytes = uncompressed(section);
    this.#relocations = new Map(section.relocations.map((relocation) => [relocation.offset, relocation]));
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new RangeError();
    return value;
  }

  half(): number {
    this.at += 2;
    return readU16(this.bytes, this.at - 2);
  }

  word(): number {
    this.at += 4;
    return readU32(this.bytes, this.at - 4);
  }

  /** LEB128. What is longer than a number can be is no line, file or distance. */
  unsigned(): number {
    return this.#leb128().value;
  }

  signed(): number {
    const { value, scale, isNegative } = this.#leb128();
    return isNegative ? value - scale : value;
  }

  #leb128(): { readonly value: number; readonly scale: number; readonly isNegative: boolean } {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (scale * 128 > Number.MAX_SAFE_INTEGER) throw bad("it holds a number beyond any file");
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return { value, scale: scale * 128, isNegative: (byte & 0x40) !== 0 };
    }
  }

  skip(length: number): void {
    this.at += length;
    if (this.at > this.bytes.length) throw new RangeError();
  }

  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw new RangeError();
    const text = Buffer.from(this.bytes.subarray(this.at, end)).toString("utf8");
    this.at = end + 1;
    return text;
  }

  /** The offset in another section that the four bytes here stand for. */
  reference(): number {
    const relocation = this.#relocations.get(this.at);
    const value = this.word();
    return relocation === undefined ? value : Number(relocation.symbol.value + relocation.addend);
  }

  /** The place in the code that the eight bytes here stand for. */
  address(): { readonly section: number; readonly offset: number } {
    const relocation = this.#relocations.get(this.at);
    readU64(this.bytes, this.at);
    this.at += 8;
    if (relocation === undefined || typeof relocation.symbol.section !== "number") throw bad("it names code by a number, and not by its section");
    return { section: relocation.symbol.section, offset: Number(relocation.symbol.value + relocation.addend) };
  }
}

/** Of a compressed section the contents begin with a header of 24 bytes. */
function uncompressed({ bytes, flags, name }: ElfSection): Uint8Array {
  if ((flags & sectionFlag.compressed) === 0) return bytes;
  if (readU32(bytes, 0) !== 1) throw bad(`${name} is compressed, and not by zlib`);
  try {
    return inflateSync(bytes.subarray(24), { maxOutputLength: largestTable });
  } catch (cause) {
    throw new SutureError("bad-elf", `Cannot read line table: ${name} cannot be decompressed`, {}, { cause });
  }
}

const largestTable = 1 << 28;

interface Program {
  readonly files: readonly SourceFile[];
  readonly startsStatements: boolean;
  readonly instructionLength: number;
  readonly lineBase: number;
  readonly lineRange: number;
  /** The number of operands of each standard opcode; the first stands at 1. */
  readonly operands: readonly number[];
  readonly end: number;
}

function readSection(elf: ElfFile, section: ElfSection): readonly LineSequence[] {
  const reader = new Reader(section);
  const sequences: LineSequence[] = [];
  while (reader.at < reader.bytes.length) {
    const program = readHeader(elf, reader);
    while (reader.at < program.end) sequences.push(...readSequence(reader, program));
    reader.at = program.end;
  }
  return sequences;
}

function readHeader(elf: ElfFile, reader: Reader): Program {
  const length = reader.word();
  if (length >= 0xffff_fff0) throw bad("it is in the 64-bit form");
  const end = reader.at + length;
  const version = reader.half();
  if (version < 2 || version > 5) throw bad(`it has version ${version}`);
  if (version === 5 && reader.half() !== 8) throw bad("its addresses have no 8 bytes"); // address size, segment selector size
  const programLength = reader.word();
  const start = reader.at + programLength;
  if (end > reader.bytes.length || start > end) throw new RangeError();
  const instructionLength = reader.byte();
  if (version >= 4) reader.byte(); // operations of an instruction: one
  const startsStatements = reader.byte() !== 0;
  const lineBase = readI8(reader.bytes, reader.at++);
  const lineRange = reader.byte();
  if (lineRange === 0) throw bad("its line range is 0");
  const operands = [0, ...Array.from({ length: Math.max(reader.byte() - 1, 0) }, () => reader.byte())];
  const files = version === 5 ? readFiles(elf, reader) : readOldFiles(reader);
  reader.at = start;
  return { files, startsStatements, instructionLength, lineBase, lineRange, operands, end };
}

/** Up to version 4 the directories count from 1, as files do; 0 is where the compiler ran. */
function readOldFiles(reader: Reader): readonly SourceFile[] {
  const directories = [""];
  for (let directory = reader.text(); directory !== ""; directory = reader.text()) directories.push(directory);
  const files: SourceFile[] = [{ directory: "", name: "" }];
  for (let name = reader.text(); name !== ""; name = reader.text()) {
    files.push({ name, directory: directories[reader.unsigned()] ?? "" });
    reader.unsigned(); // time of change
    reader.unsigned(); // length
  }
  return files;
}

const content = { path: 1, directory: 2 } as const; // DW_LNCT_path, DW_LNCT_directory_index

function readFiles(elf: ElfFile, reader: Reader): readonly SourceFile[] {
  const directories = readEntries(elf, reader).map(({ path }) => path);
  return readEntries(elf, reader).map(({ path, directory }) => ({ name: path, directory: directories[directory] ?? "" }));
}

function readEntries(elf: ElfFile, reader: Reader): readonly { readonly path: string; readonly directory: number }[] {
  const format = Array.from({ length: reader.byte() }, () => [reader.unsigned(), reader.unsigned()] as const);
  const count = reader.unsigned();
  const entries: { path: string; directory: number }[] = [];
  for (let index = 0; index < count; index++) {
    const entry = { path: "", directory: 0 };
    for (const [kind, form] of format) {
      const value = readForm(elf, reader, form);
      if (kind === content.path) entry.path = String(value);
      if (kind === content.directory) entry.directory = Number(value);
    }
    // An entry of no fields would be repeated for nothing.
    if (format.length === 0) throw bad("its files have no names");
    entries.push(entry);
  }
  return entries;
}

/** The forms that a table of files may use. */
function readForm(elf: ElfFile, reader: Reader, form: number): string | number {
  switch (form) {
    case 0x08: return reader.text();                                          // DW_FORM_string
    case 0x0e: return textIn(elf, ".debug_str", reader.reference());          // DW_FORM_strp
    case 0x1f: return textIn(elf, ".debug_line_str", reader.reference());     // DW_FORM_line_strp
    case 0x0b: return reader.byte();                                          // DW_FORM_data1
    case 0x05: return reader.half();                                          // DW_FORM_data2
    case 0x06: return reader.word();                                          // DW_FORM_data4
    case 0x0f: return reader.unsigned();                                      // DW_FORM_udata
    case 0x1e: reader.skip(16); return 0;                                     // DW_FORM_data16, a checksum
    default: throw bad(`it names its files in form 0x${form.toString(16)}`);
  }
}

function textIn(elf: ElfFile, name: string, offset: number): string {
  const section = elf.sections.find((each) => each.name === name);
  const bytes = section === undefined ? new Uint8Array() : uncompressed(section);
  const end = offset < bytes.length ? bytes.indexOf(0, offset) : -1;
  if (end < 0) throw bad(`a name at ${offset} is outside of ${name}`);
  return Buffer.from(bytes.subarray(offset, end)).toString("utf8");
}

interface State {
  section: number;
  offset: number;
  file: number;
  line: number;
  column: number;
  isStatement: boolean;
}

/** From its beginning to DW_LNE_end_sequence; none where the program ends before. */
function readSequence(reader: Reader, program: Program): readonly LineSequence[] {
  const { files, operands, lineBase, lineRange, instructionLength } = program;
  const state: State = { section: 0, offset: 0, file: 1, line: 1, column: 0, isStatement: program.startsStatements };
  const rows: LineRow[] = [];
  const advance = (distance: number): void => { state.offset += distance * instructionLength; };
  const row = (): void => {
    const file = files[state.file];
    if (file === undefined) throw bad(`it names file ${state.file} of ${files.length}`);
    rows.push({ offset: state.offset, file, line: state.line, column: state.column, isStatement: state.isStatement });
  };
  while (reader.at < program.end) {
    const opcode = reader.byte();
    if (opcode >= operands.length) { // special
      const adjusted = opcode - operands.length;
      advance(Math.floor(adjusted / lineRange));
      state.line += lineBase + (adjusted % lineRange);
      row();
      continue;
    }
    switch (opcode) {
      case 0: if (readExtended(reader, state)) return rows.length === 0 ? [] : [{ section: state.section, rows, end: state.offset }]; break;
      case 1: row(); break;                                                                    // DW_LNS_copy
      case 2: advance(reader.unsigned()); break;                                               // DW_LNS_advance_pc
      case 3: state.line += reader.signed(); break;                                            // DW_LNS_advance_line
      case 4: state.file = reader.unsigned(); break;                                           // DW_LNS_set_file
      case 5: state.column = reader.unsigned(); break;                                         // DW_LNS_set_column
      case 6: state.isStatement = !state.isStatement; break;                                   // DW_LNS_negate_stmt
      case 8: advance(Math.floor((255 - operands.length) / lineRange)); break;                 // DW_LNS_const_add_pc
      case 9: state.offset += reader.half(); break;                                            // DW_LNS_fixed_advance_pc
      default: for (let left = operands[opcode] ?? 0; left > 0; left--) reader.unsigned(); break;
    }
  }
  return [];
}

/** Whether the sequence ends here. */
function readExtended(reader: Reader, state: State): boolean {
  const end = reader.unsigned() + reader.at;
  const opcode = reader.byte();
  if (opcode === 2) Object.assign(state, reader.address()); // DW_LNE_set_address
  reader.at = end;
  return opcode === 1; // DW_LNE_end_sequence
}
