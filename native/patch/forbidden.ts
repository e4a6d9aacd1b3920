// Where no thread may stand while a patch is switched.

import { address } from "../address.ts";
import type { AddressRange } from "../address.ts";
import type { LedgerFunction, LedgerPatch } from "./ledger-records.ts";
import type { CarriedPatch } from "./ledger-state.ts";
import { layersAt } from "./stacking.ts";

export interface ForbiddenRange extends AddressRange {
  /** The function that it belongs to; absent where it holds several, which their symbols tell apart. */
  readonly function?: string;
  /** Only the bytes count: who returns to their end may do so. */
  readonly endIsFree?: boolean;
}

/** The old functions: their first bytes are about to change. Of those that are forced only these bytes. */
export const oldFunctionsOf = ({ functions }: LedgerPatch, forced: readonly string[] = []): readonly ForbiddenRange[] =>
  functions.flatMap((each): readonly ForbiddenRange[] =>
    (forced.includes(each.name) ? [entryOf(each)] : each.ranges.map(({ start, end }) => ({ start, end, function: each.name }))));

const entryOf = ({ name, at, saved }: LedgerFunction): ForbiddenRange => ({ start: at, end: address(at + BigInt(saved.length)), function: name, endIsFree: true });

/** Code of older patches that newer functions take the place of; nobody may be about to run its first byte either. */
export function coveredBy(patch: LedgerPatch, carried: readonly CarriedPatch[], forced: readonly string[] = []): readonly ForbiddenRange[] {
  const others = carried.filter((each) => each.patch.name !== patch.name);
  return patch.functions.filter(({ name }) => !forced.includes(name)).flatMap(({ name, at }) => (layersAt(others, at).at(-1)?.function.newRanges ?? [])
    .map(({ start, end }) => ({ start: address(start - 1n), end, function: name })));
}

/**
 * The patch's own code: it is about to be given back. A thread that is about to run the first byte of a range does
 * not count as being in it, here it must: so each begins a byte earlier, where nothing can be run.
 */
export const codeOf = ({ mappings }: LedgerPatch): readonly ForbiddenRange[] =>
  mappings.map(({ code }) => ({ start: address(code.start - 1n), end: code.end }));
