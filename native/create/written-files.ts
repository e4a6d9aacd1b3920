// Which of several files of replacement functions holds which replacement. It has to be known before anything is compiled: a file is
// compiled like the unit of the functions that its own take the place of. The compiler has the last word on what it defines.

import { readFile } from "node:fs/promises";

import { SutureError } from "../errors.ts";
import type { ProgramFunction } from "../patchability/mod.ts";

/** A function of the program, and the name of what takes its place. */
export interface Replaced {
  readonly by: string;
  readonly old: ProgramFunction;
}

/** The replacements that a file holds. */
export interface WrittenFile {
  readonly file: string;
  readonly olds: readonly Replaced[];
}

/** One file holds all; of several, each what it defines. */
export async function assignFiles(files: readonly string[], olds: readonly Replaced[]): Promise<readonly WrittenFile[]> {
  const [first, second] = files;
  if (first === undefined || olds.length === 0) throw new SutureError("usage", "Cannot build a patch: no function is to be replaced, or no file has the new one");
  if (second === undefined) return [{ file: first, olds }];
  const texts = await Promise.all(files.map(readSource));
  const holders = new Map(olds.map((each) => [each, onlyHolder(each, texts)]));
  const written = files.map((file) => ({ file, olds: olds.filter((each) => holders.get(each) === file) }));
  const idle = written.find((each) => each.olds.length === 0);
  if (idle !== undefined) throw new SutureError("usage", `Cannot build a patch: ${idle.file} holds none of the replacements (${olds.map(({ by }) => by).join(", ")})`, { file: idle.file });
  return written;
}

interface SourceText {
  readonly file: string;
  readonly text: string;
}

async function readSource(file: string): Promise<SourceText> {
  try {
    return { file, text: await readFile(file, "latin1") };
  } catch (cause) {
    throw new SutureError("file-not-found", `Cannot open ${file}: it is not there, or may not be read`, { file }, { cause });
  }
}

function onlyHolder({ by, old }: Replaced, texts: readonly SourceText[]): string {
  const name = String.raw`\b${by.replaceAll("$", String.raw`\$`)}\b`;
  const parameters = String.raw`\((?:[^;{}()]|\([^;{}()]*\))*\)`; // those of a parameter that is a pointer to a function are inside
  const [defining, mentioning] = [`${name}\\s*${parameters}[^;{}()]*\\{`, name].map((pattern) => texts.filter(({ text }) => new RegExp(pattern).test(text)));
  const [holder, second] = (defining?.length === 0 ? mentioning : defining)?.map(({ file }) => file) ?? [];
  if (holder !== undefined && second === undefined) return holder;
  const found = holder === undefined ? "no file defines it" : `${holder} and ${second ?? ""} both define it; give it another name in one of them`;
  throw new SutureError("not-patchable", `Cannot replace ${old.name} by ${by}: ${found}`, { function: old.name, by });
}
