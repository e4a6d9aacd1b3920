// Reads what files name, and keeps it on disk for the next build, for as long as they are not changed: a program is made of a
// thousand files, and to look at the state of one takes a twentieth of the time that reading it does.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { readIfPossible } from "./byte-text.ts";
import { writeCacheFile } from "./cache-file.ts";
import { dependencyCache, isOlder, readStamp } from "./dependencies.ts";
import type { Stamp } from "./dependencies.ts";
import { readDirectives, valuesOf } from "./directives.ts";
import type { Directives } from "./directives.ts";
import { tick } from "./edited.ts";

export interface DirectiveReader {
  /** Of a file that is not there: none. */
  read(path: string): Directives;
  /** What all files that were read say that the macro stands for. */
  valuesOf(macro: string): readonly string[];
  /** Keeps what was read. */
  keep(): Promise<void>;
}

const none: Directives = { names: [], macros: [], isOpen: false, assembles: false, isMade: false };

/** `what`: for which the files are read; what is kept for one is of no use for another. */
export function openDirectiveReader(what: string, cache = dependencyCache()): DirectiveReader {
  const file = join(cache, `${createHash("sha256").update(JSON.stringify(["directives 3", what])).digest("hex")}.directives`);
  const begun = Date.now();
  const kept = readKept(file);
  const asked = new Set(kept.asked);
  const rows = new Map<string, Row>();
  let isNew = false;
  const readNow = (path: string, stamp: Stamp): Row => {
    const text = readIfPossible(path);
    isNew = true;
    return [stamp, ...markedNames(readDirectives(text)), meaningsOf([...asked], text)];
  };
  return {
    read: (path) => {
      const stamp = readStamp(path);
      if (stamp === "") return none;
      const known = kept.rows[path];
      const row = known?.[0] === stamp ? known : readNow(path, stamp);
      rows.set(path, row);
      return fromRow(row);
    },
    valuesOf: (macro) => {
      if (!asked.has(macro)) {
        asked.add(macro);
        isNew = true;
        for (const [path, row] of rows) rows.set(path, [...without(row), { ...row[6], ...meaningsOf([macro], readIfPossible(path)) }]);
      }
      return [...rows.values()].flatMap((row) => row[6][macro] ?? []);
    },
    keep: async () => {
      // Of what changed a moment ago nobody can say whether it will have changed again.
      const lasting = Object.fromEntries([...rows].filter(([, [stamp]]) => isOlder(stamp, begun - tick)));
      if (isNew) await writeCacheFile(file, JSON.stringify({ asked: [...asked], rows: lasting }));
    },
  };
}

/** Names with the mark that they begin with; of macros that were asked for, what this file says that they stand for. */
type Row = readonly [stamp: Stamp, names: readonly string[], macros: readonly string[], isOpen: boolean, assembles: boolean, isMade: boolean, meanings: Readonly<Record<string, readonly string[]>>];

interface Kept {
  readonly asked: readonly string[];
  readonly rows: Readonly<Record<string, Row>>;
}

const markedNames = ({ names, macros, isOpen, assembles, isMade }: Directives): [readonly string[], readonly string[], boolean, boolean, boolean] =>
  [names.map(({ name, isQuoted }) => (isQuoted ? "\"" : "<") + name), macros, isOpen, assembles, isMade];

const without = ([stamp, names, macros, isOpen, assembles, isMade]: Row): [Stamp, readonly string[], readonly string[], boolean, boolean, boolean] => [stamp, names, macros, isOpen, assembles, isMade];

const fromRow = ([, names, macros, isOpen, assembles, isMade]: Row): Directives =>
  ({ names: names.map((name) => ({ name: name.slice(1), isQuoted: name.startsWith("\"") })), macros, isOpen, assembles, isMade });

const meaningsOf = (macros: readonly string[], text: string): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(macros.map((macro) => [macro, valuesOf(macro, text)] as const).filter(([, values]) => values.length > 0));

/** Nothing where there is no such file, or one of no use. */
function readKept(file: string): Kept {
  try {
    const kept: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (isKept(kept)) return kept;
  } catch { /* not there */ }
  return { asked: [], rows: {} };
}

const isKept = (value: unknown): value is Kept =>
  isRecord(value) && areTexts(value["asked"]) && isRecord(value["rows"]) && Object.values(value["rows"]).every(isRow);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null && !Array.isArray(value);

const isRow = (row: unknown): row is Row =>
  Array.isArray(row) && row.length === 7 && typeof row[0] === "string" && areTexts(row[1]) && areTexts(row[2]) && isRecord(row[6]) && Object.values(row[6]).every(areTexts);
const areTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((each) => typeof each === "string");
