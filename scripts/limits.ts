// Writes docs/LIMITS.md: which limits are lifted and which situations are refused, as the tests say it. What counts are
// calls of `lifted("X…", "situation")` and `refused("X…", "situation", "message", …)` of test/support/limits.ts.
//
//   npm run limits

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { limitRows } from "../test/support/limit-rows.ts";
import type { LimitRow } from "../test/support/limit-rows.ts";

interface Entry {
  readonly row: LimitRow;
  readonly verdict: "lifted" | "refused";
  readonly situation: string;
  readonly message?: string;
  /** Relative to test/. */
  readonly file: string;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const limitsFile = join(root, "docs/LIMITS.md");

/** What all tests state, in the order of files. */
export function collectLimits(): readonly Entry[] {
  const tests = join(root, "test");
  const files = readdirSync(tests, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".test.ts")).sort();
  return files.flatMap((file) => entriesOf(file, readFileSync(join(tests, file), "utf8")));
}

const literal = String.raw`"(?:[^"\\]|\\.)*"`;
const calls = new RegExp(String.raw`\b(lifted|refused)\(\s*(?:(${literal}),\s*(${literal})(?:,\s*(${literal}))?)?`, "g");

/** Refuses calls whose texts are not plain: the table could not hold them. */
export function entriesOf(file: string, text: string): readonly Entry[] {
  if (!/\bfrom "[^"]*support\/(limits|mod)\.ts"/.test(text)) return [];
  return [...text.matchAll(calls)].map(([call, verdict, row, situation, message]) => {
    const id = parse(row);
    if (!isRow(id) || situation === undefined || (verdict === "refused") !== (message !== undefined)) {
      throw new Error(`Cannot write the table of limits: ${file} has ${call}…; say row, situation and message as plain strings in double quotes`);
    }
    return { row: id, verdict: verdict === "refused" ? "refused" : "lifted", situation: parse(situation), ...(message === undefined ? {} : { message: parse(message) }), file };
  });
}

const parse = (text: string | undefined): string => (text === undefined ? "" : String(JSON.parse(text)));
const isRow = (text: string): text is LimitRow => text in limitRows;

export function formatLimits(entries: readonly Entry[]): string {
  return `# Limits

What other systems for patching running programs cannot do, and what Suture does about it. **Lifted**: a test patches a live process in that situation and
takes the patch back. **Refused**: cannot be right in general; a test shows the message, and that the process is afterwards byte for byte what it was. Written from the tests by \`npm run limits\`; do not edit.

${Object.entries(limitRows).map(([row, title]) => formatRow(`${row}: ${title}`, entries.filter((entry) => entry.row === row))).join("\n")}`;
}

function formatRow(title: string, entries: readonly Entry[]): string {
  if (entries.length === 0) return `## ${title}\n\nNot in this table yet.\n`;
  const sorted = [...entries].sort((one, other) => one.verdict.localeCompare(other.verdict));
  return `## ${title}\n\n| | situation | test |\n|---|---|---|\n${sorted.map(formatEntry).join("\n")}\n`;
}

const formatEntry = ({ verdict, situation, message, file }: Entry): string =>
  `| ${verdict} | ${escape(situation)}${message === undefined ? "" : `: “${escape(message)}”`} | ${file} |`;

const escape = (text: string): string => text.replaceAll("|", "\\|");

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(limitsFile, formatLimits(collectLimits()));
