// What debuggers and profilers can read of the patches of a process, or of what a core dump holds of one: the linked ELF
// files that lie in its memory, with symbols and source lines. Needs no ledger and no image: a dump has neither. Reads only.

import { address } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import { printable, readElf, segmentFlag, segmentType } from "../elf/mod.ts";
import type { ElfFile } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import { openCoreDump, parseMaps } from "../target/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { ledgerPath } from "./ledger.ts";

export interface DebugFile {
  /** Of the patch, as far as the kernel shows it. */
  readonly patch: string;
  /** The name of the mapping, as profilers record it. */
  readonly path: string;
  readonly base: Address;
  /** Code that can be named. */
  readonly functions: readonly string[];
  readonly hasLines: boolean;
  /** An ELF file whose addresses count from `base`. */
  readonly bytes: Uint8Array;
}

/** Of a process that a debugger holds, too. Refuses what reading a process refuses. */
export async function debugFilesOf(tracer: TracerClient, pid: number): Promise<readonly DebugFile[]> {
  return filesAmong(parseMaps(await tracer.readMaps(pid)), (at, length) => tracer.readMemory(pid, at, length));
}

/** Refuses: file-not-found, bad-elf, unreadable-memory (the dump leaves the patch out). */
export async function debugFilesOfCore(path: string): Promise<readonly DebugFile[]> {
  await using core = await openCoreDump(path);
  // Before the dump is closed.
  return await filesAmong(core.mappings, (at, length) => core.readMemory(at, length));
}

interface FileMapping extends AddressRange {
  readonly offset: number;
  readonly path: string;
}

const mappingName = /^\/memfd:suture-([^/]+) \(deleted\)$/;

async function filesAmong(mappings: readonly FileMapping[], read: (at: Address, length: number) => Promise<Uint8Array>): Promise<readonly DebugFile[]> {
  const files: DebugFile[] = [];
  for (const { path, start, end } of wholeFiles(mappings)) {
    const bytes = await read(start, Number(end - start));
    const elf = readPatch(bytes);
    if (elf === undefined) continue;
    const functions = elf.symbols.filter(({ type, name }) => type === "function" && !isPartOf.test(name)).map(({ name }) => printable(name));
    files.push({ patch: patchName(path), path, base: start, functions, hasLines: elf.sections.some(({ name }) => name === ".debug_line"), bytes: withoutData(bytes, elf) });
  }
  return files;
}

/** Stubs, and the unlikely parts of functions that are listed themselves. */
const isPartOf = /(?:@plt|\.cold(?:\.\d+)?)$/;

/** What patched code has written is nobody's symbol. */
function withoutData(bytes: Uint8Array, { segments }: ElfFile): Uint8Array {
  const copy = bytes.slice();
  for (const { type, flags, offset, fileSize } of segments) if (type === segmentType.load && (flags & segmentFlag.write) !== 0) copy.fill(0, offset, offset + fileSize);
  return copy;
}

const patchName = (path: string): string => printable(mappingName.exec(path)?.[1] ?? path);

/** A patch is mapped in pieces that follow one another in memory as in the file. */
function wholeFiles(mappings: readonly FileMapping[]): readonly FileMapping[] {
  const files: { start: Address; end: Address; offset: number; path: string }[] = [];
  for (const { start, end, offset, path } of mappings) {
    if (!mappingName.test(path) || path === ledgerPath) continue;
    const last = files.at(-1);
    const follows = last !== undefined && offset > 0 && last.path === path && last.end === start && last.start + BigInt(offset) === start;
    if (follows) last.end = address(end);
    else if (offset === 0) files.push({ start, end, offset, path });
  }
  return files;
}

/** Anybody can give a memory file such a name: what is no ELF file is none of ours. */
function readPatch(bytes: Uint8Array): ElfFile | undefined {
  try {
    return readElf(bytes);
  } catch (error) {
    if (error instanceof SutureError && error.kind === "bad-elf") return undefined;
    throw error;
  }
}
