// A disk without room shows itself in many places: in our own writes, in patch(1), in every part of a compiler. Whatever they
// make of it, it is one refusal with one way out.

import { tmpdir } from "node:os";

import { SutureError } from "../errors.ts";

const codes: readonly unknown[] = ["ENOSPC", "EDQUOT"];
/** As programs say it in the C locale. */
const words = /No space left on device|Disk quota exceeded/;

/** Of a program's messages: it failed for want of room. Refused as cannot-write. */
export function refuseFullDisk(program: string, errors: string): void {
  if (words.test(errors)) throw noRoom(`${program} could not write its output`);
}

/** Of our own writes in `work`, the same. */
export async function withRoom<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw !(error instanceof SutureError) && codes.includes(code) ? noRoom(message, error) : error;
  }
}

function noRoom(found: string, cause?: unknown): SutureError {
  const directory = tmpdir();
  return new SutureError("cannot-write", `Cannot build in ${directory}: its disk is full (${found}); free some room, or let TMPDIR name another directory`, { directory }, { cause });
}
