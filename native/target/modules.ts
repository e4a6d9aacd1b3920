// The ELF modules of a process: the program, its libraries, the vdso, and what Suture itself has mapped. They are
// found by what is mapped, not by what the dynamic linker says, so that a module loaded twice, one whose file is gone and one
// that no linker knows of are all found.
//
// A module is a mapped ELF header whose program headers agree with an executable mapping of the same file in the right place.
// A file that is merely mapped to be read does not pass for one.

import { basename } from "node:path";
import { address, rebase } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import { buildIdAmongNotes, readElf, segmentFlag, segmentType } from "../elf/mod.ts";
import type { ElfFile } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { TracerClient } from "../tracer.ts";
import { isDeleted, isMemoryFile, pathOf } from "./maps.ts";
import type { Mapping } from "./maps.ts";
import { headerLength, isLinkedToOnePlace, machineOf, locateProgramHeaders, readProgramHeaders } from "./program-headers.ts";
import type { ProgramHeader } from "./program-headers.ts";

const pageSize = 4096n;
const longestNotes = 1 << 16;

export interface Module {
  /** As the target's own mount namespace spells it, without " (deleted)". */
  readonly path: string;
  /** Base name of the path. */
  readonly name: string;
  readonly device: string;
  readonly inode: string;
  /** Removed or replaced since it was loaded: the path names another file now, or none. */
  readonly isDeleted: boolean;
  /** Linked to one place (not position-independent): its code may hold 32-bit addresses. */
  readonly isFixed: boolean;
  /** e_machine of the ELF header. */
  readonly machine: number;
  /** What is added to an address as linked. */
  readonly bias: bigint;
  /** From the lowest to the highest address of its segments. */
  readonly span: AddressRange;
  readonly mappings: readonly Mapping[];
  /** Where its dynamic section lies. */
  readonly dynamic?: AddressRange;
  readonly hasInterpreter: boolean;
  /** Lower-case hex, as the process has it in memory. */
  readonly buildId?: string;
  /** Of the file what tells of symbols, read when first asked for: code, data and debug information are zeros. Refuses: file-not-found, bad-elf. */
  readonly elf: () => Promise<ElfFile>;
}

/** Every module, by address. */
export async function findModules(tracer: TracerClient, pid: number, mappings: readonly Mapping[]): Promise<readonly Module[]> {
  const found = await Promise.all(mappings.filter(mayBeginModule).map((mapping) => readModule(tracer, pid, mapping, mappings)));
  return found.filter((module) => module !== undefined);
}

const mayBeginModule = (mapping: Mapping): boolean =>
  mapping.isReadable && !mapping.isShared && mapping.offset === 0 && (mapping.path.startsWith("/") || mapping.path === "[vdso]");

async function readModule(tracer: TracerClient, pid: number, first: Mapping, mappings: readonly Mapping[]): Promise<Module | undefined> {
  const read = await readFromHead(tracer, pid, first);
  const header = await read(first.start, headerLength);
  const place = header && locateProgramHeaders(header);
  const bytes = place && await readWithin(read, first, address(first.start + BigInt(place.offset)), place.length);
  if (header === undefined || bytes === undefined) return undefined;

  const headers = readProgramHeaders(bytes);
  const layout = layOut(first, headers, mappings);
  if (layout === undefined) return undefined;
  const buildId = await readBuildId(read, headers, layout);
  const path = pathOf(first);
  const dynamic = headers.find(({ type }) => type === segmentType.dynamic);
  return {
    path, name: basename(path), device: first.device, inode: first.inode,
    isDeleted: isDeleted(first), isFixed: isLinkedToOnePlace(header), machine: machineOf(header), ...layout,
    hasInterpreter: headers.some(({ type }) => type === segmentType.interpreter),
    ...(dynamic === undefined ? {} : { dynamic: rangeOf(dynamic, layout.bias) }),
    ...(buildId === undefined ? {} : { buildId }),
    elf: once(() => readOnce(tracer, fileKey(first, buildId), async () => readElf(await readFile(tracer, pid, first, layout.mappings)))),
  };
}

/** Undefined where it is not, or no longer, all mapped. */
type ReadMemory = (at: Address, length: number) => Promise<Uint8Array | undefined>;

/** The headers of a module, and as a rule its notes, are in its first page, which is read once. */
async function readFromHead(tracer: TracerClient, pid: number, { start }: AddressRange): Promise<ReadMemory> {
  const head = await readIfMapped(tracer, pid, start, Number(pageSize));
  return async (at, length) => {
    const offset = Number(at - start);
    if (head !== undefined && offset >= 0 && offset + length <= head.length) return head.subarray(offset, offset + length);
    return readIfMapped(tracer, pid, at, length);
  };
}

