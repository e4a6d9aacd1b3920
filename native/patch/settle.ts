// Finishes or undoes what a tool that died left half done. The ledger says what was begun, the entries say how far it got:
// old or parked, the patch is inactive, and goes unless it was loaded to stay; new or parked, it is active. Never some old and
// some new: the helper parks all entries before it replaces one. Entries that are neither are somebody else's doing, and nothing
// is touched.

import type { AddressRange } from "../address.ts";
import { readEntries } from "./entries.ts";
import type { Entry } from "./entries.ts";
import { codeOf, oldFunctionsOf } from "./forbidden.ts";
import { dropEmptyLedger, isLedgerMapping, unmapOurs } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import type { CarriedPatch } from "./ledger-state.ts";
import type { OpenProcess } from "./open-process.ts";
import { refuse } from "./refusal.ts";
import { begunChange, isSwitchedAnywhere, peersOf } from "./peers.ts";
import { freeRetired, releasePatch } from "./release.ts";
import { planEntries, recordsFor } from "./stacking.ts";
import type { Change } from "./stacking.ts";
import { switchCode } from "./transition.ts";
import type { SwitchWrite } from "./transition.ts";
import { settleValues } from "./values.ts";

/** A patch that was found in the middle of a transaction. */
export interface SettledPatch {
  readonly name: string;
  /** It is active; it is gone; it is inactive and stays, as it was loaded to. */
  readonly outcome: "finished" | "undone" | "loaded";
}

export interface Settlement {
  readonly patches: readonly SettledPatch[];
  /** What is known of the process's memory, its ledger above all, may no longer be true. */
  readonly hasChanged: boolean;
}

/** Only with the process locked. Refuses: unfinished-transaction, blocked. */
export async function settle(open: OpenProcess): Promise<Settlement> {
  const { ledger, tracer, process, target } = open;
  if (ledger === undefined) return { patches: [], hasChanged: false };
  const settled = await settleSwitch(open, ledger);
  // A tool that died between making a larger ledger and giving back the old one, which must not be all that is left.
  const outdated = target.mappings.filter((mapping) => isLedgerMapping(mapping) && mapping.start !== ledger.range.start);
  if (outdated.length > 0) await unmapOurs(tracer, process, outdated);
  const undone = await dropStaged(open, ledger);
  const isFreed = await freeRetired(open, ledger);
  // A worker that was forked when its parent had just made a ledger has an empty one.
  const isDropped = await dropEmptyLedger(tracer, process, ledger);
  const patches = [...settled, ...undone];
  return { patches, hasChanged: patches.length + outdated.length > 0 || isFreed || isDropped };
}

/** What came and what went was one switch, and ends as one. Those that go and are not kept are left staged, and not told of here. */
async function settleSwitch(open: OpenProcess, ledger: Ledger): Promise<readonly SettledPatch[]> {
  const change = begunChange(ledger.state);
  if (change.incoming.length + change.outgoing.length === 0) return [];
  const entries = await readEntries(open.tracer, open.process, { functions: planEntries(ledger.patches, change) });
  if (entries.some(({ holds }) => holds === "foreign")) throw foreignEntry(open, nameOf(change), entries);
  const isDone = isSwitched(entries) || await isSwitchedAnywhere(open.tracer, peersOf(open.process, ledger.state), change);
  await bringTo(isDone ? "new" : "old", open, ledger, change, entries);
  return [...change.incoming, ...change.outgoing].flatMap(({ name }) => outcomeOf(ledger.find(name)));
}

function outcomeOf(carried: CarriedPatch | undefined): readonly SettledPatch[] {
  if (carried === undefined || (carried.state === "staged" && !carried.isKept)) return [];
  return [{ name: carried.patch.name, outcome: carried.state === "active" ? "finished" : "loaded" }];
}

const nameOf = ({ incoming, outgoing }: Change): string => [...incoming, ...outgoing][0]?.name ?? "???";

const isSwitched = (entries: readonly Entry[]): boolean =>
  entries.some(({ holds }) => holds === "new") && entries.every(({ holds }) => holds !== "old");

