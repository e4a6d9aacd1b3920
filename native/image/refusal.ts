// How this room says no.

import { printable } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { JsonValue } from "../errors.ts";

export const badImage = (found: string, data: Readonly<Record<string, JsonValue>> = {}): SutureError =>
  new SutureError("bad-image", `Cannot read patch image: ${printable(found)}`, data);
