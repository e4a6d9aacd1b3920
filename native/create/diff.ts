// What a diff says, before anything is done with it.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";

import { SutureError } from "../errors.ts";
import type { SourceDiff } from "./types.ts";

/** Reads a diff from a file; its name is the file's, without directory and ending. */
export async function readDiff(path: string): Promise<SourceDiff> {
  const text = await readFile(path, "utf8").catch((cause: Error) => {
    throw new SutureError("file-not-found", `Cannot read diff ${path}: ${cause.message}`, { path }, { cause });
  });
  return { name: basename(path).replace(/\.(patch|diff)$/, ""), text };
}
