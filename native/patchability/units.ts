// Which units of the debug information are meant by a name. The Creator knows a unit as its compile command spells it
// and by its directory; people know the end of a path.

import { posix } from "node:path";
import type { DebugUnit } from "../tracer.ts";

/** Absolute where the compiler recorded its directory. */
export const unitPath = (unit: Pick<DebugUnit, "name" | "directory">): string => posix.resolve("/", unit.directory, unit.name);

/**
 * The units that `name` (as seen from `directory`) spells: those of the same path; if there are none, those of the
 * same recorded name, as when the build mapped its directory to another (and of these, where the directory is given,
 * those whose own ends most like it); else those whose path ends in `name`.
 */
export function unitsNamed(units: readonly DebugUnit[], name: string, directory?: string): readonly DebugUnit[] {
  const path = directory === undefined ? undefined : posix.resolve(directory, name);
  const samePath = units.filter((unit) => unitPath(unit) === (path ?? name));
  if (samePath.length > 0) return samePath;
  const wanted = posix.normalize(name);
  const sameName = units.filter((unit) => posix.normalize(unit.name) === wanted);
  if (sameName.length > 0) return directory === undefined ? sameName : nearestIn(sameName, directory);
  return wanted.startsWith("..") ? [] : units.filter((unit) => `/${unitPath(unit)}`.endsWith(`/${wanted.replace(/^\/+/, "")}`));
}

function nearestIn(units: readonly DebugUnit[], directory: string): readonly DebugUnit[] {
  const rated = units.map((unit) => ({ unit, common: commonEnd(unit.directory, directory) }));
  const best = Math.max(...rated.map(({ common }) => common));
  return rated.filter(({ common }) => common === best).map(({ unit }) => unit);
}

/** How many parts at the end of both paths are the same. */
function commonEnd(one: string, other: string): number {
  const parts = posix.normalize(one).split("/").reverse();
  const others = posix.normalize(other).split("/").reverse();
  const difference = parts.findIndex((part, at) => part !== others[at]);
  return difference < 0 ? parts.length : difference;
}
