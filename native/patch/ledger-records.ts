// What a ledger says: records in the order in which they were written; what they add up to is in ledger-state.ts. They come
// out of the memory of a process that may be hostile or broken, so nothing of them is believed before its shape is checked.

import * as v from "valibot";
import { address, formatAddress } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import type { JsonValue } from "../errors.ts";
import { callbackMoments } from "../image/mod.ts";
import type { CallbackMoment } from "../image/mod.ts";

/** A patch as the process carries it: all that is needed to verify it and to take it back. */
export interface LedgerPatch {
  readonly name: string;
  /** SHA-256 of the image. */
  readonly digest: string;
  readonly modules: readonly { readonly name: string; readonly buildId: string }[];
  readonly functions: readonly LedgerFunction[];
  readonly values: readonly LedgerValue[];
  readonly mappings: readonly LedgerMapping[];
  readonly callbacks?: readonly LedgerCallback[];
  /** Of how many functions of its units the proof was waived: their code in the program is another. */
  readonly unproved?: number;
}

/** A function of the patch that the process runs when the patch comes or goes. */
export interface LedgerCallback {
  readonly when: CallbackMoment;
  readonly name: string;
  readonly at: Address;
  /** Instructions through which it is called. */
  readonly through: Address;
}

export interface LedgerFunction {
  readonly name: string;
  readonly unit: string;
  readonly module: string;
  readonly old: Address;
  readonly new: Address;
  /** Where the jump is written, what was there, and what is there while the patch is active. */
  readonly at: Address;
  readonly saved: Uint8Array;
  readonly jump: Uint8Array;
  /** Where no thread may stand while the jump is written. */
  readonly ranges: readonly AddressRange[];
  /** The new function's own code: where no thread may stand while a newer patch takes its place. */
  readonly newRanges: readonly AddressRange[];
}

/** Bytes of a variable of the process. It may change them at any time, so what is there is nobody's to rely on. */
export interface LedgerValue {
  readonly name: string;
  readonly module: string;
  readonly at: Address;
  readonly expected: Uint8Array;
  readonly replacement: Uint8Array;
}

export interface LedgerMapping extends AddressRange {
  readonly code: AddressRange;
  /** What nobody has reason to change, with its hash. */
  readonly constant: AddressRange & { readonly sha256: string };
  /** Symbols and debug information, which nothing in the process knows of. */
  readonly tables?: AddressRange;
  /** Instructions through which the process can be made to call something. */
  readonly through?: Address;
  /** The unwind table, the records by which the process's unwinders know it, and what says where exceptions are caught. */
  readonly frames?: { readonly table: AddressRange; readonly objects: AddressRange; readonly language?: AddressRange };
}

/** A process, by what no other one will ever have. */
export interface Peer {
  readonly pid: number;
  readonly startTime: bigint;
}

export type LedgerRecord =
  /** Room for the patch was, or is about to be, mapped; nothing is redirected. */
  | { readonly record: "staged"; readonly patch: LedgerPatch }
  /** Intents: a transition is about to be tried; with all processes that it is to switch, where there are several. */
  | { readonly record: "activating" | "deactivating"; readonly name: string; readonly peers?: readonly Peer[] }
  /** Outcomes. The first two are written by the transition itself, under the stop. */
  | { readonly record: "active" | "inactive" | "gone"; readonly name: string }
  /** An operator has loaded it apart from activating it: it stays when it is inactive, until it is released. */
  | { readonly record: "kept" | "released"; readonly name: string }
  /** Calls of these functions that are under way when it is activated next do not count: an operator's choice. */
  | { readonly record: "forced"; readonly name: string; readonly functions: readonly string[] }
  /** As activating and active, for a patch that comes while others go for good, in one stop. */
  | { readonly record: "replacing" | "replaced"; readonly name: string; readonly replaces: readonly string[]; readonly peers?: readonly Peer[] }
  /** Reverted for good, but its memory stays: the process still refers to it. The name is free again. */
  | { readonly record: "retired"; readonly name: string }
  /** The memory of a retired patch, told by its first address, was given back. */
  | { readonly record: "freed"; readonly at: Address };

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const mostEntries = 1_000_000;

const text = (longest: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(longest), v.check((value) => !unprintable.test(value), "not printable"));
const symbolName = text(65_536);
const patchName = text(128);
const place = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{1,16}$/), v.transform((value): Address => address(BigInt(value))));
const bytes = v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2}){1,32}$/), v.transform((value) => new Uint8Array(Buffer.from(value, "hex"))));
const valueBytes = v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2}){1,4096}$/), v.transform((value) => new Uint8Array(Buffer.from(value, "hex"))));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const isForwards = ({ start, end }: AddressRange): boolean => start < end;
const range = v.pipe(v.strictObject({ start: place, end: place }), v.check((value) => isForwards(value), "an empty range"));
const list = <Item extends v.GenericSchema>(item: Item) => v.pipe(v.array(item), v.maxLength(mostEntries));

