// Hunks that lie where they say they lie. Most fixes of a distribution do, and running patch(1) costs more than looking. All
// that has to be searched for, is fuzzy or unusual is left to patch(1): what it says of a hunk is what counts.

import type { StructuredPatchHunk } from "diff";

import { decodeText, encodeText } from "./byte-text.ts";

/** The content with all hunks applied at the lines that they name; undefined where patch(1) has to be asked. */
export function applyExactHunks(content: Uint8Array, hunks: readonly StructuredPatchHunk[]): Uint8Array | undefined {
  const lines = splitLines(decodeText(content));
  const result: string[] = [];
  let next = 0;
  for (const hunk of hunks) {
    const start = hunk.oldLines === 0 ? hunk.oldStart : hunk.oldStart - 1;
    const [before, after] = sidesOf(hunk);
    if (start < next || !isOrdinary(hunk, start, start + before.length === lines.length)) return undefined;
    if (before.some((line, index) => lines[start + index] !== line)) return undefined;
    for (; next < start; next++) result.push(lines[next] ?? "");
    for (const line of after) result.push(line);
    next = start + before.length;
  }
  return encodeText(result.concat(lines.slice(next)).join(""));
}

/** Each with the line feed that ends it; the last of a file may have none. */
const splitLines = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

function sidesOf({ lines }: StructuredPatchHunk): [before: string[], after: string[]] {
  const side = (other: string): string[] => lines.filter((line) => !line.startsWith(other)).map((line) => `${line.slice(1)}\n`);
  return [side("+"), side("-")];
}

/**
 * Not where a line feed is missing at the end of the file. Nor with less context on one side, unless the file ends there:
 * of such a hunk patch(1) thinks that it belongs to the start or the end of the file.
 */
function isOrdinary({ lines, oldLines, newLines }: StructuredPatchHunk, start: number, reachesEnd: boolean): boolean {
  if (!lines.every((line) => /^[ +-]/.test(line))) return false;
  if (lines.filter((line) => !line.startsWith("+")).length !== oldLines || lines.filter((line) => !line.startsWith("-")).length !== newLines) return false;
  const leading = lines.findIndex((line) => !line.startsWith(" "));
  const trailing = lines.length - 1 - lines.findLastIndex((line) => !line.startsWith(" "));
  return leading > 0 && trailing > 0 && (leading === trailing || (leading < trailing ? start === 0 : reachesEnd));
}
