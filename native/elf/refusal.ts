// How this room says no. What is quoted from a file may be anybody's text, so it is made safe for a terminal here.

import { SutureError } from "../errors.ts";
import type { JsonValue } from "../errors.ts";

const longestMessage = 600;

/** Text from a file for a one-line message: control and invisible characters become "?", and it has an end. */
export const printable = (text: string): string =>
  text.slice(0, longestMessage).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?");

export const badElf = (found: string, data: Readonly<Record<string, JsonValue>> = {}): SutureError =>
  new SutureError("bad-elf", `Cannot read ELF file: ${printable(found)}`, data);
