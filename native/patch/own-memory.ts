// Is the code of a patch, and what else of it never changes, still what was mapped? Its data is its own business: patched
// code writes there. Reads only.

import { SutureError } from "../errors.ts";
import type { TracerClient } from "../tracer.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerMapping, LedgerPatch } from "./ledger-records.ts";
import { sha256 } from "./link.ts";

export async function isOwnMemoryIntact(tracer: TracerClient, process: ProcessIdentity, { mappings }: LedgerPatch): Promise<boolean> {
  const intact = await Promise.all(mappings.map((mapping) => isUnchanged(tracer, process, mapping)));
  return intact.every(Boolean);
}

async function isUnchanged(tracer: TracerClient, { pid }: ProcessIdentity, { constant: { start, end, sha256: wanted } }: LedgerMapping): Promise<boolean> {
  try {
    return sha256(await tracer.readMemory(pid, start, Number(end - start))) === wanted;
  } catch (error) {
    // Not all of it is mapped any more.
    if (error instanceof SutureError && error.kind === "unreadable-memory") return false;
    throw error;
  }
}
