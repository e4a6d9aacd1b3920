// The functions of a linked file: what the debug information says about each, under the name that the linker
// knows, with its cold parts. Code that has a symbol but no debug information is listed too, without a unit.

import { fileAddress } from "../address.ts";
import type { FileAddress, FileRange } from "../address.ts";
import type { DebugFunction, DebugInformation, DebugUnit } from "../tracer.ts";
import type { ProgramSymbol } from "./symbols.ts";

/** A function of a program or library as linked. */
export interface ProgramFunction {
  /** As linked: mangled, with `.isra.0`, `.constprop.0`, `.part.0`. */
  readonly name: string;
  /** As the source calls it. */
  readonly sourceName: string;
  /** Other symbols of the same entry. */
  readonly aliases: readonly string[];
  readonly entry: FileAddress;
  /** Of the body that begins at the entry, without cold parts. */
  readonly size: number;
  /** Body and cold parts; the one with the entry comes first. */
  readonly ranges: readonly FileRange[];
  /** Absent where no debug information describes it. */
  readonly unit?: DebugUnit;
  readonly file?: string;
  readonly line?: number;
  readonly external: boolean;
  readonly noReturn: boolean;
  /** The symbol is resolved by a call of this function when the module is loaded. */
  readonly isIndirect: boolean;
  /** Source names of other functions that a linker has folded into the same code. */
  readonly foldedWith: readonly string[];
}

/** By entry. Of what is done for each function, nothing is taken apart by position or spread: a program has thousands of them. */
export function collectFunctions(debug: DebugInformation, symbols: readonly ProgramSymbol[]): readonly ProgramFunction[] {
  const places = placesOf(symbols);
  const described = describedFunctions(debug, places);
  const ranges = new RangeIndex(described);
  const entries = new Set(described.map((each) => each.entry as bigint));
  const rest = [...places.values()].filter((place) => !entries.has(place.at) && !isPartOf(place, ranges));
  const cold = coldParts(rest, described);
  const bare = rest.filter((place) => !cold.owned.has(place)).map(bareFunction);
  const all = [...described.map((each) => withColdParts(each, cold.byOwner.get(each) ?? [])), ...bare];
  return all.sort((one, other) => (one.entry < other.entry ? -1 : 1));
}

/** The function symbols of one address. */
interface Place {
  readonly at: bigint;
  readonly symbols: ProgramSymbol[];
}

function placesOf(symbols: readonly ProgramSymbol[]): ReadonlyMap<bigint, Place> {
  const places = new Map<bigint, Place>();
  for (const each of symbols) {
    const { type, section, value } = each.symbol;
    if ((type !== "function" && type !== "ifunc") || typeof section !== "number") continue;
    const place = places.get(value) ?? { at: value, symbols: [] };
    places.set(value, place);
    place.symbols.push(each);
  }
  return places;
}

function describedFunctions(debug: DebugInformation, places: ReadonlyMap<bigint, Place>): readonly ProgramFunction[] {
  const byEntry = new Map<bigint, DebugFunction[]>();
  for (const each of debug.functions) addTo(byEntry, each.entry, each);
  const described: ProgramFunction[] = [];
  byEntry.forEach((stated) => {
    const first = stated[0];
    if (first !== undefined) described.push(describedFunction(first, stated, debug, places.get(first.entry)?.symbols ?? []));
  });
  return described;
}

function addTo<Key, Item>(groups: Map<Key, Item[]>, key: Key, item: Item): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [item]);
  else group.push(item);
}

function describedFunction(stated: DebugFunction, all: readonly DebugFunction[], debug: DebugInformation, symbols: readonly ProgramSymbol[]): ProgramFunction {
  const linkage = stated.linkageName ?? stated.name;
  const chosen = chooseName(symbols, linkage);
  const name = chosen?.symbol.name ?? linkage;
  const body = stated.ranges[0];
  const { unit: index, file, line } = stated;
  const unit = debug.units[index];
  const described: { -readonly [Field in keyof ProgramFunction]: ProgramFunction[Field] } = {
    name, sourceName: stated.name, entry: stated.entry, ranges: stated.ranges,
    aliases: symbols.length < 2 && chosen !== undefined ? none : symbols.map((each) => each.symbol.name).filter((alias) => alias !== name),
    size: chosen?.symbol.size || (body === undefined ? 0 : Number(body.end - stated.entry)),
    external: stated.external, noReturn: stated.noReturn,
    isIndirect: symbols.some((each) => each.symbol.type === "ifunc"),
    foldedWith: all.length < 2 ? none : [...new Set(all.slice(1).filter((other) => isAnother(stated, other)).map((other) => other.name))],
  };
  if (unit !== undefined) described.unit = unit;
  if (file !== undefined) described.file = file;
  if (line !== undefined) described.line = line;
  return described;
}

const none: readonly string[] = [];

