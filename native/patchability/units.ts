// Which units of the debug information are meant by a name. The Creator knows a unit as its compile command spells it
// and by its directory; people know the end of a path.

import { posix } from "node:path";
import type { DebugUnit } from "../tracer.ts";

/** Absolute where the compiler recorded its directory. */
export const unitPath = (unit: Pick<DebugUnit, "name" | "directory">): string => posix.resolve("/", unit.directory, unit.name);

/**
 * The units that `name` (as seen from `directory`) spells: those of the same path; if there are none, those of the
 * same recorded name, as when the build mapped its directory to another; else those whose path ends in it.
 */
export function unitsNamed(units: readonly DebugUnit[], name: string, directory?: string): readonly DebugUnit[] {
  const path = directory === undefined ? undefined : posix.resolve(directory, name);
  const samePath = units.filter((unit) => unitPath(unit) === (path ?? name));
  if (samePath.length > 0) return samePath;
  const wanted = posix.normalize(name);
  const sameName = units.filter((unit) => posix.normalize(unit.name) === wanted);
  if (sameName.length > 0) return sameName;
  return wanted.startsWith("..") ? [] : units.filter((unit) => `/${unitPath(unit)}`.endsWith(`/${wanted.replace(/^\/+/, "")}`));
}