/** Even when no entry is written: nobody may be in code that is about to be unmapped. */
async function bringTo(end: "old" | "new", { tracer, target, process }: OpenProcess, ledger: Ledger, change: Change, entries: readonly Entry[]): Promise<void> {
  const { incoming, outgoing } = change;
  const redirects = entries.filter(({ holds }) => holds !== end && holds !== "gone").map((entry) => writeEntry(entry, end === "new" ? entry.function.jump : entry.function.saved));
  // Values are written while all entries are parked: where none is any more, and they are the old ones, nothing of them was.
  const isUntouched = end === "old" && entries.length > 0 && entries.every(({ holds }) => holds !== "parked");
  const values = isUntouched ? [] : await settleValues(tracer, process, end, change);
  const [coming, going] = end === "new" ? [incoming, outgoing] : [outgoing, incoming];
  // Nobody has run the old functions of a patch that was never taken away.
  const isOldCodeUsed = end === "new" || entries.some(({ holds }) => holds === "new");
  const used = isOldCodeUsed ? coming.flatMap((patch) => oldFunctionsOf(patch, ledger.find(patch.name)?.forced)) : [];
  const forbidden = [...used.flatMap((range) => besideWaiting(range, entries)), ...going.flatMap(codeOf).filter((range) => isMapped(target.mappings, range))];
  const [first, ...others] = recordsFor(end, change);
  if (first === undefined) return;
  const { seal, sealed } = await ledger.prepare(first);
  await switchCode(tracer, `settle patch "${nameOf(change)}" in pid ${process.pid}`, [{ target, forbidden, writes: [...values, ...redirects, { ...seal, of: "the ledger" }] }], {});
  sealed();
  for (const record of others) await ledger.append(record);
}

/** A thread that waits at a parked entry has not begun the function, though an endbr64 may lie before it. */
function besideWaiting<Range extends AddressRange>(range: Range, entries: readonly Entry[]): readonly Range[] {
  const waiting = entries.find(({ holds, function: { at } }) => holds === "parked" && range.start < at && at < range.end);
  if (waiting === undefined) return [range];
  const { at } = waiting.function;
  return [{ ...range, end: at }, { ...range, start: at }];
}

const writeEntry = ({ function: { name, at }, found }: Entry, replacement: Uint8Array): SwitchWrite =>
  ({ at, expected: found, replacement, entry: true, of: `function ${name}` });

function foreignEntry({ process: { pid } }: OpenProcess, patch: string, entries: readonly Entry[]): Error {
  const name = entries.find(({ holds }) => holds === "foreign")?.function.name ?? "???";
  return refuse("unfinished-transaction", `settle patch "${patch}" in pid ${pid}`, `an earlier run was interrupted, and the entry of ${name} holds neither the old nor the new bytes; remove what was written there (a breakpoint?) and try again`, { patch, function: name });
}

/** No entry leads there; a pointer to one of its functions may have been called since. */
async function dropStaged(open: OpenProcess, ledger: Ledger): Promise<readonly SettledPatch[]> {
  const { tracer, target, process } = open;
  const dropped: SettledPatch[] = [];
  for (const { patch } of ledger.patches.filter(({ state, isKept }) => state === "staged" && !isKept)) {
    const entries = await readEntries(tracer, process, patch);
    const leading = entries.find(({ holds }) => holds === "new");
    if (leading !== undefined) {
      throw refuse("unfinished-transaction", `settle patch "${patch.name}" in pid ${process.pid}`, `the entry of ${leading.function.name} leads to it, although its ledger says otherwise; restart the process`, { patch: patch.name });
    }
    const mapped = codeOf(patch).filter((range) => isMapped(target.mappings, range));
    await switchCode(tracer, `settle patch "${patch.name}" in pid ${process.pid}`, [{ target, forbidden: mapped, writes: [] }], {});
    await releasePatch(open, ledger, patch);
    dropped.push({ name: patch.name, outcome: "undone" });
  }
  return dropped;
}

const isMapped = (mappings: readonly AddressRange[], range: AddressRange): boolean =>
  mappings.some(({ start, end }) => start < range.end && range.start < end);
