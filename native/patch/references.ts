// Does the process still refer to a patch that has been reverted? What its memory and registers hold decides, with one
// exception: return addresses into the patch on the stacks of its threads. A stop has shown that no frame is there, so these
// were left by calls that are over. On any other stack (a coroutine's that waits for its turn) they count.

import { address } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import { readU64 } from "../elf/mod.ts";
import { mappingAt, parseMaps } from "../target/mod.ts";
import type { Mapping } from "../target/mod.ts";
import type { MemoryReference, TracerClient } from "../tracer.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerMapping, LedgerPatch } from "./ledger-records.ts";

/** Right after, or together with, a stop in which no thread had a frame in the patch. */
export async function isReferredTo(tracer: TracerClient, process: ProcessIdentity, { mappings }: LedgerPatch): Promise<boolean> {
  // A patch that only sets values has no memory of its own.
  if (mappings.length === 0) return false;
  const ranges: readonly AddressRange[] = mappings.map(({ start, end }) => ({ start, end }));
  const { references, complete } = await tracer.references(process.pid, process.startTime, mappings.flatMap(whatIsReferredTo), ranges);
  if (!complete) return true;
  if (references.length === 0) return false;
  const maps = parseMaps(await tracer.readMaps(process.pid));
  for (const reference of references) {
    if (!await isLeftover(tracer, process, reference, mappings.map(({ code }) => code), maps)) return true;
  }
  return false;
}

/**
 * Unwinders refer to the table and their records of it until they are told to forget them, which is done last. Language data is
 * read while an exception passes a frame of the patch, and by nobody else; what exceptions leave behind in freed memory is dead. A
 * number that looks like a place among the symbols is no pointer.
 */
function whatIsReferredTo({ start, end, frames, tables }: LedgerMapping): readonly AddressRange[] {
  const others = [frames?.language, frames?.table, frames?.objects, tables].filter((range) => range !== undefined).sort((one, other) => (one.start < other.start ? -1 : 1));
  const starts = [start, ...others.map((range) => range.end)];
  const ends = [...others.map((range) => range.start), end];
  return starts.map((from, at) => ({ start: from, end: ends[at] ?? end })).filter((range) => range.start < range.end);
}

async function isLeftover(tracer: TracerClient, { pid }: ProcessIdentity, { at, value }: MemoryReference, code: readonly AddressRange[], maps: readonly Mapping[]): Promise<boolean> {
  if (!await isReturnAddress(tracer, pid, value, code)) return false;
  return at === undefined || await isOnThreadStack(tracer, pid, at, maps);
}

const longestCall = 7;

async function isReturnAddress(tracer: TracerClient, pid: number, value: Address, code: readonly AddressRange[]): Promise<boolean> {
  if (!code.some(({ start, end }) => start + BigInt(longestCall) <= value && value < end)) return false;
  const before = await tracer.readMemory(pid, address(value - BigInt(longestCall)), longestCall);
  const at = (distance: number): number => before[longestCall - distance] ?? 0;
  const isDirect = at(5) === 0xe8;                              // call rel32
  const isIndirect = [2, 3, 4, 6, 7].some((length) => at(length) === 0xff && (at(length - 1) & 0x38) === 0x10); // call r/m64
  return isDirect || isIndirect;
}

async function isOnThreadStack(tracer: TracerClient, pid: number, at: Address, maps: readonly Mapping[]): Promise<boolean> {
  const mapping = mappingAt(maps, at);
  if (mapping === undefined) return false;
  return mapping.path === "[stack]" || await holdsThread(tracer, pid, mapping);
}

const controlBlockWithin = 16 << 10;

/** The C library puts a thread's control block at the upper end of its stack. It holds its own address, twice. */
async function holdsThread(tracer: TracerClient, pid: number, { start, end, path }: Mapping): Promise<boolean> {
  const length = Math.min(controlBlockWithin, Number(end - start));
  if (path !== "" && !path.startsWith("[anon:")) return false;
  const first = end - BigInt(length);
  const bytes = await tracer.readMemory(pid, address(first), length);
  for (let offset = 0; offset + 0x18 <= bytes.length; offset += 16) {
    const own = first + BigInt(offset);
    if (readU64(bytes, offset) === own && readU64(bytes, offset + 0x10) === own) return true;
  }
  return false;
}
