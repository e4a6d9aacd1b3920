// A file of a cache: whole or not there. That it cannot be written costs the next build some time, and this one nothing.

import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** `mode` of the file and of the directories that are made for it: as writeFile() and mkdir() have them. */
export async function writeCacheFile(file: string, contents: string | Uint8Array, mode: { readonly file?: number; readonly directory?: number } = {}): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: mode.directory ?? 0o777 });
    await writeFile(temporary, contents, { mode: mode.file ?? 0o666 });
    await rename(temporary, file);
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}
