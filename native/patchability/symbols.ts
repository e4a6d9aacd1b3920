// The symbols of a linked file and the unit that each local one comes from. The linker writes a FILE symbol before
// the locals of each object, with no more than the base name of its source; which of several units of that name is
// meant is told by the functions of the same group, whose addresses the debug information knows.

import { basename } from "node:path/posix";
import type { ElfFile, ElfSymbol } from "../elf/mod.ts";
import type { DebugInformation, DebugUnit } from "../tracer.ts";

/** A symbol of the program, with the unit that it is local to. */
export interface ProgramSymbol {
  readonly symbol: ElfSymbol;
  /** The FILE symbol before a local one: base name of the source. */
  readonly file?: string;
  /** The locals of one object file have one number; globals have none. */
  readonly group?: number;
  /** Absent for globals, and where debug information cannot tell. */
  readonly unit?: DebugUnit;
}

interface Grouped {
  readonly symbol: ElfSymbol;
  readonly file?: string;
  readonly group?: number;
}

/** All named symbols but those of sections and files, in the order of the table. */
export function readProgramSymbols(file: ElfFile, debug: DebugInformation): readonly ProgramSymbol[] {
  const grouped = groupByFile(file.symbols.length > 0 ? file.symbols : file.dynamicSymbols);
  const units = unitsOfGroups(grouped, debug);
  return grouped.map((each) => {
    const unit = each.group === undefined ? undefined : units.get(each.group);
    return unit === undefined ? each : { ...each, unit };
  });
}

function groupByFile(symbols: readonly ElfSymbol[]): readonly Grouped[] {
  const grouped: Grouped[] = [];
  let group = 0;
  let file = "";
  for (const symbol of symbols) {
    if (symbol.type === "file") {
      group++;
      file = symbol.name;
    } else if (symbol.name !== "" && symbol.type !== "section") {
      // The group without a name is the linker's own.
      grouped.push(symbol.binding === "local" && file !== "" ? { symbol, file, group } : { symbol });
    }
  }
  return grouped;
}

function unitsOfGroups(grouped: readonly Grouped[], debug: DebugInformation): ReadonlyMap<number, DebugUnit> {
  // Starts of all ranges: a group may have no more local functions than cold parts.
  const unitByStart = new Map(debug.functions.flatMap((each) => each.ranges.map(({ start }): [bigint, number] => [start, each.unit])));
  const unitsByBaseName = new Map<string, number[]>();
  debug.units.forEach((unit, index) => {
    const name = basename(unit.name);
    unitsByBaseName.set(name, [...(unitsByBaseName.get(name) ?? []), index]);
  });
  const candidates = new Map<number, Set<number>>();
  for (const { symbol, file, group } of grouped) {
    if (group === undefined || file === undefined) continue;
    const found = candidates.get(group) ?? new Set();
    candidates.set(group, found);
    const unit = symbol.type === "function" ? unitByStart.get(symbol.value) : undefined;
    // With link-time optimisation one group holds functions of many units.
    if (unit !== undefined) found.add(unit);
  }
  return decideUnits(grouped, candidates, unitsByBaseName, debug);
}

function decideUnits(
  grouped: readonly Grouped[],
  candidates: ReadonlyMap<number, ReadonlySet<number>>,
  unitsByBaseName: ReadonlyMap<string, readonly number[]>,
  debug: DebugInformation,
): ReadonlyMap<number, DebugUnit> {
  const fileOfGroup = new Map(grouped.flatMap(({ group, file }) => (group === undefined || file === undefined ? [] : [[group, file] as const])));
  const units = new Map<number, DebugUnit>();
  for (const [group, found] of candidates) {
    const byName = unitsByBaseName.get(fileOfGroup.get(group) ?? "") ?? [];
    const [unit, second] = found.size > 0 ? [...found] : byName;
    const decided = unit === undefined || second !== undefined ? undefined : debug.units[unit];
    if (decided !== undefined) units.set(group, decided);
  }
  return units;
}
