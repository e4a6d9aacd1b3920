// A file of a cache: whole or not there. That it cannot be written costs the next build some time, and this one nothing.

import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

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

/** Removes what was not used for longest until the rest fits: files that a killed build did not get to name, too. */
export async function trimDirectory(directory: string, limit: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const files = (await Promise.all(names.map(async (name) => {
    const path = join(directory, name);
    return stat(path).then(({ size, mtimeMs }) => [{ path, size, used: mtimeMs }], () => []);
  }))).flat().sort((one, other) => other.used - one.used);
  let bytes = 0;
  for (const { path, size } of files) {
    bytes += size;
    if (bytes > limit) await rm(path, { force: true }).catch(() => undefined);
  }
}
