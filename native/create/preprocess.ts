// What a unit's compiler reads, as one text: its preprocessor's output with the names of the files in it. The objects are made of
// it: so it is made once, it is what a kept object is known by, and no edit can come between the two.
//
// The patched text says of each line which one of the patched source it is, while `__LINE__` has been replaced by the number that
// the original has there (line-pinning.ts). Code is then as if no line had moved, and its debug information true.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";

import { findAssemblerFiles } from "./assembler-files.ts";
import { compilerEnvironment, formatInvocation, languageOfSource } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { linePragma } from "./line-pinning.ts";
import { runProgram } from "./run-program.ts";

export interface SourceText {
  /** As the compiler is to read it, one character a byte. */
  readonly text: string;
  /** The same, but that lines have pinned numbers in debug information too, and wherever else the compiler itself counts. */
  readonly pinned: string;
  /** Of all of it, and so of everything in the sources that an object can depend on. */
  readonly digest: string;
  /** The files that it consists of, as the compiler reached them: `..` leads where links before it lead. */
  readonly files: readonly string[];
  /** Of `files`, those that the assembler reads by itself, and a digest of what they hold. */
  readonly assembled: { readonly files: readonly string[]; readonly digest: string };
  /** The assembler reads files that are not known here: the object depends on more than what is. */
  readonly isOpen: boolean;
  /** When its making began, milliseconds since 1970. */
  readonly begun: number;
}

/** What is known of a text that is no longer held. */
export interface Reading extends Pick<SourceText, "digest" | "files" | "begun"> {
  readonly invocation: Invocation;
}

export interface Preprocessor {
  /** Undefined where the preprocessor refuses. */
  read(invocation: Invocation): Promise<SourceText | undefined>;
  /** Holds no text of the hidden path any longer: what is there may lead elsewhere now. */
  forgetHidden(): void;
  /** Everything that was read and not forgotten. */
  readings(): readonly Reading[];
  /** Reads it again: does it still say the same? */
  isSame(reading: Reading): Promise<boolean>;
}

/** Characters of all texts that are held at a time. Those beyond are made again when they are asked for again. */
const mostHeld = 192 * 1024 * 1024;

/** `hidden`: a path that is another one in every run, and stands for nothing. */
export function createPreprocessor(hidden: string): Preprocessor {
  const texts = new Map<string, Promise<SourceText | undefined>>();
  const sizes = new Map<string, number>();
  const readings = new Map<string, Reading>();
  let held = 0;
  const forget = (key: string): void => {
    held -= sizes.get(key) ?? 0;
    sizes.delete(key);
    texts.delete(key);
  };
  const note = (key: string, invocation: Invocation, source: SourceText | undefined): void => {
    const known = readings.get(key);
    // A second text that is another one is the same as neither later.
    if (source !== undefined) readings.set(key, { invocation, files: source.files, begun: known?.begun ?? source.begun, digest: known === undefined || known.digest === source.digest ? source.digest : "" });
  };
  const hold = (key: string, source: SourceText | undefined): void => {
    const size = sizeOf(source);
    sizes.set(key, size);
    held += size;
    if (held > mostHeld) forget(key);
  };
  return {
    async read(invocation) {
      const key = keyOf(invocation);
      const known = texts.get(key);
      if (known !== undefined) return known;
      const made = preprocess(invocation, hidden);
      texts.set(key, made);
      const source = await made;
      if (texts.get(key) !== made) return source;
      note(key, invocation, source);
      hold(key, source);
      return source;
    },
    forgetHidden: () => {
      const named = JSON.stringify(hidden).slice(1, -1);
      for (const key of [...texts.keys()].filter((each) => each.includes(named))) forget(key);
      for (const key of [...readings.keys()].filter((each) => each.includes(named))) readings.delete(key);
    },
    readings: () => [...readings.values()],
    isSame: async ({ invocation, digest }) => (await preprocess(invocation, hidden))?.digest === digest,
  };
}

const sizeOf = (source: SourceText | undefined): number =>
  (source === undefined ? 0 : source.text.length + (source.text === source.pinned ? 0 : source.pinned.length));

