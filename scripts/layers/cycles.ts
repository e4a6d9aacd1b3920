// Import cycles between files. Imports of types count: a circle of types is two files that cannot be read apart.

import type { Import } from "./imports.ts";

/** A cycle as the imports that make it, the last one leading back to the first file. */
export type Cycle = readonly Import[];

/** For each file that takes part in one, the shortest cycle through it; each cycle once. */
export function findCycles(imports: readonly Import[]): readonly Cycle[] {
  const outgoing = groupByFile(imports);
  const found = new Map<string, Cycle>();
  for (const file of outgoing.keys()) {
    const cycle = shortestCycle(file, outgoing);
    const members = cycle?.map((step) => step.file).sort().join() ?? "";
    if (cycle && !found.has(members)) found.set(members, cycle);
  }
  return [...found.values()];
}

function groupByFile(imports: readonly Import[]): ReadonlyMap<string, readonly Import[]> {
  const groups = new Map<string, Import[]>();
  for (const found of imports) groups.set(found.file, [...(groups.get(found.file) ?? []), found]);
  return groups;
}

function shortestCycle(start: string, outgoing: ReadonlyMap<string, readonly Import[]>): Cycle | undefined {
  const seen = new Set([start]);
  let paths: Import[][] = [[]];
  while (paths.length > 0) {
    const longer: Import[][] = [];
    for (const path of paths) {
      for (const step of outgoing.get(path.at(-1)?.target ?? start) ?? []) {
        if (step.target === start) return [...path, step];
        if (step.target === undefined || seen.has(step.target)) continue;
        seen.add(step.target);
        longer.push([...path, step]);
      }
    }
    paths = longer;
  }
  return undefined;
}
