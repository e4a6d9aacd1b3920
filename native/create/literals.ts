// What a literal holds: the string up to its NUL, the constant of its section's entry size, or the table up to the
// place where the next one begins.

import { sectionFlag } from "../elf/mod.ts";
import type { ElfRelocation, ElfSection } from "../elf/mod.ts";
import { isMerged, sectionBytes } from "./object-code.ts";
import type { ObjectCode } from "./object-code.ts";

export interface Literal {
  readonly bytes: Uint8Array;
  readonly relocations: readonly ElfRelocation[];
  readonly start: number;
}

export function literalAt(object: ObjectCode, section: ElfSection, start: number): Literal {
  const end = literalEnd(object, section, start);
  return {
    bytes: sectionBytes(section, start, end), start,
    relocations: section.relocations.filter(({ offset }) => offset >= start && offset < end),
  };
}

function literalEnd(object: ObjectCode, section: ElfSection, start: number): number {
  const width = Math.max(section.entrySize, 1);
  if (isMerged(section) && (section.flags & sectionFlag.strings) !== 0) return stringEnd(section, start, width);
  if (isMerged(section)) return Math.min(start + width, section.size);
  const next = object.literalStarts.get(section.index)?.find((place) => place > start);
  return next ?? section.size;
}

function stringEnd({ bytes }: ElfSection, start: number, width: number): number {
  for (let at = start; at + width <= bytes.length; at += width) {
    if (bytes.subarray(at, at + width).every((byte) => byte === 0)) return at + width;
  }
  return bytes.length;
}

/**
 * Whether two literals hold the same. Without optimisation literals share a section in which only their beginnings are
 * known: zeros that align the next one may follow.
 */
export function isSameLiteral(one: Literal, other: Literal, alignment: number): boolean {
  const [short, long] = one.bytes.length <= other.bytes.length ? [one.bytes, other.bytes] : [other.bytes, one.bytes];
  const padding = long.subarray(short.length);
  return padding.length < Math.max(alignment, 1) && padding.every((byte) => byte === 0) && short.every((byte, at) => byte === long[at]);
}
