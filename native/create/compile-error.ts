// A compiler's complaint as one line that says which side failed, where, and what that means: a tree that does not
// compile as it is was not the one that built the program; a patched one that does not is the diff's own fault.

import { SutureError } from "../errors.ts";
import type { ProgramResult } from "./run-program.ts";
import type { ShadowTree } from "./source-tree.ts";

const longestOutput = 16_384;

export function compileError(unit: string, side: "original" | "patched", run: ProgramResult, tree?: ShadowTree): SutureError {
  // The shadow is nothing that anyone could look into afterwards.
  const errors = tree === undefined ? run.errors : run.errors.replaceAll(tree.shadow, tree.spelledRoot);
  const output = errors.slice(0, longestOutput);
  const complaint = firstComplaint(output, run);
  const wayOut = side === "original"
    ? "; --source has to be the tree that built the program, configured and built in place"
    : "";
  const act = side === "original" ? `Cannot compile ${unit} as it was` : `Cannot compile ${unit} as patched`;
  return new SutureError("compile-error", `${act}: ${complaint.text}${wayOut}`, { unit, side, ...complaint.place, output });
}

function firstComplaint(output: string, run: ProgramResult): { text: string; place: Record<string, string | number> } {
  const located = /^(.+?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$/m.exec(output);
  if (located) {
    const [, file = "", line = "", text = ""] = located;
    return { text: `${file}:${line}: ${text}`, place: { file, line: Number(line) } };
  }
  const other = /^.*\berror: .*$/m.exec(output)?.[0] ?? output.split("\n").find((line) => line.trim() !== "");
  return { text: other ?? `the compiler ended with ${run.status} and said nothing`, place: {} };
}
