// Finishes or undoes what a tool that died left half done. The ledger says what was begun, the entries say how far it got:
// old or parked, the patch goes; new or parked, it stays and is finished. Never some old and some new: the helper parks
// all entries before it replaces one. Entries that are neither are somebody else's doing, and nothing is touched.

import type { AddressRange } from "../address.ts";
import { readEntries } from "./entries.ts";
import type { Entry } from "./entries.ts";
import { codeOf, oldFunctionsOf } from "./forbidden.ts";
import { dropEmptyLedger, isLedgerMapping, unmapOurs } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import type { CarriedPatch, LedgerPatch } from "./ledger-records.ts";
import type { OpenProcess } from "./open-process.ts";
import { refuse } from "./refusal.ts";
import { freeRetired, releasePatch } from "./release.ts";
import { switchCode } from "./transition.ts";
import type { SwitchWrite } from "./transition.ts";

/** A patch that was found in the middle of a transaction. */
export interface SettledPatch {
  readonly name: string;
  readonly outcome: "finished" | "undone";
}

/** Only with the process locked. Refuses: unfinished-transaction, blocked. */
export async function settle(open: OpenProcess): Promise<readonly SettledPatch[]> {
  const { ledger, tracer, process, target } = open;
  if (ledger === undefined) return [];
  const settled: SettledPatch[] = [];
  for (const { patch, state } of ledger.patches) {
    if (state !== "active") settled.push({ name: patch.name, outcome: await settlePatch(open, ledger, { patch, state }) });
  }
  // A tool that died between making a larger ledger and giving back the old one.
  const outdated = target.mappings.filter((mapping) => isLedgerMapping(mapping) && mapping.start !== ledger.range.start);
  if (outdated.length > 0) await unmapOurs(tracer, process, outdated);
  await freeRetired(open, ledger);
  await dropEmptyLedger(tracer, process, ledger);
  return settled;
}

async function settlePatch(open: OpenProcess, ledger: Ledger, { patch, state }: CarriedPatch): Promise<SettledPatch["outcome"]> {
  const entries = await readEntries(open.tracer, open.process, patch);
  if (entries.some(({ holds }) => holds === "foreign")) throw foreignEntry(open, patch, entries);
  if (state !== "staged" && isSwitched(entries)) {
    await finish(open, ledger, patch, entries);
    return "finished";
  }
  await putBack(open, ledger, patch, entries);
  await releasePatch(open, ledger, patch);
  return "undone";
}

const isSwitched = (entries: readonly Entry[]): boolean =>
  entries.some(({ holds }) => holds === "new") && entries.every(({ holds }) => holds !== "old");

async function finish({ tracer, target, process }: OpenProcess, ledger: Ledger, patch: LedgerPatch, entries: readonly Entry[]): Promise<void> {
  const { seal, sealed } = await ledger.prepare({ record: "active", name: patch.name });
  const writes = entries.filter(({ holds }) => holds === "parked").map((entry) => writeEntry(entry, entry.function.jump));
  await switchCode(tracer, `settle patch "${patch.name}" in pid ${process.pid}`, [{ target, forbidden: oldFunctionsOf(patch), writes: [...writes, { ...seal, of: "the ledger" }] }], {});
  sealed();
}

const writeEntry = ({ function: { name, at }, found }: Entry, replacement: Uint8Array): SwitchWrite =>
  ({ at, expected: found, replacement, entry: true, of: `function ${name}` });

function foreignEntry({ process: { pid } }: OpenProcess, patch: LedgerPatch, entries: readonly Entry[]): Error {
  const name = entries.find(({ holds }) => holds === "foreign")?.function.name ?? "???";
  return refuse("unfinished-transaction", `settle patch "${patch.name}" in pid ${pid}`, `an earlier run was interrupted, and the entry of ${name} holds neither the old nor the new bytes; remove what was written there (a breakpoint?) and try again`, { patch: patch.name, function: name });
}

/** Even when all entries are old: nobody may be in code that is about to be unmapped. */
async function putBack({ tracer, target, process }: OpenProcess, ledger: Ledger, patch: LedgerPatch, entries: readonly Entry[]): Promise<void> {
  const writes = entries.filter(({ holds }) => holds !== "old").map((entry) => writeEntry(entry, entry.function.saved));
  const mapped = codeOf(patch).filter((range) => isMapped(target.mappings, range));
  const { seal, sealed } = await ledger.prepare({ record: "inactive", name: patch.name });
  await switchCode(tracer, `settle patch "${patch.name}" in pid ${process.pid}`, [{ target, forbidden: mapped, writes: [...writes, { ...seal, of: "the ledger" }] }], {});
  sealed();
}

const isMapped = (mappings: readonly AddressRange[], range: AddressRange): boolean =>
  mappings.some(({ start, end }) => start < range.end && range.start < end);
