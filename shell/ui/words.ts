// A line of the interactive shell to words: quotes, backslashes and comments as people know them from sh, and nothing
// more: no variables, no globs.

import { SutureError } from "../../native/mod.ts";

// One piece of a word: 'literal', "with \" escapes", an escaped character, or plain text.
const piece = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)/y;

/** Refuses a quote that is not closed. */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    at += /^\s*/.exec(line.slice(at))?.[0].length ?? 0;
    if (at >= line.length || line[at] === "#") return words;
    const [word, end] = readWord(line, at);
    words.push(word);
    at = end;
  }
}

function readWord(line: string, start: number): readonly [word: string, end: number] {
  let word = "";
  let at = start;
  while (at < line.length && !/\s/.test(line.charAt(at))) {
    piece.lastIndex = at;
    const match = piece.exec(line);
    if (match === null) throw new SutureError("usage", `Cannot read the line: a quote is not closed in ${line.slice(start)}`);
    const [whole, literal, quoted, escaped, plain] = match;
    word += literal ?? quoted?.replace(/\\(.)/g, "$1") ?? escaped ?? plain ?? "";
    at += whole.length;
  }
  return [word, at];
}
