// Which file is run by a program's name, as a shell finds it.

import { statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** `places`: directories that come before those of PATH. */
export const programFile = (name: string, places: readonly string[] = []): string | undefined =>
  (name.includes("/") ? [name] : [...places, ...(process.env["PATH"] ?? "").split(delimiter)].filter(Boolean).map((place) => join(place, name)))
    .find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
