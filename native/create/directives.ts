// What files a source names, found without a preprocessor: in every branch of every condition, and in comments, too, as one name too
// many does no harm. Most of a text is never looked at: thousands of files are read so, and in a moment.

/** A file that is named. */
export interface FileName {
  readonly name: string;
  /** Looked for beside the file first. */
  readonly isQuoted: boolean;
}

export interface Directives {
  readonly names: readonly FileName[];
  /** Macros in the place of a name. */
  readonly macros: readonly string[];
  /** What stands in the place of a name is more than a macro. */
  readonly isOpen: boolean;
  /** It may hold directives that have the assembler read files. */
  readonly assembles: boolean;
  /** Lines of it are said to be those of another file. */
  readonly isMade: boolean;
}

export function readDirectives(source: string): Directives {
  const text = splitsWords(source) ? withoutSplices(source) : source;
  const first = namedIn(text);
  // A sentence of a comment may begin like a directive.
  const found = first.some(({ kind }) => kind !== "file") ? [...first.filter(({ kind }) => kind === "file"), ...namedIn(withoutComments(text))] : first;
  const named = new Map(found.flatMap((each) => (each.kind === "file" ? [[`${each.isQuoted} ${each.name}`, { name: each.name, isQuoted: each.isQuoted }] as const] : [])));
  return {
    names: [...named.values()],
    macros: [...new Set(found.flatMap((each) => (each.kind === "macro" ? [each.macro] : [])))],
    isOpen: source.includes("??/") || found.some(({ kind }) => kind === "unknown"),
    assembles: mayReadFiles(source),
    isMade: lineDirective.test(source),
  };
}

/** With the name of a file, as generators write it. */
const lineDirective = /^[ \t]*#[ \t]*(?:line[ \t]+)?\d+[ \t]+"([^"\n]+)"/m;

/** The files that lines of the text are said to be of. */
export const originsIn = (text: string): readonly string[] => Array.from(text.matchAll(new RegExp(lineDirective, "gm")), ([, name = ""]) => name);

function namedIn(text: string): readonly Named[] {
  const lines = new Set(words.flatMap((word) => linesWith(text, word)));
  return [...lines].flatMap((line) => namesIn(withoutSplices(line)));
}

const withoutComments = (text: string): string => text.replaceAll(/("(?:\\.|[^"\\\n])*")|\/\*[^]*?\*\/|\/\/.*/g, (_, literal?: string) => literal ?? " ");

/** May the text, or one that is made of it, have the assembler read files? */
export const mayReadFiles = (text: string): boolean => text.includes(".incbin") || text.includes(".include");

/** Of directives, and of `__has_include`. */
const words = ["include", "import", "embed"];

/** Logical lines with the word. */
function linesWith(text: string, word: string): readonly string[] {
  const lines: string[] = [];
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
    // What stands before it is a mark, a gap or a part of the word.
    if (!/[#:=\s/_]/.test(text[at - 1] ?? "\n")) continue;
    let [start, end] = [text.lastIndexOf("\n", at) + 1, lineEnd(text, at)];
    while (isContinued(text, start - 1)) start = text.lastIndexOf("\n", start - 2) + 1;
    while (isContinued(text, end)) end = lineEnd(text, end + 1);
    lines.push(text.slice(start, end));
  }
  return lines;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** Does the line that ends at `newline` go on in the next one? */
const isContinued = (text: string, newline: number): boolean => newline > 0 && newline < text.length && /\\[ \t\r]*$/.test(text.slice(Math.max(0, newline - 4), newline));

const withoutSplices = (text: string): string => (text.includes("\\") ? text.replaceAll(/\\[ \t]*\r?\n/g, "") : text);

/** Does a word go on in the next line? */
function splitsWords(text: string): boolean {
  for (let at = text.indexOf("\\\n"); at >= 0; at = text.indexOf("\\\n", at + 2)) {
    if (/^[a-z]\\\n[a-z]/.test(text.slice(at - 1, at + 3))) return true;
  }
  return text.includes("\\\r\n") && /[a-z]\\\r\n[a-z]/.test(text);
}

type Named = (FileName & { readonly kind: "file" }) | { readonly kind: "macro"; readonly macro: string } | { readonly kind: "unknown" };

const gap = String.raw`(?:[ \t\v\f]|/\*.*?\*/)*`;
const marks = String.raw`(?:#|%:|\?\?=)`;
// A comment may have begun lines before.
const directive = new RegExp(String.raw`(?:${marks}|^.*?\*/)${gap}(?:include(?:_next)?|import|embed)\b${gap}(.*)`, "g");
const question = new RegExp(String.raw`\b__has_(?:include(?:_next)?|embed)${gap}\(?${gap}(["<][^">\n]*[">])`, "g");
const fileName = /^(?:"([^"\n]+)"|<([^>\n]+)>)/;
/** What may stand before a directive. */
const nothing = new RegExp(String.raw`^(?:.*\*/)?${gap}$`);

function namesIn(line: string): readonly Named[] {
  return [...line.matchAll(directive), ...line.matchAll(question)].flatMap(({ index, 1: rest = "" }): readonly Named[] => {
    const [, quoted, angled] = fileName.exec(rest) ?? [];
    const name = quoted ?? angled;
    if (name !== undefined) return [{ kind: "file", name, isQuoted: quoted !== undefined }];
    // Within a line it is a sentence that mentions the word.
    if (!nothing.test(line.slice(0, index))) return [];
    const macro = /^(\w+)\s*(?:\/[/*].*)?$/.exec(rest)?.[1];
    return [macro === undefined ? { kind: "unknown" } : { kind: "macro", macro }];
  });
}

/** The values that the text gives to a macro. */
export function valuesOf(macro: string, text: string): readonly string[] {
  if (!text.includes(macro)) return [];
  const defining = new RegExp(String.raw`\bdefine${gap}[ \t\v\f]${gap}${macro}(?!\w)([^\n]*)`, "g");
  return Array.from(withoutSplices(text).matchAll(defining), ([, value = ""]) => withoutComments(value));
}
