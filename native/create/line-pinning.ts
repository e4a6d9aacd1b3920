// Lines below a change keep their numbers. `__LINE__` goes into assertions and log calls all over a file, so that one
// inserted line would make every function below it differ. After each changed block a `#line` without a file name gives
// the lines that follow the numbers that they had; `__FILE__` stays what it is.
// The blocks come from the two texts, not from the diff's own headers: fuzz and offsets move those.

import { diffArrays } from "diff";

import { findSafeLines } from "./safe-lines.ts";

/** The patched text, with a `#line` after each block that moves what follows. One character a byte. */
export function pinLines(original: string, patched: string): string {
  const originalLines = original.split("\n");
  const patchedLines = patched.split("\n");
  const wanted = wantedNumbers(originalLines, patchedLines);
  const safe = findSafeLines(patchedLines);
  const ending = originalLines[0]?.endsWith("\r") ? "\r" : "";
  const pinned: string[] = [];
  let number = 1;
  for (const [index, line] of patchedLines.entries()) {
    const target = wanted[index];
    // The empty text after the last line break is no line that could be numbered.
    const isLine = index < patchedLines.length - 1 || line !== "";
    if (target !== undefined && target !== number && safe[index] && isLine) {
      pinned.push(`#line ${target}${ending}`);
      number = target;
    }
    pinned.push(line);
    number = numberAfter(number, line);
  }
  return pinned.join("\n");
}

/** For each line of the patched text that the original has too: the number that the compiler gave it there. */
function wantedNumbers(originalLines: string[], patchedLines: string[]): (number | undefined)[] {
  const numbers = presumedNumbers(originalLines);
  const wanted: (number | undefined)[] = [];
  let original = 0;
  for (const block of diffArrays(originalLines, patchedLines)) {
    if (block.removed) {
      original += block.count;
      continue;
    }
    for (let line = 0; line < block.count; line++) wanted.push(block.added ? undefined : numbers[original + line]);
    if (!block.added) original += block.count;
  }
  return wanted;
}

/** The number of each line as `__LINE__` has it: generated sources hold `#line` directives of their own. */
function presumedNumbers(lines: readonly string[]): number[] {
  const numbers: number[] = [];
  let number = 1;
  for (const line of lines) {
    numbers.push(number);
    number = numberAfter(number, line);
  }
  return numbers;
}

const lineDirective = /^\s*#\s*(?:line\s+)?(\d+)(?:\s|$)/;

function numberAfter(number: number, line: string): number {
  const directive = line.includes("#") ? lineDirective.exec(line) : null;
  return directive?.[1] === undefined ? number + 1 : Number(directive[1]);
}