/** An external function that several units define may be one, kept once; a static one of each unit is its own. */
const isAnother = (stated: DebugFunction, other: DebugFunction): boolean =>
  other.name !== stated.name || (!stated.external && !other.external && other.unit !== stated.unit);

/** The symbol that the compiler gave this function, among aliases of the same place. */
function chooseName(symbols: readonly ProgramSymbol[], linkage: string): ProgramSymbol | undefined {
  const only = symbols[0];
  if (symbols.length < 2) return only?.symbol.type === "function" ? only : undefined;
  const functions = symbols.filter((each) => each.symbol.type === "function");
  return functions.find((each) => each.symbol.name === linkage)
    ?? functions.find((each) => each.symbol.name.startsWith(`${linkage}.`))
    ?? functions.find((each) => each.symbol.binding !== "local")
    ?? functions[0];
}

const coldName = /^(.+)\.cold(?:\.\d+)?$/;

const ownerName = (place: Place): string | undefined =>
  place.symbols.map((each) => coldName.exec(each.symbol.name)?.[1]).find((name) => name !== undefined);

/** Cold parts that the debug information already counts to their function, and labels within functions. */
function isPartOf(place: Place, ranges: RangeIndex): boolean {
  const isLabel = place.symbols.every((each) => each.symbol.size === 0);
  return (isLabel || ownerName(place) !== undefined) && ranges.at(place.at) !== undefined;
}

function coldParts(rest: readonly Place[], described: readonly ProgramFunction[]) {
  const byOwner = new Map<ProgramFunction, FileRange[]>();
  const owned = new Set<Place>();
  const byName = new Map<string, ProgramFunction[]>();
  for (const each of described) addTo(byName, each.name, each);
  for (const place of rest) {
    const owner = ownerOf(place, byName);
    if (owner === undefined) continue;
    owned.add(place);
    byOwner.set(owner, [...(byOwner.get(owner) ?? []), rangeOf(place)]);
  }
  return { byOwner, owned };
}

/** Same-named functions are told apart by the unit; where that is not known, the cold part stays by itself. */
function ownerOf(place: Place, byName: ReadonlyMap<string, readonly ProgramFunction[]>): ProgramFunction | undefined {
  const candidates = byName.get(ownerName(place) ?? "") ?? [];
  if (candidates.length < 2) return candidates[0];
  const unit = place.symbols[0]?.unit;
  return unit === undefined ? undefined : candidates.find((each) => each.unit === unit);
}

function rangeOf(place: Place): FileRange {
  const size = Math.max(...place.symbols.map((each) => each.symbol.size));
  return { start: fileAddress(place.at), end: fileAddress(place.at + BigInt(size)) };
}

const withColdParts = (each: ProgramFunction, parts: readonly FileRange[]): ProgramFunction =>
  (parts.length === 0 ? each : { ...each, ranges: [...each.ranges, ...parts] });

function bareFunction(place: Place): ProgramFunction {
  const [chosen, ...others] = [...place.symbols].sort((one, other) => Number(one.symbol.binding === "local") - Number(other.symbol.binding === "local"));
  const range = rangeOf(place);
  const name = chosen?.symbol.name ?? "";
  // A function within another one, which gcc describes inside of that; the helper looks there only where one uses the other's variables.
  const unit = /^[^.]+\.\d+$/.test(name) ? chosen?.unit : undefined;
  return {
    name, ...(unit === undefined ? {} : { unit }), sourceName: name.replace(/\..*$/, "") || name, aliases: others.map((each) => each.symbol.name),
    entry: range.start, size: Number(range.end - range.start), ranges: range.end > range.start ? [range] : [],
    external: chosen?.symbol.binding !== "local", noReturn: false,
    isIndirect: place.symbols.some((each) => each.symbol.type === "ifunc"), foldedWith: [],
  };
}

interface RangeRow {
  readonly start: bigint;
  readonly end: bigint;
  /** `start` as a plain number, which is compared faster, and rounded where it is very large. */
  readonly about: number;
  readonly function: ProgramFunction;
}

/** Which function holds an address. */
export class RangeIndex {
  readonly #rows: readonly RangeRow[];

  constructor(functions: readonly ProgramFunction[]) {
    this.#rows = functions
      .flatMap((each) => each.ranges.map(({ start, end }) => ({ start, end, about: Number(start), function: each })))
      .sort((one, other) => one.about - other.about || (one.start < other.start ? -1 : one.start > other.start ? 1 : 0));
  }

  at(place: bigint): ProgramFunction | undefined {
    const row = this.#rows[this.#countUpTo(place) - 1];
    return row !== undefined && place < row.end ? row.function : undefined;
  }

  /** The lowest start of a range above `place`. */
  startAfter(place: bigint): bigint | undefined {
    return this.#rows[this.#countUpTo(place)]?.start;
  }

  /** How many ranges begin at `place` or below. */
  #countUpTo(place: bigint): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#rows[middle]?.start ?? 0n) <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
