// Lines below a change keep their numbers. `__LINE__` goes into assertions and log calls all over a file, so that one
// inserted line would make every function below it differ. After each changed block a `#line` without a file name gives
// the lines that follow the numbers that they had; `__FILE__` stays what it is. Before it stands a pragma that no compiler
// ever sees: it tells whoever reads the preprocessed text which numbers the patched source itself has there (preprocess.ts).
// The blocks come from the two texts, not from the diff's own headers: fuzz and offsets move those.

import { diffArrays } from "diff";

import { findSafeLines } from "./safe-lines.ts";

/** `#pragma suture_line OWN PINNED`, where the two begin to be apart by another number. */
export const linePragma = "suture_line";

interface Line {
  readonly text: string;
  /** As the patched source has it. */
  readonly own: number;
  /** As the original has it, for a line that both have. */
  readonly wanted: number | undefined;
  /** May a directive stand before it? */
  readonly isSafe: boolean;
}

/** The patched text, with a `#line` after each block that moves what follows. One character a byte. */
export function pinLines(original: string, patched: string, { saysOwn = false }: { readonly saysOwn?: boolean } = {}): string {
  const ending = /^[^\n]*\r\n/.test(original) ? "\r" : "";
  const conditionals = new PinnedConditionals();
  const pinned: string[] = [];
  let number: number | undefined = 1;
  let apart = 0;
  for (const { text, own, wanted, isSafe } of linesOf(original.split("\n"), patched.split("\n"))) {
    const isPinned = isSafe && wanted !== undefined && wanted !== number;
    if (isPinned) number = wanted;
    const restart = lineDirectiveOf(text);
    // A numbering of the source's own begins on both sides alike.
    const nowApart: number = restart !== undefined ? 0 : number === undefined ? apart : own - number;
    if (saysOwn && isSafe && (isPinned || nowApart !== apart)) {
      pinned.push(`#pragma ${linePragma} ${nowApart + (number ?? 0)} ${number ?? 0}${ending}`);
      apart = nowApart;
    }
    if (isPinned) {
      pinned.push(`#line ${wanted}${ending}`);
      conditionals.pin();
    }
    pinned.push(text);
    number = conditionals.follow(text) ? undefined : restart ?? (number === undefined ? undefined : number + 1);
  }
  return pinned.join("\n");
}

/** A `#line` in a branch that is not compiled does not count, but takes a line: after its end the number is not known. */
class PinnedConditionals {
  readonly #open: boolean[] = [];

  pin(): void {
    this.#open.fill(true);
  }

  /** Is the number of the next line in doubt? */
  follow(line: string): boolean {
    const directive = line.includes("#") ? /^\s*#\s*(if|el|endif)/.exec(line)?.[1] : undefined;
    if (directive === "if") this.#open.push(false);
    return (directive === "el" ? this.#open.at(-1) : directive === "endif" ? this.#open.pop() : false) === true;
  }
}

function linesOf(originalLines: string[], patchedLines: string[]): readonly Line[] {
  const wanted = wantedNumbers(originalLines, patchedLines);
  const safe = findSafeLines(patchedLines);
  const own = presumedNumbers(patchedLines);
  return patchedLines.map((text, index) => {
    // The empty text after the last line break is no line that could be numbered.
    const isLine = index < patchedLines.length - 1 || text !== "";
    return { text, own: own[index] ?? 0, wanted: wanted[index], isSafe: safe[index] === true && isLine };
  });
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
    number = lineDirectiveOf(line) ?? number + 1;
  }
  return numbers;
}

const lineDirective = /^\s*#\s*(?:line\s+)?(\d+)(?:\s|$)/;

/** The number that a directive gives to the next line. */
function lineDirectiveOf(line: string): number | undefined {
  const number = line.includes("#") ? lineDirective.exec(line)?.[1] : undefined;
  return number === undefined ? undefined : Number(number);
}