async function readWithin(read: ReadMemory, within: AddressRange, at: Address, length: number): Promise<Uint8Array | undefined> {
  return at + BigInt(length) <= within.end ? read(at, length) : undefined;
}

async function readIfMapped(tracer: TracerClient, pid: number, at: Address, length: number): Promise<Uint8Array | undefined> {
  try {
    return await tracer.readMemory(pid, at, length);
  } catch (error) {
    if (error instanceof SutureError && error.kind === "unreadable-memory") return undefined;
    throw error;
  }
}

type Layout = Pick<Module, "bias" | "span" | "mappings">;

function layOut(first: Mapping, headers: readonly ProgramHeader[], mappings: readonly Mapping[]): Layout | undefined {
  const loads = headers.filter(({ type }) => type === segmentType.load);
  const start = loads.find(({ offset }) => offset < Number(pageSize));
  if (start === undefined) return undefined;
  const bias = first.start - pageOf(start.address - BigInt(start.offset));
  const ranges = loads.map((load) => rangeOf(load, bias));
  const span = {
    start: address(pageOf(ranges.reduce((low, range) => (range.start < low ? range.start : low), first.start))),
    end: address(pageOf(ranges.reduce((high, range) => (range.end > high ? range.end : high), first.end) + pageSize - 1n)),
  };
  const own = mappings.filter((mapping) => isSameFile(mapping, first) && span.start <= mapping.start && mapping.end <= span.end);
  const isLoaded = loads.some((load) => (load.flags & segmentFlag.execute) !== 0 && own.some((mapping) => holdsCode(mapping, load, bias)));
  return isLoaded ? { bias, span, mappings: own } : undefined;
}

const pageOf = (value: bigint): bigint => value & ~(pageSize - 1n);

const rangeOf = ({ address: at, memorySize }: ProgramHeader, bias: bigint): AddressRange =>
  ({ start: rebase(at, bias), end: address(at + bias + memorySize) });

const isSameFile = (one: Mapping, other: Mapping): boolean =>
  one.device === other.device && one.inode === other.inode && one.path === other.path;

function holdsCode(mapping: Mapping, load: ProgramHeader, bias: bigint): boolean {
  const at = rebase(load.address, bias);
  const offset = mapping.offset + Number(at - mapping.start);
  return mapping.isExecutable && mapping.start <= at && at < mapping.end && offset === load.offset;
}

async function readBuildId(read: ReadMemory, headers: readonly ProgramHeader[], { bias }: Layout): Promise<string | undefined> {
  for (const note of headers) {
    if (note.type !== segmentType.note || note.memorySize > BigInt(longestNotes)) continue;
    const notes = await read(rebase(note.address, bias), Number(note.memorySize));
    const found = notes && buildIdAmongNotes(notes, note.alignment);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The vdso has no file, and a memory file none that everybody may open: both are mapped whole, so memory has their bytes. */
async function readFile(tracer: TracerClient, pid: number, first: Mapping, own: readonly Mapping[]): Promise<Uint8Array> {
  if (!isMemoryFile(first) && first.path.startsWith("/")) return tracer.readMappedFile(pid, { start: first.start, end: first.end });
  const end = own.reduce((high, mapping) => (mapping.end > high ? mapping.end : high), first.end);
  return tracer.readMemory(pid, first.start, Number(end - first.start));
}

/** The processes of one program have the same files; each is read for the first of them, for as long as somebody works with it. */
const known = new WeakMap<TracerClient, Map<string, WeakRef<Promise<ElfFile>>>>();

async function readOnce(tracer: TracerClient, key: string | undefined, read: () => Promise<ElfFile>): Promise<ElfFile> {
  if (key === undefined) return read();
  const files = known.get(tracer) ?? new Map<string, WeakRef<Promise<ElfFile>>>();
  known.set(tracer, files);
  const reading = files.get(key)?.deref() ?? read();
  files.set(key, new WeakRef(reading));
  reading.catch(() => files.delete(key));
  return reading;
}

/** Undefined for what could be another file under the same number, or is no file. */
const fileKey = (first: Mapping, buildId: string | undefined): string | undefined =>
  buildId === undefined || isMemoryFile(first) || !first.path.startsWith("/") ? undefined : `${first.device} ${first.inode} ${buildId}`;

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => made ??= make();
}
