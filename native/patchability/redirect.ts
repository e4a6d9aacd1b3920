// Where in a function the jump to its replacement goes, and which bytes that takes away. The jump needs five bytes,
// all of them the function's own: its code, or proven padding behind it.

import { fileAddress, formatAddress } from "../address.ts";
import type { ProgramFunction } from "./functions.ts";
import { jumpsInto, jumpsOf } from "./jumps.ts";
import { paddingLength } from "./padding.ts";
import type { Program } from "./program.ts";

/** jmp rel32 */
export const redirectLength = 5;

const endbr64 = [0xf3, 0x0f, 0x1e, 0xfa] as const;

/** The place of a redirect, as {@link PatchedFunction} of the manifest states it. */
export interface RedirectSite {
  /** 0, or 4 to keep the function's endbr64. */
  readonly redirectOffset: number;
  readonly expected: Uint8Array;
}

export type RedirectRefusal =
  | { readonly kind: "no-code"; readonly text: string }
  | { readonly kind: "too-short"; readonly text: string }
  | { readonly kind: "jumped-into"; readonly text: string };

export type RedirectAnswer =
  | { readonly possible: true; readonly site: RedirectSite }
  | { readonly possible: false; readonly reason: RedirectRefusal };

/** What redirectSite() looks up, for who will ask but has nothing else to do now. */
export function readAhead(program: Program): void {
  program.readAhead();
  jumpsOf(program);
}

export function redirectSite(program: Program, target: ProgramFunction): RedirectAnswer {
  const first = program.codeAt(target.entry, 1);
  if (first === undefined || target.size === 0) {
    return refuse("no-code", target.size === 0 ? "nothing states its size" : "the file holds no code for it");
  }
  const room = roomOf(program, target);
  const redirectOffset = startsWithEndbr64(program, target) && room >= endbr64.length + redirectLength ? endbr64.length : 0;
  if (room < redirectLength) return refuse("too-short", tooShort(target, room));
  const start = fileAddress(target.entry + BigInt(redirectOffset));
  const expected = program.codeAt(start, redirectLength);
  if (expected === undefined) return refuse("no-code", "the file holds no code for it");
  const [from] = jumpsInto(program, target, start, start + BigInt(redirectLength));
  if (from !== undefined) return refuse("jumped-into", `code at ${formatAddress(from)}, outside of it, jumps into its first bytes`);
  return { possible: true, site: { redirectOffset, expected: new Uint8Array(expected) } };
}

const refuse = (kind: RedirectRefusal["kind"], text: string): RedirectAnswer => ({ possible: false, reason: { kind, text } });

function tooShort(target: ProgramFunction, room: number): string {
  if (room < target.size) return `another symbol lies ${room} bytes behind its entry, a redirect takes ${redirectLength}`;
  const padded = room === target.size ? "" : `with padding ${room}, `;
  return `its code has ${target.size} ${target.size === 1 ? "byte" : "bytes"}, ${padded}a redirect takes ${redirectLength}; patch its callers instead`;
}

function startsWithEndbr64(program: Program, target: ProgramFunction): boolean {
  const bytes = program.codeAt(target.entry, endbr64.length);
  return bytes !== undefined && target.size >= endbr64.length && endbr64.every((byte, at) => bytes[at] === byte);
}

/** Bytes from the entry that belong to nobody else: up to the next function or label, padding proven byte by byte. */
function roomOf(program: Program, target: ProgramFunction): number {
  const enough = endbr64.length + redirectLength;
  const limit = Math.min(enough, distanceToNext(program, target));
  if (target.size >= limit) return limit;
  const wanted = limit - target.size;
  // A no-operation may be longer than what is wanted of it.
  const behind = codeUpTo(program, target.entry + BigInt(target.size), wanted + 15);
  return target.size + Math.min(wanted, paddingLength(behind));
}

function distanceToNext(program: Program, target: ProgramFunction): number {
  const starts = [program.functionStartAfter(target.entry), symbolAfter(program, target.entry)];
  const distances = starts.flatMap((start) => (start === undefined ? [] : [Number(start - target.entry)]));
  return Math.min(Number.MAX_SAFE_INTEGER, ...distances);
}

const sortedValues = new WeakMap<Program, BigUint64Array>();

/** The lowest value above `at` of any symbol in a section: labels of assembly have neither type nor size. */
function symbolAfter(program: Program, at: bigint): bigint | undefined {
  let values = sortedValues.get(program);
  if (values === undefined) {
    const placed = program.symbols.filter(({ symbol }) => typeof symbol.section === "number" && symbol.type !== "tls");
    values = BigUint64Array.from(placed, ({ symbol }) => symbol.value).sort();
    sortedValues.set(program, values);
  }
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? 0n) <= at) low = middle + 1;
    else high = middle;
  }
  return values[low];
}

/** At most `length` bytes; fewer at the end of the section. */
function codeUpTo(program: Program, at: bigint, length: number): Uint8Array {
  for (let count = length; count > 0; count--) {
    const bytes = program.codeAt(fileAddress(at), count);
    if (bytes !== undefined) return bytes;
  }
  return new Uint8Array();
}
