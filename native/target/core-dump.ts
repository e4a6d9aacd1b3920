// A core dump as a process that has ended: which files it had mapped where, and what its memory held. Only the parts that are
// asked for are read: a dump can be larger than the memory of the machine. What it says is held against the file's size.

import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { address } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import { alignUp, readElf, readU16, readU32, readU64, segmentType, writeU16, writeU64 } from "../elf/mod.ts";
import type { ElfSegment } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";

export interface CoreMapping extends AddressRange {
  readonly offset: number;
  /** As the kernel spells it, " (deleted)" included. */
  readonly path: string;
}

export interface CoreDump extends AsyncDisposable {
  /** Those of files, in the order of their addresses. */
  readonly mappings: readonly CoreMapping[];
  /** Refuses as unreadable-memory what the dump does not hold. */
  readMemory(at: Address, length: number): Promise<Uint8Array>;
}

const headerSize = 64;
const programHeaderSize = 56;
const largestNotes = 1 << 28;
const fileNote = 0x46494c45; // NT_FILE

/** Refuses: file-not-found, bad-elf (damaged, or no core dump of x86-64). */
export async function openCoreDump(path: string): Promise<CoreDump> {
  const file = await open(path).catch((cause: Error) => {
    throw new SutureError("file-not-found", `Cannot read ${path}: ${cause.message}`, { path }, { cause });
  });
  try {
    const segments = await readSegments(file, path);
    const mappings = (await Promise.all(segments.filter(({ type }) => type === segmentType.note).map((note) => readNotes(file, path, note)))).flat();
    return {
      mappings,
      readMemory: (at, length) => readMemory(file, path, segments, at, length),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

const bad = (path: string, found: string): SutureError => new SutureError("bad-elf", `Cannot read core dump ${path}: ${found}`, { path });

async function readAt(file: FileHandle, path: string, offset: number, length: number): Promise<Uint8Array> {
  const { size } = await file.stat();
  if (offset + length > size) throw bad(path, `it says that something ends at ${offset + length}, and it ends at ${size}; it may be truncated`);
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw bad(path, "it became shorter while it was read");
    done += bytesRead;
  }
  return bytes;
}

/** Header and program headers, as if they were the whole file: a dump has no sections that count. */
async function readSegments(file: FileHandle, path: string): Promise<readonly ElfSegment[]> {
  const { size } = await file.stat();
  const header = await readAt(file, path, 0, Math.min(headerSize, size));
  if (header.length < headerSize || readU32(header, 0) !== 0x464c457f) throw bad(path, "it is no ELF file");
  const offset = Number(readU64(header, 32));
  const count = readU16(header, 56);
  if (count === 0xffff) throw bad(path, "it has more than 65534 mappings, which is not supported");
  const table = await readAt(file, path, offset, count * programHeaderSize);
  const whole = new Uint8Array(headerSize + table.length);
  whole.set(header);
  whole.set(table, headerSize);
  // No sections, and the segments right behind the header.
  writeU64(whole, 32, BigInt(headerSize));
  writeU64(whole, 40, 0n);
  for (const at of [60, 62]) writeU16(whole, at, 0);
  const elf = readElf(whole);
  if (elf.type !== "core" || elf.machine !== "x86-64") throw bad(path, "it is no core dump of an x86-64 process");
  return elf.segments;
}

async function readNotes(file: FileHandle, path: string, { offset, fileSize }: ElfSegment): Promise<readonly CoreMapping[]> {
  if (fileSize > largestNotes) throw bad(path, `its notes have ${fileSize} bytes`);
  const notes = await readAt(file, path, offset, fileSize);
  const mappings: CoreMapping[] = [];
  for (let at = 0; at + 12 <= notes.length;) {
    const start = at + 12 + alignUp(readU32(notes, at), 4);
    const end = start + readU32(notes, at + 4);
    if (end > notes.length) throw bad(path, "one of its notes ends behind them all");
    if (readU32(notes, at + 8) === fileNote) mappings.push(...readFileNote(notes.subarray(start, end), path));
    at = start + alignUp(end - start, 4);
  }
  return mappings;
}

/** A number of mappings, the size of a page; start, end and page for each; then their names. */
function readFileNote(note: Uint8Array, path: string): readonly CoreMapping[] {
  const count = note.length < 16 ? 0 : Number(readU64(note, 0));
  if (16 + count * 24 > note.length) throw bad(path, `it says that it has ${count} mapped files`);
  const page = Number(readU64(note, 8));
  const names = Buffer.from(note.subarray(16 + count * 24)).toString("utf8").split("\0");
  return Array.from({ length: count }, (_, index) => {
    const [start, end, pages] = [0, 8, 16].map((field) => readU64(note, 16 + index * 24 + field));
    return { start: address(start ?? 0n), end: address(end ?? 0n), offset: Number(pages) * page, path: names[index] ?? "" };
  });
}

async function readMemory(file: FileHandle, path: string, segments: readonly ElfSegment[], at: Address, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const place = at + BigInt(done);
    const segment = segments.find((each) => each.type === segmentType.load && each.address <= place && place < each.address + BigInt(each.fileSize));
    if (segment === undefined) throw new SutureError("unreadable-memory", `Cannot read memory of core dump ${path} at 0x${place.toString(16)}: it does not hold it`, { path });
    const within = Number(place - segment.address);
    const part = Math.min(length - done, segment.fileSize - within);
    bytes.set(await readAt(file, path, segment.offset + within, part), done);
    done += part;
  }
  return bytes;
}
