// Units that a changed header cannot change, told without preprocessing any of them. A header of every unit that gains a prototype is
// the most frequent change of a header, and preprocessing all units both ways takes longer than compiling the few that matter.
//
// It is certain where the header gains nothing but declarations that stand by themselves, of names that no other line of the unit's
// files mentions and that the program does not have, and where no word of them is a macro. A use that only pasted tokens make would have left
// its name in the program, as what it calls. In any doubt the unit is preprocessed (unaffected.ts).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { diffArrays } from "diff";

import type { TouchedFile } from "./apply-diff.ts";
import { formatArguments } from "./compiler-arguments.ts";
import { declaredNames } from "./declarations.ts";
import { findSafeLines } from "./safe-lines.ts";
import type { ShadowTree } from "./source-tree.ts";
import type { TranslationUnit } from "./units.ts";

/** Does the program have something of one of these names? */
export type NameLookup = (names: readonly string[]) => Promise<boolean>;

/** Those of `units` that the touched files may change: all but the certain ones. */
export async function leaveOutUnmentioned(
  units: readonly TranslationUnit[], tree: ShadowTree, touched: readonly TouchedFile[], isInProgram: NameLookup,
): Promise<readonly TranslationUnit[]> {
  if (!units.some(isPlainC)) return units;
  const additions = new Map(touched.map((file) => [file.path, additionsOf(file)]));
  const texts = new Map([...additions].map(([path, added]) => [join(tree.root, path), added?.original]));
  const judges = new Map<string, Promise<Judge | undefined>>();
  const judgeOf = ({ touched: paths }: TranslationUnit): Promise<Judge | undefined> => {
    const key = paths.join("\n");
    const known = judges.get(key) ?? openJudge(paths.map((path) => additions.get(path)), texts, isInProgram);
    judges.set(key, known);
    return known;
  };
  const isLeftOut = await Promise.all(units.map(async (unit) => isPlainC(unit) && (await judgeOf(unit))?.isUnmentionedIn(unit) === true));
  return units.filter((_, index) => isLeftOut[index] !== true);
}

/** C whose own text is as it was: in C++ a new declaration can win an overload without being named. */
const isPlainC = ({ unit, touched, consistsOf, invocation: { recorded } }: TranslationUnit): boolean =>
  unit.endsWith(".c") && !touched.includes(unit) && consistsOf?.isAssembled === false && !recorded.some((word) => word.kind === "option" && word.flag === "-x");

// What is added

/** What the diffs add to a file that gains declarations only. */
interface Additions {
  readonly names: readonly string[];
  /** All words of the declarations. */
  readonly words: readonly string[];
  /** The file as it was. */
  readonly original: string;
}

function additionsOf({ original, patched }: TouchedFile): Additions | undefined {
  if (original === undefined || patched === undefined) return undefined;
  const [before, after] = [original, patched].map((bytes) => Buffer.from(bytes).toString("latin1"));
  const added = addedText(before?.split("\n") ?? [], after?.split("\n") ?? []);
  const names = added === undefined || /["'\\%?]/.test(added) ? undefined : declaredNames(added);
  return before === undefined || added === undefined || names === undefined ? undefined : { names, words: [...new Set(added.match(/\w+/g))], original: before };
}

/** The lines that are new, without comments; undefined where some are gone, or where one may be part of what stands around it. */
function addedText(before: readonly string[], after: readonly string[]): string | undefined {
  const safe = findSafeLines(after);
  const blocks = diffArrays([...before], [...after], { maxEditLength: 2_000 });
  const added: string[] = [];
  let at = 0;
  for (const { removed, added: isNew, count, value } of blocks ?? [{ removed: true, added: false, count: 0, value: [] }]) {
    if (removed) return undefined;
    if (isNew && !(safe[at] === true && safe[at + count] === true && isAfterEnd(after, safe, at))) return undefined;
    if (isNew) added.push(value.join("\n"));
    at += count;
  }
  return added.join("\n").replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, " ");
}

const comment = /^\s*(?:\/\*(?:(?!\*\/).)*\*\/|\/\/.*)?\s*$/;

/** Does a declaration end before line `at`? Directives and their continuations do not say what stands before them. */
function isAfterEnd(lines: readonly string[], safe: readonly boolean[], at: number): boolean {
  const last = lines.slice(0, at).findLastIndex((line, index) => !(safe[index] === true && comment.test(line)));
  return /^[^#/%?]*[;}]\s*$/.test(lines[last] ?? "") && !/\\\s*$/.test(lines[last - 1] ?? "");
}

// Who mentions it

/** Macros that compilers define by themselves have names like these. */
const predefined = /^(?:__.*|_[A-Z].*|linux|unix|i386)$/;
/** Ways to write a word in pieces. */
const spliced = /\w\\[ \t]*\r?\n\w|\?\?\//;

async function openJudge(additions: readonly (Additions | undefined)[], texts: ReadonlyMap<string, string | undefined>, isInProgram: NameLookup): Promise<Judge | undefined> {
  const known = additions.filter((each) => each !== undefined);
  const [names, words] = [known.flatMap((each) => each.names), known.flatMap((each) => each.words)];
  if (known.length < additions.length || words.some((word) => predefined.test(word)) || await isInProgram(names)) return undefined;
  return new Judge(names, words, texts);
}

/** Reads each file once, whatever the number of units. */
class Judge {
  readonly #telling: RegExp;
  readonly #texts: ReadonlyMap<string, string | undefined>;
  readonly #silent = new Map<string, boolean>();

  constructor(names: readonly string[], words: readonly string[], texts: ReadonlyMap<string, string | undefined>) {
    const [anyName, anyWord] = [names, words].map((all) => all.join("|"));
    const isNamed = names.length === 0 ? "" : String.raw`\b(?:${anyName})\b|`;
    const isDefined = words.length === 0 ? "(?!)" : String.raw`\bdefine(?:[\s\\]|\/\*[^]*?\*\/)+(?:${anyWord})\b`;
    this.#telling = new RegExp(`${isNamed}${isDefined}|${spliced.source}`);
    this.#texts = texts;
  }

  /** Not where the unit's files are not known. */
  isUnmentionedIn({ consistsOf, invocation }: TranslationUnit): boolean {
    const definitions = invocation.recorded.filter((word) => word.kind === "option" && word.flag === "-D");
    return consistsOf?.isOpen === false && !this.#telling.test(formatArguments(definitions).join("\n").replaceAll(/^-D\s*/gm, "define ")) && [...consistsOf.files].every((file) => this.#isSilent(file));
  }

  #isSilent(file: string): boolean {
    const known = this.#silent.get(file) ?? !this.#telling.test(this.#texts.get(file) ?? readText(file) ?? "??/");
    this.#silent.set(file, known);
    return known;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
