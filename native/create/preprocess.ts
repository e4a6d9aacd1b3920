// What a unit's compiler reads, as one text: its preprocessor's output with the names of the files in it. Each text is
// made once; of one that was asked for before, what is kept is its digest and the files.

import { createHash } from "node:crypto";
import { resolve } from "node:path";

import { compilerEnvironment, formatInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { runProgram } from "./run-program.ts";

export interface Preprocessed {
  /** Of the whole text, and so of everything in the sources that the object can depend on. */
  readonly digest: string;
  /** Absolute paths of the files that it consists of. */
  readonly files: readonly string[];
  /** Assembler directives that read files of their own: the text is not all that the object depends on. */
  readonly readsMore: boolean;
  /** When its making began, milliseconds since 1970. */
  readonly begun: number;
}

export interface Preprocessor {
  /** The text without the names of files; undefined where the preprocessor refuses. */
  text(invocation: Invocation): Promise<string | undefined>;
  describe(invocation: Invocation): Promise<Preprocessed | undefined>;
}

/** `hidden`: a path that is another one in every run, and stands for nothing. */
export function createPreprocessor(hidden: string): Preprocessor {
  const described = new Map<string, Preprocessed | undefined>();
  const keyOf = ({ compiler, directory, arguments: words }: Invocation): string => JSON.stringify([compiler, directory, words]);
  const run = async (invocation: Invocation): Promise<string | undefined> => {
    const begun = Date.now();
    const text = await preprocess(invocation);
    described.set(keyOf(invocation), text === undefined ? undefined : describeText(text, invocation.directory, hidden, begun));
    return text;
  };
  return {
    text: async (invocation) => withoutMarkers(await run(invocation)),
    describe: async (invocation) => {
      if (!described.has(keyOf(invocation))) await run(invocation);
      return described.get(keyOf(invocation));
    },
  };
}

/** With `-g3`, macros are part of the debug information. */
async function preprocess(invocation: Invocation): Promise<string | undefined> {
  const words = formatInvocation(invocation, []);
  const more = words.some((word) => /^-g(gdb|dwarf.*)?3$/.test(word)) ? ["-dD"] : [];
  const run = await runProgram(invocation.compiler, [...words, "-w", "-E", ...more], { directory: invocation.directory, environment: compilerEnvironment });
  return run.status === 0 ? run.output.toString("latin1") : undefined;
}

function describeText(text: string, directory: string, hidden: string, begun: number): Preprocessed {
  const named = new Set(Array.from(text.matchAll(/^# \d+ "((?:[^"\\]|\\.)*)"/gm), ([, name = ""]) => name.replaceAll(/\\(.)/g, "$1")));
  const digest = createHash("sha256").update(text.replaceAll(hidden, ""), "latin1").digest("hex");
  return { digest, files: [...named].filter((name) => !name.startsWith("<")).map((name) => resolve(directory, name)), readsMore: /\.incbin|\.include/.test(text), begun };
}

/** Lines that the compiler makes nothing of go too: where they stand is no difference. */
const withoutMarkers = (text: string | undefined): string | undefined => text?.replaceAll(/^(?:# \d.*|#(?:define|undef) .*)?\n/gm, "");
