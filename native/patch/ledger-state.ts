// What the records of a ledger add up to: which patches a process carries, in which state, and in which order they lie on
// each other. Every run that reads the same records comes to the same, so nothing of this is written down. Pure.

import type { Address } from "../address.ts";
import type { LedgerFunction, LedgerPatch, LedgerRecord, Peer } from "./ledger-records.ts";
import type { PatchState } from "./types.ts";

export interface CarriedPatch {
  readonly patch: LedgerPatch;
  readonly state: "staged" | "active" | "activating" | "deactivating";
  /** It stays when it is inactive; whoever is neither active nor kept was left by a run that died. */
  readonly isKept: boolean;
  /** In the middle of a switch: all the processes that it was to switch. */
  readonly peers?: readonly Peer[];
  /** Functions that it was, or is to be, activated over though calls of them were under way. */
  readonly forced: readonly string[];
}

/** What a process carries. */
export interface LedgerState {
  /** Those that lead somewhere in the order of activation, then the others. */
  readonly patches: readonly CarriedPatch[];
  /** Reverted ones whose memory is still there. */
  readonly retired: readonly LedgerPatch[];
}

/** As people and programs are told. */
export const stateOf = ({ state, isKept }: CarriedPatch): PatchState => (state === "staged" && isKept ? "loaded" : state);

/** What tells a retired patch apart; names may come again. */
export const placeOf = ({ mappings }: LedgerPatch): Address | undefined => mappings[0]?.start;

/** What the records add up to; undefined when they contradict each other. */
export function replay(records: Iterable<LedgerRecord>): LedgerState | undefined {
  const carried = new Map<string, CarriedPatch>();
  const retired = new Map<Address | undefined, LedgerPatch>();
  for (const record of records) {
    const originals = originalsOf(carried);
    if (!follow(record, carried, retired)) return undefined;
    relayer(carried, originals);
  }
  return { patches: leadingFirst([...carried.values()]), retired: [...retired.values()] };
}

const stateAfter = { active: "active", inactive: "staged" } as const;

function follow(record: LedgerRecord, carried: Map<string, CarriedPatch>, retired: Map<Address | undefined, LedgerPatch>): boolean {
  if (record.record === "freed") return retired.delete(record.at);
  if (record.record === "staged") {
    if (carried.has(record.patch.name)) return false;
    carried.set(record.patch.name, { patch: record.patch, state: "staged", isKept: false, forced: [] });
    return true;
  }
  const before = carried.get(record.name);
  if (before === undefined) return false;
  switch (record.record) {
    case "gone":
      return carried.delete(record.name);
    case "retired":
      retired.set(placeOf(before.patch), before.patch);
      return carried.delete(record.name);
    case "kept": case "released":
      carried.set(record.name, { ...before, isKept: record.record === "kept" });
      return true;
    case "forced":
      carried.set(record.name, { ...before, forced: record.functions });
      return true;
    case "replacing": case "replaced":
      return followReplacement(record.record === "replaced", withPeers(before, record.peers), record.replaces, carried);
    case "activating": case "deactivating":
      setState(carried, withPeers(before, record.peers), record.record);
      return true;
    default:
      setState(carried, withPeers(before, undefined), stateAfter[record.record]);
      return true;
  }
}

const withPeers = ({ peers: _, ...patch }: CarriedPatch, peers: readonly Peer[] | undefined): CarriedPatch => (peers === undefined ? patch : { ...patch, peers });

function followReplacement(isDone: boolean, incoming: CarriedPatch, replaces: readonly string[], carried: Map<string, CarriedPatch>): boolean {
  const outgoing = replaces.map((name) => carried.get(name));
  if (replaces.includes(incoming.patch.name) || outgoing.includes(undefined)) return false;
  setState(carried, incoming, isDone ? "active" : "activating");
  for (const each of outgoing) {
    if (each !== undefined) setState(carried, isDone ? { ...each, isKept: false } : each, isDone ? "staged" : "deactivating");
  }
  return true;
}

/** Who begins to lead somewhere comes on top of all others. */
function setState(carried: Map<string, CarriedPatch>, patch: CarriedPatch, state: CarriedPatch["state"]): void {
  const { name } = patch.patch;
  if (patch.state === "staged" && state !== "staged") carried.delete(name);
  carried.set(name, { ...patch, state, forced: state === "staged" ? [] : patch.forced });
}

type Bytes = ReadonlyMap<Address, Uint8Array>;

/** What was linked at each entry: the oldest that leads somewhere has saved it; where none does, everybody has. */
function originalsOf(carried: ReadonlyMap<string, CarriedPatch>): Bytes {
  const found = new Map<Address, Uint8Array>();
  for (const { patch } of leadingFirst([...carried.values()])) {
    for (const { at, saved } of patch.functions) if (!found.has(at)) found.set(at, saved);
  }
  return found;
}

const leadingFirst = (all: readonly CarriedPatch[]): readonly CarriedPatch[] =>
  [...all.filter(({ state }) => state !== "staged"), ...all.filter(({ state }) => state === "staged")];

/** The way back of each leads to the one below; that of those who lead nowhere to the uppermost, whose place they would take. */
function relayer(carried: Map<string, CarriedPatch>, originals: Bytes): void {
  if (carried.size < 2) return;
  const tops = new Map(originals);
  for (const each of leadingFirst([...carried.values()])) {
    carried.set(each.patch.name, { ...each, patch: { ...each.patch, functions: each.patch.functions.map((one) => onTopOf(tops, one)) } });
    if (each.state === "staged") continue;
    for (const { at, jump } of each.patch.functions) tops.set(at, jump);
  }
}

function onTopOf(tops: Bytes, each: LedgerFunction): LedgerFunction {
  const saved = tops.get(each.at);
  return saved?.length === each.saved.length ? { ...each, saved } : each;
}

/** The shortest records that add up to the same. */
export function* recordsOf({ patches, retired }: LedgerState): Generator<LedgerRecord> {
  for (const patch of retired) {
    yield { record: "staged", patch };
    yield { record: "retired", name: patch.name };
  }
  for (const { patch, state, isKept, forced, peers } of patches) {
    yield { record: "staged", patch };
    if (isKept) yield { record: "kept", name: patch.name };
    if (forced.length > 0) yield { record: "forced", name: patch.name, functions: forced };
    if (state === "active") yield { record: state, name: patch.name };
    if (state === "activating" || state === "deactivating") yield { record: state, name: patch.name, ...(peers === undefined ? {} : { peers }) };
  }
}
