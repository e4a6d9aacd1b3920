// How this room says no.

import { printable } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { ErrorKind, JsonValue } from "../errors.ts";

/** `Cannot ACT: FOUND`, in one printable line. */
export const refuse = (kind: ErrorKind, act: string, found: string, data: Readonly<Record<string, JsonValue>> = {}, cause?: unknown): SutureError =>
  new SutureError(kind, printable(`Cannot ${act}: ${found}`), data, cause === undefined ? {} : { cause });
