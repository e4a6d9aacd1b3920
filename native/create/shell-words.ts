// The `command` of a compile command is one shell command line, and a response file holds words quoted much alike.
// Words are split and unquoted; nothing is expanded: a `$` in a recorded command is a dollar sign.

/** Splits a command line into words, as a shell unquotes them. */
export function splitShellWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  const piece = /\s+|'([^']*)'?|"((?:[^"\\]|\\[^])*)"?|\\([^]?)|[^\s'"\\]+/gy;
  for (const match of text.matchAll(piece)) {
    const [whole, single, double, escaped] = match;
    if (/^\s/.test(whole)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word = (word ?? "") + (single ?? (double === undefined ? undefined : unescape(double)) ?? (escaped === undefined ? whole : afterBackslash(escaped)));
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Within double quotes a backslash counts only before these; before a line break both go. */
const unescape = (text: string): string => text.replaceAll(/\\([$`"\\\n])/g, (_, character: string) => afterBackslash(character));

const afterBackslash = (character: string): string => (character === "\n" ? "" : character);