const ledgerFunction = v.pipe(
  v.strictObject({ name: symbolName, unit: symbolName, module: text(255), old: place, new: place, at: place, saved: bytes, jump: bytes, ranges: list(range), newRanges: list(range) }),
  v.check(({ saved, jump }) => saved.length === jump.length, "saved bytes and jump differ in length"),
);
const ledgerValue = v.pipe(
  v.strictObject({ name: symbolName, module: text(255), at: place, expected: valueBytes, replacement: valueBytes }),
  v.check(({ expected, replacement }) => expected.length === replacement.length, "expected and replacement differ in length"),
);
const ledgerMapping = v.pipe(
  v.strictObject({
    start: place, end: place, code: range,
    constant: v.pipe(v.strictObject({ start: place, end: place, sha256: hash }), v.check((value) => isForwards(value), "an empty range")),
    tables: v.exactOptional(range), through: v.exactOptional(place), frames: v.exactOptional(v.strictObject({ table: range, objects: range, language: v.exactOptional(range) })),
  }),
  v.check(({ start, end, code, constant, tables = code, frames }) => start % 4096n === 0n && end % 4096n === 0n && [code, constant, tables, ...(frames === undefined ? [] : [frames.table, frames.objects, frames.language ?? frames.table])].every((part) => start <= part.start && part.end <= end), "parts outside of the mapping"),
);
const ledgerPatch = v.strictObject({
  name: patchName, digest: hash, modules: list(v.strictObject({ name: text(255), buildId: text(128) })),
  functions: list(ledgerFunction), values: list(ledgerValue), mappings: list(ledgerMapping),
  callbacks: v.exactOptional(list(v.strictObject({ when: v.picklist(callbackMoments), name: symbolName, at: place, through: place }))),
  unproved: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
});

const peers = v.exactOptional(list(v.strictObject({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  startTime: v.pipe(v.string(), v.regex(/^\d{1,20}$/), v.transform((value) => BigInt(value))),
})));

export const recordSchema: v.GenericSchema<unknown, LedgerRecord> = v.variant("record", [
  v.strictObject({ record: v.literal("staged"), patch: ledgerPatch }),
  v.strictObject({ record: v.picklist(["activating", "deactivating"]), name: patchName, peers }),
  v.strictObject({ record: v.picklist(["active", "inactive", "kept", "released", "gone", "retired"]), name: patchName }),
  v.strictObject({ record: v.picklist(["replacing", "replaced"]), name: patchName, replaces: list(patchName), peers }),
  v.strictObject({ record: v.literal("forced"), name: patchName, functions: list(symbolName) }),
  v.strictObject({ record: v.literal("freed"), at: place }),
]);

/** The record as {@link recordSchema} reads it. */
export function recordJson(record: LedgerRecord): JsonValue {
  if (record.record === "freed") return { record: record.record, at: formatAddress(record.at) };
  if (record.record === "forced") return { record: record.record, name: record.name, functions: [...record.functions] };
  if (record.record === "replacing" || record.record === "replaced") return { record: record.record, name: record.name, replaces: [...record.replaces], ...peersJson(record) };
  if (record.record === "activating" || record.record === "deactivating") return { record: record.record, name: record.name, ...peersJson(record) };
  if (record.record !== "staged") return { record: record.record, name: record.name };
  const { name, digest, modules, functions, values, mappings, callbacks = [], unproved } = record.patch;
  return {
    record: record.record,
    patch: {
      name, digest, modules: modules.map((each) => ({ name: each.name, buildId: each.buildId })), functions: functions.map(functionJson), values: values.map(valueJson), mappings: mappings.map(mappingJson),
      ...(callbacks.length === 0 ? {} : { callbacks: callbacks.map((each) => ({ when: each.when, name: each.name, at: formatAddress(each.at), through: formatAddress(each.through) })) }),
      ...(unproved === undefined ? {} : { unproved }),
    },
  };
}

const peersJson = ({ peers: all }: { readonly peers?: readonly Peer[] }) =>
  (all === undefined ? {} : { peers: all.map(({ pid, startTime }) => ({ pid, startTime: `${startTime}` })) });

const rangeJson = ({ start, end }: AddressRange) => ({ start: formatAddress(start), end: formatAddress(end) });

const functionJson = (each: LedgerFunction): JsonValue => ({
  name: each.name, unit: each.unit, module: each.module,
  old: formatAddress(each.old), new: formatAddress(each.new), at: formatAddress(each.at),
  saved: Buffer.from(each.saved).toString("hex"), jump: Buffer.from(each.jump).toString("hex"), ranges: each.ranges.map(rangeJson), newRanges: each.newRanges.map(rangeJson),
});

const valueJson = ({ name, module, at, expected, replacement }: LedgerValue): JsonValue =>
  ({ name, module, at: formatAddress(at), expected: Buffer.from(expected).toString("hex"), replacement: Buffer.from(replacement).toString("hex") });

const mappingJson = (each: LedgerMapping): JsonValue =>
  ({
    ...rangeJson(each), code: rangeJson(each.code), constant: { ...rangeJson(each.constant), sha256: each.constant.sha256 },
    ...(each.through === undefined ? {} : { through: formatAddress(each.through) }),
    ...(each.tables === undefined ? {} : { tables: rangeJson(each.tables) }),
    ...(each.frames === undefined ? {} : { frames: { table: rangeJson(each.frames.table), objects: rangeJson(each.frames.objects), ...(each.frames.language === undefined ? {} : { language: rangeJson(each.frames.language) }) } }),
  });
