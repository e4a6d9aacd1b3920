// Where tests and scripts keep what is slow to make: outside of the tree, so that a checkout stays what git says it is.

import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** `$XDG_CACHE_HOME/suture/NAMES…` (or `~/.cache/suture/…`), made when it is not there. */
export async function cacheDirectory(...names: readonly string[]): Promise<string> {
  const home = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const directory = join(home, "suture", ...names);
  await mkdir(directory, { recursive: true });
  return directory;
}
