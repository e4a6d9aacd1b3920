// What the entries of a patch's functions hold now, whatever the ledger says.

import type { TracerClient } from "../tracer.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerFunction, LedgerPatch } from "./ledger-records.ts";

export interface Entry {
  readonly function: LedgerFunction;
  readonly found: Uint8Array;
  /** Parked: a jump to itself stands there, and whoever comes waits; a switch was interrupted. */
  readonly holds: "old" | "new" | "parked" | "foreign";
}

export async function readEntries(tracer: TracerClient, { pid }: ProcessIdentity, { functions }: Pick<LedgerPatch, "functions">): Promise<readonly Entry[]> {
  return Promise.all(functions.map(async (each) => {
    const found = await tracer.readMemory(pid, each.at, each.saved.length);
    return { function: each, found, holds: whatHolds(found, each) };
  }));
}

function whatHolds(found: Uint8Array, { saved, jump }: LedgerFunction): Entry["holds"] {
  if (isEqual(found, saved)) return "old";
  if (isEqual(found, jump)) return "new";
  const isParked = isEqual(found.subarray(0, parked.length), parked) && [saved, jump].some((each) => isEqual(tailOf(found), tailOf(each)));
  return isParked ? "parked" : "foreign";
}

/** What the helper parks an entry with: native/tracer/switch-plan.h. */
const parked = Uint8Array.of(0xeb, 0xfe);
const tailOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(parked.length);

/** What all of them hold; "mixed" when they differ, "foreign" when one holds neither. */
export function summarize(entries: readonly Entry[]): Entry["holds"] | "mixed" {
  const kinds = new Set(entries.map(({ holds }) => holds));
  if (kinds.has("foreign")) return "foreign";
  const [only, second] = kinds;
  return second === undefined ? only ?? "old" : "mixed";
}

const isEqual = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);
