// The bytes of a ledger: a head, then one record after the other, then zeroes. Pure.
//
// A record becomes part of the ledger by its head, which is written last; what a writer that died left behind a head that
// is missing is not seen. So the last step of any change is one write of sixteen bytes, and a transition can make it.

import { createHash } from "node:crypto";
import * as v from "valibot";
import { alignUp, readU32, readU64, writeU32, writeU64 } from "../elf/mod.ts";
import { recordJson, recordSchema } from "./ledger-records.ts";
import type { LedgerRecord } from "./ledger-records.ts";

export const ledgerFormat = 1;
const ledgerMagic = 0x5245_4744_454c_5453n;  // "STLEDGER"
const recordMagic = 0x4352_5453;             // "STRC"
const headSize = 64;
export const recordHeadSize = 16;
const alignment = 16;
const checkSize = 8;

export interface ReadLedger {
  /** Of two ledgers in one process the one with the higher number counts. */
  readonly generation: number;
  readonly records: readonly LedgerRecord[];
  /** Where the next record goes. */
  readonly end: number;
}

/** What is wrong with the bytes, in words. */
export class NotALedger extends Error {}

/** Throws {@link NotALedger}. */
export function readLedger(bytes: Uint8Array): ReadLedger {
  if (bytes.length < headSize || readU64(bytes, 0) !== ledgerMagic) throw new NotALedger("it does not begin as a ledger does");
  const format = readU32(bytes, 8);
  if (format !== ledgerFormat) throw new NotALedger(`it has version ${format}, this program reads version ${ledgerFormat}`);
  const records: LedgerRecord[] = [];
  let at = headSize;
  while (at + recordHeadSize <= bytes.length && readU32(bytes, at) !== 0) {
    const length = readU32(bytes, at + 4);
    const start = at + recordHeadSize;
    if (readU32(bytes, at) !== recordMagic || start + length > bytes.length) throw new NotALedger(`there is no record at ${at}`);
    const json = bytes.subarray(start, start + length);
    if (!Buffer.from(checkOf(json)).equals(bytes.subarray(at + 8, start))) throw new NotALedger(`the record at ${at} is damaged`);
    const next = alignUp(start + length, alignment);
    if (bytes.subarray(start + length, next).some((byte) => byte !== 0)) throw new NotALedger(`the record at ${at} is damaged`);
    records.push(parseRecord(json, at));
    at = next;
  }
  return { generation: readU32(bytes, 16), records, end: at };
}

function parseRecord(json: Uint8Array, at: number): LedgerRecord {
  const result = v.safeParse(recordSchema, parseJson(json), { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new NotALedger(`the record at ${at} has a wrong value for ${v.getDotPath(issue) ?? "itself"}`);
}

function parseJson(json: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch {
    return undefined;
  }
}

const checkOf = (json: Uint8Array): Uint8Array => createHash("sha256").update(json).digest().subarray(0, checkSize);

/** A record as bytes: head and rest apart, since the rest is written first. */
export interface EncodedRecord {
  readonly head: Uint8Array;
  readonly rest: Uint8Array;
  readonly length: number;
}

export function encodeRecord(record: LedgerRecord): EncodedRecord {
  const json = new TextEncoder().encode(JSON.stringify(recordJson(record)));
  const head = new Uint8Array(recordHeadSize);
  writeU32(head, 0, recordMagic);
  writeU32(head, 4, json.length);
  head.set(checkOf(json), 8);
  const rest = new Uint8Array(alignUp(recordHeadSize + json.length, alignment) - recordHeadSize);
  rest.set(json);
  return { head, rest, length: recordHeadSize + rest.length };
}

/** How many bytes a ledger of these records needs at least. */
export const lengthOf = (records: Iterable<LedgerRecord>): number =>
  [...records].reduce((sum, record) => sum + encodeRecord(record).length, headSize);

/** A new ledger of `size` bytes. */
export function writeLedger(generation: number, records: Iterable<LedgerRecord>, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  writeU64(bytes, 0, ledgerMagic);
  writeU32(bytes, 8, ledgerFormat);
  writeU32(bytes, 16, generation);
  let at = headSize;
  for (const record of records) {
    const { head, rest, length } = encodeRecord(record);
    bytes.set(head, at);
    bytes.set(rest, at + recordHeadSize);
    at += length;
  }
  return bytes;
}
