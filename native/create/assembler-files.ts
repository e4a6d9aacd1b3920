// Files that the assembler reads by itself, as directives in the text that it is given say: `.incbin` and `.include`. No preprocessor names
// them. Where a directive says only a part of the name, as when an operand or an argument of a macro is the rest, nobody here knows.

import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { readIfPossible } from "./byte-text.ts";
import { mayReadFiles } from "./directives.ts";
import { languageOfSource } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { searchedDirectories } from "./search-path.ts";

export interface AssemblerFiles {
  /** Absolute: every file of the name that is there, wherever the assembler may look for it. */
  readonly files: readonly string[];
  /** Absolute: where one that comes to be there would be read. */
  readonly directories: readonly string[];
  /** There are others. */
  readonly isOpen: boolean;
}

/** `text`: what comes out of the preprocessor. */
export function findAssemblerFiles(invocation: Invocation, text: string): AssemblerFiles {
  const found = { files: new Set<string>(), directories: new Set<string>(), isOpen: false };
  const main = resolve(invocation.directory, invocation.spelled);
  const searched = [invocation.directory, ...searchedDirectories(invocation), ...assemblersDirectories(invocation)];
  const waiting = (mayReadFiles(text) ? (isAssembly(invocation) ? [text] : assemblyIn(text)) : []).map((code) => ({ code, file: main }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const directories = [...searched, dirname(next.file)];
    for (const [, directive, name] of next.code.matchAll(reading)) {
      found.isOpen ||= name === undefined || /[%\\]/.test(name);
      for (const path of name === undefined ? [] : directories.map((directory) => resolve(directory, name))) {
        found.directories.add(dirname(path));
        if (found.files.has(path) || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) continue;
        found.files.add(path);
        if (directive === "include") waiting.push({ code: readIfPossible(path), file: path });
      }
    }
  }
  return { files: [...found.files], directories: [...found.directories], isOpen: found.isOpen };
}

const isAssembly = (invocation: Invocation): boolean => languageOfSource(invocation).startsWith("assembler");

/** Of options that compilers hand on. */
const assemblersDirectories = ({ arguments: words, directory }: Invocation): readonly string[] => words.flatMap((word) =>
  (word.kind === "option" && word.flag.startsWith("-Wa,") ? Array.from(word.flag.matchAll(/,-I,?([^,]+)/g), ([, path = ""]) => resolve(directory, path)) : []));

const reading = /\.(incbin|include)\b(?:[ \t]*"((?:[^"\\\n]|\\.)*)")?/g;

const literalText = String.raw`(?:\b(?:u8|[uUL])?R"(?<fence>[^()\\\s]*)\([^]*?\)\k<fence>"|"(?:[^"\\\n]|\\[^])*")`;
const statement = new RegExp(String.raw`\b(?:asm|__asm|__asm__)\b(?:\s|\b(?:volatile|__volatile__|__volatile|inline|__inline|__inline__|goto)\b)*\(\s*((?:${literalText}\s*)+)`, "g");

/** The texts of `asm` in C and C++, as the assembler gets them. */
function assemblyIn(text: string): string[] {
  // Between two parts of a text there may be a marker, which has a text of its own.
  const code = text.replaceAll(/^# \d.*$/gm, "");
  return Array.from(code.matchAll(statement), ([, literals = ""]) =>
    Array.from(literals.matchAll(new RegExp(literalText, "g")), ([literal]) => valueOf(literal)).join(""));
}

function valueOf(literal: string): string {
  const raw = /^[^"]*R"([^(]*)\(([^]*)\)\1"$/.exec(literal);
  if (raw !== null) return raw[2] ?? "";
  return literal.slice(literal.indexOf("\"") + 1, -1).replaceAll(/\\(?:([0-7]{1,3})|x([0-9a-fA-F]+)|([^]))/g, (_, octal?: string, hex?: string, other = "") =>
    (octal !== undefined ? String.fromCharCode(parseInt(octal, 8)) : hex !== undefined ? String.fromCharCode(parseInt(hex, 16)) : escapes[other] ?? other));
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\n": "" };
