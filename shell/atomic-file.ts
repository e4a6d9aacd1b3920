// A file that is written whole or not at all: into a neighbour first, then renamed. A full disk or a crash leaves what
// was there before.

import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SutureError } from "../native/mod.ts";

/** Refuses: cannot-write. */
export async function writeFileAtomically(path: string, contents: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    await writeDurably(temporary, contents);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cannotWrite(path, cause);
  }
}

async function writeDurably(path: string, contents: Uint8Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(contents);
    await file.sync();
  } finally {
    await file.close();
  }
}

const causes: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some room, or name another place with --output",
  EDQUOT: "the disk quota is used up; name another place with --output",
  ENOENT: "its directory does not exist",
  EACCES: "not permitted; name another place with --output",
  EROFS: "the file system is read-only; name another place with --output",
  EISDIR: "it is a directory",
};

function cannotWrite(path: string, cause: unknown): SutureError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  return new SutureError("cannot-write", `Cannot write ${path}: ${causes[code] ?? message}`, { path, code }, { cause });
}
