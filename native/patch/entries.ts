// What the entries of a patch's functions hold now, whatever the ledger says.

import type { Address } from "../address.ts";
import { SutureError } from "../errors.ts";
import type { TracerClient } from "../tracer.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerFunction, LedgerPatch } from "./ledger-records.ts";

export interface Entry {
  readonly function: LedgerFunction;
  readonly found: Uint8Array;
  /** Parked: a jump to itself stands there, and whoever comes waits; a switch was interrupted. Gone: nothing is mapped there any more, as when a library is closed. */
  readonly holds: "old" | "new" | "parked" | "foreign" | "gone";
}

export async function readEntries(tracer: TracerClient, { pid }: ProcessIdentity, { functions }: Pick<LedgerPatch, "functions">): Promise<readonly Entry[]> {
  return Promise.all(functions.map(async (each) => {
    const found = await readUnlessGone(tracer, pid, each.at, each.saved.length);
    return { function: each, found, holds: found.length === 0 ? "gone" : whatHolds(found, each) };
  }));
}

/** Nothing where nothing is mapped. */
export async function readUnlessGone(tracer: TracerClient, pid: number, at: Address, length: number): Promise<Uint8Array> {
  return tracer.readMemory(pid, at, length).catch((error: unknown) => {
    if (error instanceof SutureError && error.kind === "unreadable-memory") return new Uint8Array();
    throw error;
  });
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

/** What all of them hold that are there; "mixed" when they differ, "foreign" when one holds neither. */
export function summarize(entries: readonly Entry[]): Exclude<Entry["holds"], "gone"> | "mixed" {
  const kinds = new Set(entries.flatMap(({ holds }) => (holds === "gone" ? [] : [holds])));
  if (kinds.has("foreign")) return "foreign";
  const [only, second] = kinds;
  return second === undefined ? only ?? "old" : "mixed";
}

const isEqual = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);
