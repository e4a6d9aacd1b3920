// The operator's choice to activate a patch although calls of some of its functions are under way, which go on in the old
// code to their end. What stays forbidden is the bytes that are overwritten; and so that no call can come back to them later, a
// function that jumps to its own beginning cannot be forced.

import { address, formatAddress } from "../address.ts";
import type { AddressRange } from "../address.ts";
import type { LedgerFunction, LedgerPatch } from "./ledger-records.ts";
import type { OpenProcess } from "./open-process.ts";
import { refuse } from "./refusal.ts";
import type { TransactionOptions } from "./types.ts";

/** Refuses: usage (a name that the patch does not have), blocked (a function that leads back to its beginning). */
export async function checkForced(act: string, open: OpenProcess, { functions }: LedgerPatch, forced: readonly string[]): Promise<void> {
  for (const wanted of forced) {
    const found = functions.filter(({ name }) => name === wanted);
    if (found.length === 0) throw refuse("usage", act, `it does not change "${wanted}", which was to be forced; it changes ${functions.map(({ name }) => name).join(", ")}`, { function: wanted });
    for (const each of found) await checkBeginning(act, open, each);
  }
}

async function checkBeginning(act: string, { tracer, process: { pid } }: OpenProcess, each: LedgerFunction): Promise<void> {
  const [branch] = await tracer.branchesInto(pid, each.ranges, beginningOf(each));
  if (branch === undefined) return;
  throw refuse("blocked", act, `function ${each.name} cannot be forced: ${formatAddress(branch.at)} leads back to its beginning, which is overwritten, and a call that is under way would come back there; it must return first`, {
    function: each.name, at: formatAddress(branch.at), to: formatAddress(branch.to),
  });
}

/** From its entry, an endbr64 included: whoever comes there comes to the jump. */
const beginningOf = ({ old, at, saved }: LedgerFunction): AddressRange => ({ start: old < at ? old : at, end: address(at + BigInt(saved.length)) });

/** For taking back what was done so. */
export const withoutForce = ({ forceActive: _, ...options }: TransactionOptions): TransactionOptions => options;

/** Code that is about to go cannot be left to those who are in it. Refuses: usage. */
export function checkNotForced(act: string, { forceActive = [] }: TransactionOptions): void {
  if (forceActive.length > 0) throw refuse("usage", act, `a call of ${forceActive.join(", ")} that is under way cannot be passed over: it is in the code that goes; it must return first`, { functions: [...forceActive] });
}
