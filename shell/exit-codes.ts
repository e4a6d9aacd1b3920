// The exit codes of `suture`, in words. Which error ends with which code is the engine's (native/errors.ts); this is
// the text that `suture --help` and every subcommand's help print.

import type { ExitCode } from "../native/mod.ts";

const meanings: Readonly<Record<ExitCode, string>> = {
  0: "done",
  1: "an error in Suture itself",
  2: "the command line is wrong",
  3: "the process cannot be worked on: gone, not permitted, traced by another, not x86-64",
  4: "the patch does not belong to the process, or its file is not a patch image",
  5: "the patch cannot be built, or a file is not there or cannot be written",
  6: "right, but not now: blocked, over the budget, interrupted, refused by the patch's own callback; nothing was written",
  7: "verify found other bytes than the ledger says, or a transaction left in the middle, or could not look",
  8: "the recipe failed",
  9: "done, but a callback of the patch, other than pre-patch, failed (failedCallbacks in the JSON)",
};

/** Every exit code, for help and documentation. */
export const exitCodes = Object.keys(meanings).map(Number) as readonly ExitCode[];

/** The lines of an "Exit codes" section for the codes that a command can end with. */
export const exitCodeLines = (codes: readonly ExitCode[]): readonly string[] =>
  codes.map((code) => `  ${code}  ${meanings[code]}`);
