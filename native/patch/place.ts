// Where a patch may be mapped: in a free gap from which every byte of the module can be reached with 32 bits, and from which
// the module can be reached. Below the module is preferred: above the program lies the heap, which grows upwards.
// Whoever maps may find a place taken meanwhile; so several are offered, the best first.

import { address } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import type { SutureError } from "../errors.ts";
import { findGaps } from "../target/mod.ts";
import type { Gap, Mapping } from "../target/mod.ts";
import { refuse } from "./refusal.ts";

/** Room for displacements that reach a little beyond a symbol. */
const margin = 1n << 20n;
const reach = (1n << 31n) - margin;
/** Unmapped pages on both sides: what runs over an end must fault, and neighbours must not merge with it. */
const guard = 16n * 4096n;
/** The kernel keeps a stack from growing closer than this to what lies below it; growth itself needs room too. */
const roomForStack = 64n << 20n;
const lowest = 0x10000n; // vm.mmap_min_addr is at most that
const highest = 0x7fff_ffff_f000n;
/** Position-dependent code holds addresses in 31 bits. */
const highestForFixed = 0x7ff0_0000n;

export interface PlaceFor {
  /** All that the mapping must reach. */
  readonly span: AddressRange;
  /** The code may hold 32-bit addresses. */
  readonly isFixed: boolean;
}

/** Where {@link findPlaces} finds none. */
export const noRoom = (act: string, size: number, { pid, module }: { readonly pid: number; readonly module: string }): SutureError =>
  refuse("unreachable-memory", act, `there is no free room of ${size} bytes within two GiB of ${module}: the process has taken all of it; give some back, or restart it with the fix`, { pid, module });

/** Bases for a mapping of `size` bytes, the best first; empty where nothing is near enough. */
export function findPlaces(mappings: readonly Mapping[], { span, isFixed }: PlaceFor, size: number): readonly Address[] {
  const within = {
    start: address(max(span.end - reach, lowest)),
    end: address(min(span.start + reach, isFixed ? highestForFixed : highest)),
  };
  if (within.start >= within.end) return [];
  const gaps = findGaps(mappings, within);
  const below = gaps.filter(({ end }) => end <= span.start).reverse();
  const above = gaps.filter(({ start }) => start >= span.end);
  return [...below.flatMap((gap) => highPlaces(gap, size)), ...above.flatMap((gap) => lowPlaces(gap, size))];
}

function highPlaces(gap: Gap, size: number): readonly Address[] {
  const room = usable(gap);
  const at = room.end - BigInt(size);
  return at < room.start ? [] : [address(at)];
}

/** Away from the heap where it would grow into the mapping; else near. */
function lowPlaces(gap: Gap, size: number): readonly Address[] {
  const room = usable(gap);
  if (room.start + BigInt(size) > room.end) return [];
  return [gap.below?.path === "[heap]" ? address(room.end - BigInt(size)) : room.start];
}

function usable({ start, end, above }: Gap): AddressRange {
  const isBelowStack = above?.path === "[stack]";
  return { start: address(start + guard), end: address(end - (isBelowStack ? roomForStack : guard)) };
}

/** A mapping that is going to be there. */
export const occupying = (range: AddressRange): Mapping =>
  ({ ...range, isReadable: true, isWritable: false, isExecutable: true, isShared: false, offset: 0, device: "00:00", inode: "0", path: "" });

/** In the order of their addresses. */
export const withMappings = (mappings: readonly Mapping[], more: readonly Mapping[]): readonly Mapping[] =>
  [...mappings, ...more].sort((one, other) => (one.start < other.start ? -1 : 1));

const max = (one: bigint, other: bigint): bigint => (one > other ? one : other);
const min = (one: bigint, other: bigint): bigint => (one < other ? one : other);
