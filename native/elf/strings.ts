// Names out of string tables. A hostile file can make a million symbols share one long name by its tails, so
// every reader of names spends from one budget that is in proportion to the file.

import { badElf } from "./refusal.ts";

/** Names of one file: each offset is decoded once, and all together may not exceed the budget. */
export class NameReader {
  #budget: number;
  readonly #caches = new Map<Uint8Array, Map<number, string>>();

  constructor(fileSize: number) {
    this.#budget = 1_048_576 + 4 * fileSize;
  }

  /** The NUL-terminated name at `offset` of `table`. Refuses a place outside of it and a missing terminator. */
  read(table: Uint8Array, offset: number): string {
    if (offset === 0) return "";
    const cache = this.#cacheOf(table);
    const known = cache.get(offset);
    if (known !== undefined) return known;
    const name = this.#decode(table, offset);
    cache.set(offset, name);
    return name;
  }

  #cacheOf(table: Uint8Array): Map<number, string> {
    let cache = this.#caches.get(table);
    if (cache === undefined) this.#caches.set(table, (cache = new Map()));
    return cache;
  }

  #decode(table: Uint8Array, offset: number): string {
    const end = offset < table.length ? table.indexOf(0, offset) : -1;
    if (end < 0) throw badElf(`a name at ${offset} is outside of its string table of ${table.length} bytes`);
    this.#budget -= end - offset;
    if (this.#budget < 0) throw badElf("its names are longer than its size allows");
    return Buffer.from(table.buffer, table.byteOffset + offset, end - offset).toString("utf8");
  }
}
