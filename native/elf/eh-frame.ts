// Unwind tables (.eh_frame) as records, so that those of chosen functions can be carried into another file. Only
// what that takes is understood: where records begin and end, which CIE an FDE needs, which function it is for,
// and the relocations within each, personality routine and language data among them.

import { SutureError } from "../errors.ts";
import { printable } from "./refusal.ts";
import { readU16, readU32, readU64, writeU32 } from "./numbers.ts";
import type { ElfRelocation, ElfSection } from "./types.ts";

/** A record as it stands in its section. */
export interface UnwindRecord {
  readonly offset: number;
  /** Length field included. */
  readonly bytes: Uint8Array;
  /** Those within the record; offsets are the section's. */
  readonly relocations: readonly ElfRelocation[];
}

/** What several functions have in common: registers at entry, personality routine, encodings. */
export interface UnwindCie extends UnwindRecord {
  readonly augmentation: string;
}

/** How to unwind out of one range of code. */
export interface UnwindFde extends UnwindRecord {
  readonly cie: UnwindCie;
  /** Says where the code begins; absent in linked files, where that is in the bytes. */
  readonly begin?: ElfRelocation;
  /** Length of the code in bytes. */
  readonly length: number;
}

export interface UnwindTable {
  readonly cies: readonly UnwindCie[];
  readonly fdes: readonly UnwindFde[];
}

const idOffset = 4;
const beginOffset = 8;

function bad(found: string): SutureError {
  return new SutureError("bad-elf", `Cannot read unwind table: ${printable(found)}`);
}

/** The records of an .eh_frame section. Refuses 64-bit records, which no compiler makes, and CIEs it cannot find. */
export function readEhFrame(section: Pick<ElfSection, "bytes" | "relocations">): UnwindTable {
  const cies = new Map<number, UnwindCie & { readonly pointerSize: number }>();
  const fdes: UnwindFde[] = [];
  for (const record of readRecords(section)) {
    const id = readU32(record.bytes, idOffset);
    if (id === 0) {
      cies.set(record.offset, readCie(record));
      continue;
    }
    // An FDE names its CIE by the distance back from this very field.
    const cie = cies.get(record.offset + idOffset - id);
    if (cie === undefined) throw bad(`the record at ${record.offset} names a CIE at ${record.offset + idOffset - id}, where none is`);
    fdes.push(readFde(record, cie, cie.pointerSize));
  }
  return { cies: [...cies.values()], fdes };
}

function readRecords({ bytes, relocations }: Pick<ElfSection, "bytes" | "relocations">): readonly UnwindRecord[] {
  const records: UnwindRecord[] = [];
  let next = 0;
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = readU32(bytes, at);
    const end = at + 4 + length;
    if (length === 0) { // the terminator that crtend.o adds
      at = end;
      continue;
    }
    if (length === 0xffffffff) throw bad(`the record at ${at} is in the 64-bit format`);
    if (end > bytes.length || length < 4) throw bad(`the record at ${at} has ${length} bytes; its section ends at ${bytes.length}`);
    const first = next;
    while (next < relocations.length && (relocations[next]?.offset ?? 0) < end) next++;
    records.push({ offset: at, bytes: bytes.subarray(at, end), relocations: relocations.slice(first, next) });
    at = end;
  }
  return records;
}

function readCie(record: UnwindRecord): UnwindCie & { readonly pointerSize: number } {
  const { bytes } = record;
  const end = bytes.indexOf(0, 9);
  if (end < 0) throw bad(`the augmentation of the CIE at ${record.offset} does not end`);
  const augmentation = Buffer.from(bytes.subarray(9, end)).toString("latin1");
  return { ...record, augmentation, pointerSize: pointerSize(codeEncoding(bytes, end + 1, augmentation)) };
}

/** The DW_EH_PE encoding of code addresses in the FDEs of a CIE; absolute where nothing is said. */
function codeEncoding(bytes: Uint8Array, start: number, augmentation: string): number {
  if (!augmentation.startsWith("z")) return 0;
  let at = start;
  for (let field = 0; field < 4; field++) at = skipLeb(bytes, at); // code and data factors, return register, length
  for (const letter of augmentation.slice(1)) {
    const encoding = bytes[at] ?? 0;
    if (letter === "R") return encoding;
    if (letter === "L") at += 1;
    else if (letter === "P") at += 1 + pointerSize(encoding);
    else if (letter !== "S" && letter !== "B") throw bad(`a CIE has the augmentation "${augmentation}", of which "${letter}" is not known`);
  }
  return 0;
}

function skipLeb(bytes: Uint8Array, start: number): number {
  let at = start;
  while (((bytes[at] ?? 0) & 0x80) !== 0) at++;
  return at + 1;
}

function pointerSize(encoding: number): number {
  switch (encoding & 0xf) {
    case 0x0: case 0x4: case 0xc: return 8; // absptr, udata8, sdata8
    case 0x3: case 0xb: return 4;           // udata4, sdata4
    case 0x2: case 0xa: return 2;           // udata2, sdata2
    default: throw bad(`addresses are encoded as 0x${encoding.toString(16)}, which is not known`);
  }
}

function readFde(record: UnwindRecord, cie: UnwindCie, size: number): UnwindFde {
  if (record.bytes.length < beginOffset + 2 * size) throw bad(`the FDE at ${record.offset} is too short`);
  const begin = record.relocations.find((relocation) => relocation.offset === record.offset + beginOffset);
  const length = readUnsigned(record.bytes, beginOffset + size, size);
  return { offset: record.offset, bytes: record.bytes, relocations: record.relocations, cie, length, ...(begin === undefined ? {} : { begin }) };
}

function readUnsigned(bytes: Uint8Array, at: number, size: number): number {
  if (size === 8) return Number(readU64(bytes, at));
  return size === 4 ? readU32(bytes, at) : readU16(bytes, at);
}

/** The bytes of a table of these FDEs, each CIE once and before its first FDE; no terminator. */
export function writeEhFrame(fdes: readonly UnwindFde[]): { readonly bytes: Uint8Array; readonly relocations: readonly ElfRelocation[] } {
  const places = new Map<UnwindCie, number>();
  const parts: Uint8Array[] = [];
  const relocations: ElfRelocation[] = [];
  let end = 0;
  const append = (record: UnwindRecord): Uint8Array => {
    const copy = new Uint8Array(record.bytes);
    for (const relocation of record.relocations) relocations.push({ ...relocation, offset: relocation.offset - record.offset + end });
    parts.push(copy);
    end += copy.length;
    return copy;
  };
  for (const fde of fdes) {
    if (!places.has(fde.cie)) {
      places.set(fde.cie, end);
      append(fde.cie);
    }
    const distance = end + idOffset - (places.get(fde.cie) ?? 0);
    writeU32(append(fde), idOffset, distance);
  }
  return { bytes: new Uint8Array(Buffer.concat(parts)), relocations };
}
