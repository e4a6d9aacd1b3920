// A file of the bundle that others may be about to read: whoever starts the program meanwhile finds the old one or the new one.

import { chmodSync, renameSync, writeFileSync } from "node:fs";

export function writeWhole(path: string, contents: string | Uint8Array, mode = 0o644): void {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, contents);
  chmodSync(fresh, mode);
  renameSync(fresh, path);
}
