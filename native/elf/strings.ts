// Names out of string tables. A hostile file can make a million symbols share one long name by its tails, so
// every reader of names spends from one budget that is in proportion to the file.

import { badElf } from "./refusal.ts";

/** Names of one file: each offset is decoded once, and all together may not exceed the budget. */
export class NameReader {
  #budget: number;
  readonly #tables = new Map<Uint8Array, NameTable>();

  constructor(fileSize: number) {
    this.#budget = 1_048_576 + 4 * fileSize;
  }

  /** The NUL-terminated name at `offset` of `table`. Refuses a place outside of it and a missing terminator. */
  read(table: Uint8Array, offset: number): string {
    if (offset === 0) return "";
    const known = this.#tables.get(table) ?? this.#open(table);
    let name = known.names.get(offset);
    if (name === undefined) known.names.set(offset, (name = this.#decode(table, offset, known.text)));
    return name;
  }

  #open(table: Uint8Array): NameTable {
    const text = Buffer.from(table.buffer, table.byteOffset, table.length).toString("latin1");
    const opened = { names: new Map<number, string>(), text: isAscii(text) ? text : undefined };
    this.#tables.set(table, opened);
    return opened;
  }

  #decode(table: Uint8Array, offset: number, text: string | undefined): string {
    const end = offset < table.length ? text?.indexOf("\0", offset) ?? table.indexOf(0, offset) : -1;
    if (end < 0) throw badElf(`a name at ${offset} is outside of its string table of ${table.length} bytes`);
    this.#budget -= end - offset;
    if (this.#budget < 0) throw badElf("its names are longer than its size allows");
    return text?.slice(offset, end) ?? Buffer.from(table.buffer, table.byteOffset + offset, end - offset).toString("utf8");
  }
}

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

interface NameTable {
  /** By offset. */
  readonly names: Map<number, string>;
  /** All of it, where each byte is a character: a name then is a piece of it, without a conversion of its own. */
  readonly text: string | undefined;
}
