// What the entries of a patch's functions hold now, whatever the ledger says.

import type { TracerClient } from "../tracer.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerFunction, LedgerPatch } from "./ledger-records.ts";

export interface Entry {
  readonly function: LedgerFunction;
  readonly found: Uint8Array;
  readonly holds: "old" | "new" | "foreign";
}

export async function readEntries(tracer: TracerClient, { pid }: ProcessIdentity, { functions }: LedgerPatch): Promise<readonly Entry[]> {
  return Promise.all(functions.map(async (each) => {
    const found = await tracer.readMemory(pid, each.at, each.saved.length);
    return { function: each, found, holds: isEqual(found, each.saved) ? "old" : isEqual(found, each.jump) ? "new" : "foreign" };
  }));
}

/** What all of them hold; "mixed" when they differ, "foreign" when one holds neither. */
export function summarize(entries: readonly Entry[]): Entry["holds"] | "mixed" {
  const kinds = new Set(entries.map(({ holds }) => holds));
  if (kinds.has("foreign")) return "foreign";
  const [only, second] = kinds;
  return second === undefined ? only ?? "old" : "mixed";
}

const isEqual = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);
