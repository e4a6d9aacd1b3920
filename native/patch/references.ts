// Does the process still refer to a patch that has been reverted? An entry that leads there does, whatever the ledger says of it. Else
// what its memory and registers hold decides, with one exception: return addresses into the patch that calls which are over have left
// on the stacks of threads. On any other stack, a coroutine's that waits for its turn, they count; that one may lie in a variable of a
// function that a thread is in.

import type { AddressRange } from "../address.ts";
import type { ReferenceLook, TracerClient } from "../tracer.ts";
import { readEntries } from "./entries.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerMapping, LedgerPatch } from "./ledger-records.ts";

/** Right after, or together with, a stop in which no thread had a frame in the patch. */
export async function isReferredTo(tracer: TracerClient, process: ProcessIdentity, patch: LedgerPatch): Promise<boolean> {
  // A patch that only sets values has no memory of its own.
  if (patch.mappings.length === 0) return false;
  if (await isLedTo(tracer, process, patch)) return true;
  const { references, complete } = await tracer.references(process.pid, process.startTime, lookFor(patch));
  return !complete || references.length > 0;
}

export const isLedTo = async (tracer: TracerClient, process: ProcessIdentity, patch: LedgerPatch): Promise<boolean> =>
  (await readEntries(tracer, process, patch)).some(({ holds }) => holds === "new");

export const lookFor = ({ mappings }: LedgerPatch): ReferenceLook =>
  ({ into: mappings.flatMap(whatIsReferredTo), except: mappings.map(({ start, end }) => ({ start, end })), code: mappings.map(({ code }) => code) });

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
