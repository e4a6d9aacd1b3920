// Which file is run by a program's name, as a shell finds it.

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** `places`: directories that come before those of PATH. */
export const programFile = (name: string, places: readonly string[] = []): string | undefined =>
  (name.includes("/") ? [name] : [...places, ...(process.env["PATH"] ?? "").split(delimiter)].map((place) => join(place || ".", name))).find(isProgram);

function isProgram(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
