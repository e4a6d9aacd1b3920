// The mappings of a process as /proc/PID/maps lists them, and the gaps between them. Pure: the text comes from the
// tracer. A line that the kernel would not write is refused, not skipped: a mapping overlooked would look like free room.

import { address, formatAddress } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import { SutureError } from "../errors.ts";

export interface Mapping extends AddressRange {
  readonly isReadable: boolean;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
  readonly isShared: boolean;
  /** Offset into the file. */
  readonly offset: number;
  /** `major:minor`, with `inode` what identifies the file. */
  readonly device: string;
  readonly inode: string;
  /** As the kernel spells it, " (deleted)" included; `[heap]` and the like; empty for anonymous memory. */
  readonly path: string;
}

const line = /^([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])([sp]) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)$/;

/** In the order of their addresses. */
export function parseMaps(text: string): readonly Mapping[] {
  return text.split("\n").filter((each) => each !== "").map(parseMapping);
}

function parseMapping(text: string): Mapping {
  const [, start, end, readable, writable, executable, sharing, offset, device, inode, path] = line.exec(text) ?? [];
  if (start === undefined || end === undefined || offset === undefined || device === undefined || inode === undefined) {
    throw new SutureError("internal", `Cannot read mappings: the line ${JSON.stringify(text.slice(0, 200))} is not understood`);
  }
  return {
    start: address(BigInt(`0x${start}`)), end: address(BigInt(`0x${end}`)),
    isReadable: readable === "r", isWritable: writable === "w", isExecutable: executable === "x", isShared: sharing === "s",
    offset: Number.parseInt(offset, 16), device, inode, path: path ?? "",
  };
}

const deletedSuffix = " (deleted)";

/** The file behind a mapping was removed or replaced after it was mapped, as package upgrades do. */
export const isDeleted = (mapping: Mapping): boolean => mapping.path.endsWith(deletedSuffix);

/** The path without what the kernel adds to it. */
export const pathOf = (mapping: Mapping): string =>
  isDeleted(mapping) ? mapping.path.slice(0, -deletedSuffix.length) : mapping.path;

/** A memory file has a name and no path: it cannot be opened under it. */
export const isMemoryFile = (mapping: Mapping): boolean => mapping.path.startsWith("/memfd:");

/** The mapping that holds `at`. */
export const mappingAt = (mappings: readonly Mapping[], at: Address): Mapping | undefined =>
  mappings.find(({ start, end }) => start <= at && at < end);

/** A gap, with what lies on its two sides. */
export interface Gap extends AddressRange {
  readonly below?: Mapping;
  readonly above?: Mapping;
}

/** What no mapping covers within a range, in the order of addresses. */
export function findGaps(mappings: readonly Mapping[], within: AddressRange): readonly Gap[] {
  const gaps: Gap[] = [];
  let end = within.start;
  let below: Mapping | undefined;
  for (const mapping of mappings) {
    if (mapping.start >= within.end) {
      addGap(gaps, end, within.end, below, mapping);
      return gaps;
    }
    addGap(gaps, end, mapping.start, below, mapping);
    if (mapping.end > end) end = mapping.end;
    below = mapping;
  }
  addGap(gaps, end, within.end, below, undefined);
  return gaps;
}

function addGap(gaps: Gap[], start: Address, end: Address, below: Mapping | undefined, above: Mapping | undefined): void {
  if (start >= end) return;
  gaps.push({ start, end, ...(below === undefined ? {} : { below }), ...(above === undefined ? {} : { above }) });
}

/** `0x1000-0x2000`, for messages. */
export const formatRange = ({ start, end }: AddressRange): string => `${formatAddress(start)}-${formatAddress(end)}`;