const keyOf = ({ compiler, directory, arguments: words }: Invocation): string => JSON.stringify([compiler, directory, words]);

async function preprocess(invocation: Invocation, hidden: string): Promise<SourceText | undefined> {
  const begun = Date.now();
  const output = await runPreprocessor(invocation);
  return output === undefined ? undefined : readText(output, invocation, hidden, begun);
}

/** The text that the compiler makes of its sources, one character a byte; undefined where it refuses. */
export async function runPreprocessor(invocation: Invocation): Promise<string | undefined> {
  // Compilers hand it to the assembler as it is.
  if (languageOfSource(invocation) === "assembler") return readFile(resolve(invocation.directory, invocation.spelled), "latin1").catch(() => undefined);
  const run = await runProgram(invocation.compiler, formatInvocation(invocation, ["-w", "-E"]), { directory: invocation.directory, environment: compilerEnvironment });
  return run.status === 0 ? run.output.toString("latin1") : undefined;
}

function readText(output: string, invocation: Invocation, hidden: string, begun: number): SourceText {
  const { directory } = invocation;
  const named = new Set(Array.from(output.matchAll(/^# \d+ "((?:[^"\\]|\\.)*)"/gm), ([, name = ""]) => name.replaceAll(/\\(.)/g, "$1")));
  const isPinned = output.includes(linePragma);
  const { files: read, isOpen } = findAssemblerFiles(invocation, output);
  const assembled = { files: read, digest: digestOf(read) };
  return {
    text: isPinned ? withTrueNumbers(output) : output,
    pinned: isPinned ? output.replaceAll(pragma, "") : output,
    digest: createHash("sha256").update(output.replaceAll(hidden, ""), "latin1").update(assembled.digest).digest("hex"),
    files: [...[...named].filter((name) => !name.startsWith("<") && !name.endsWith("/")).map((name) => (isAbsolute(name) ? name : `${directory}/${name}`)), ...read],
    assembled, isOpen, begun,
  };
}

/** Empty where there are none. */
function digestOf(files: readonly string[]): string {
  if (files.length === 0) return "";
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

const pragma = new RegExp(`^#pragma ${linePragma} .*$`, "gm");
const numbering = new RegExp(`^# (\\d+) (".*")((?: \\d)*)$|^#pragma ${linePragma} (\\d+) (\\d+).*$`, "gm");

/** Each marker with the number of the source: by as much as the last pragma in that file says that they are apart. */
function withTrueNumbers(output: string): string {
  const including: number[] = [];
  let apart = 0;
  return output.replaceAll(numbering, (line, number: string | undefined, name: string, flags: string, own: string, pinned: string) => {
    if (number === undefined) {
      apart = Number(own) - Number(pinned);
      return "";
    }
    if (flags.includes(" 1")) {
      including.push(apart);
      apart = 0;
    } else if (flags.includes(" 2")) {
      apart = including.pop() ?? 0;
    }
    return apart === 0 ? line : `# ${Number(number) + apart} ${name}${flags}`;
  });
}

/** Lines that the compiler makes nothing of go too: where they stand is no difference. */
export const withoutMarkers = (text: string): string => text.replaceAll(/^(?:# \d.*|#(?:define|undef) .*)?\n/gm, "");

/** Options with which preprocessing apart would give something else, or whose files the compiler looks for by the name of the source. */
const needsSource = /^(-P|-fpreprocessed|-fdirectives-only|-traditional(-cpp)?|-fmodule.*|-include-pch|-Xclang|-Xpreprocessor|-Wp,.*|-wrapper|-fprofile.*|-fauto-profile.*|-fbranch-probabilities|-fplugin.*|-fpass-plugin.*|-load|--coverage|-ftest-coverage)$/;

const textLanguages: Readonly<Record<string, string>> = { c: "cpp-output", "c++": "c++-cpp-output", "assembler-with-cpp": "assembler" };

/** What `-x` calls the language of the unit's text; undefined where the compiler must read the source itself. */
export function languageOfText(invocation: Invocation): string | undefined {
  if (invocation.arguments.some((word) => word.kind === "option" && needsSource.test(word.flag))) return undefined;
  return textLanguages[languageOfSource(invocation)];
}
