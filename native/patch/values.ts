// Values that a patch sets in variables of the process: `set variable = bytes if it is bytes`. They are written in the stop
// that switches the code, and only over the bytes that were expected there, which the stop holds them against once more: the
// program may write its variables until then. What it makes of them afterwards is its own business, so a patch that goes
// restores only what still holds the value that it set, and leaves and reports the rest.
//
// A variable has one patch at a time: values do not lie on each other as redirects do.

import type { TracerClient } from "../tracer.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerPatch, LedgerValue } from "./ledger-records.ts";
import type { CarriedPatch } from "./ledger-state.ts";
import { refuse } from "./refusal.ts";
import type { Change } from "./stacking.ts";
import type { SwitchWrite } from "./transition.ts";
import type { ValueReport } from "./types.ts";

export interface ValuePlan {
  readonly writes: readonly SwitchWrite[];
  readonly reports: readonly ValueReport[];
}

interface ValueChange {
  readonly value: LedgerValue;
  readonly patch: string;
  readonly outcome: "set" | "restored";
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Refuses, with nothing written: already-applied (another patch sets the variable), bytes-mismatch. */
export async function planValues(tracer: TracerClient, process: ProcessIdentity, carried: readonly CarriedPatch[], change: Change, act: string): Promise<ValuePlan> {
  checkApart(carried, change, act);
  const writes: SwitchWrite[] = [];
  const reports: ValueReport[] = [];
  for (const { value, patch, outcome, before, after } of changesOf(change)) {
    const { name, module, at } = value;
    const found = await tracer.readMemory(process.pid, at, before.length);
    const isExpected = isEqual(found, before) || (outcome === "set" && isEqual(found, value.expected));
    if (!isExpected && outcome === "set") throw otherValue(act, value, found);
    const report = { name, module, patch, at, value: isExpected ? after : found };
    reports.push({ ...report, outcome: isExpected ? outcome : "left" });
    if (isExpected && !isEqual(found, after)) writes.push({ at, expected: found, replacement: after, of: `variable ${name}` });
  }
  return { writes, reports };
}

/** What is still to be written to end a change that was interrupted. What the program has changed since stays. */
export async function settleValues(tracer: TracerClient, process: ProcessIdentity, end: "old" | "new", change: Change): Promise<readonly SwitchWrite[]> {
  const writes: SwitchWrite[] = [];
  for (const { value: { name, at }, before, after } of changesOf(change)) {
    const [from, to] = end === "new" ? [before, after] : [after, before];
    const found = await tracer.readMemory(process.pid, at, from.length);
    if (isEqual(found, from) && !isEqual(from, to)) writes.push({ at, expected: from, replacement: to, of: `variable ${name}` });
  }
  return writes;
}

/** A value that comes in the place of one that goes is set from that, and not restored first. */
function changesOf({ incoming, outgoing }: Change): readonly ValueChange[] {
  const going = valuesOf(outgoing);
  const coming = valuesOf(incoming).map(({ value, patch }): ValueChange => {
    const replaced = going.find((each) => isSamePlace(each.value, value));
    const isTakenOver = replaced !== undefined && isEqual(replaced.value.expected, value.expected);
    return { value, patch, outcome: "set", before: isTakenOver ? replaced.value.replacement : value.expected, after: value.replacement };
  });
  const restored = going.filter(({ value }) => !coming.some((each) => isSamePlace(each.value, value)))
    .map(({ value, patch }): ValueChange => ({ value, patch, outcome: "restored", before: value.replacement, after: value.expected }));
  return [...restored, ...coming];
}

const valuesOf = (patches: readonly LedgerPatch[]): readonly { readonly value: LedgerValue; readonly patch: string }[] =>
  patches.flatMap(({ name, values }) => values.map((value) => ({ value, patch: name })));

const isSamePlace = (one: LedgerValue, other: LedgerValue): boolean => one.at === other.at && one.expected.length === other.expected.length;

function checkApart(carried: readonly CarriedPatch[], { incoming, outgoing }: Change, act: string): void {
  const [coming, going] = [incoming, outgoing].map((patches) => new Set(patches.map(({ name }) => name)));
  const others = valuesOf(carried.filter(({ patch, state }) => state !== "staged" && coming?.has(patch.name) !== true).map(({ patch }) => patch));
  for (const { value } of valuesOf(incoming)) {
    const other = others.find((each) => overlap(each.value, value) && !(going?.has(each.patch) === true && isSamePlace(each.value, value)));
    if (other === undefined) continue;
    throw refuse("already-applied", act, `patch "${other.patch}" sets variable ${other.value.name} already; revert that first, or put this one in its place with --replace`, { variable: value.name, patch: other.patch });
  }
}

const overlap = (one: LedgerValue, other: LedgerValue): boolean =>
  one.at < other.at + BigInt(other.expected.length) && other.at < one.at + BigInt(one.expected.length);

function otherValue(act: string, { name, expected }: LedgerValue, found: Uint8Array): Error {
  const [wanted, there] = [expected, found].map(hex);
  return refuse("bytes-mismatch", act, `variable ${name} is ${there ?? ""} where ${wanted ?? ""} is expected (bytes as they lie in memory); the program has changed it, or the patch was built with another value in mind`, {
    variable: name, expected: wanted ?? "", found: there ?? "",
  });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const isEqual = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);
