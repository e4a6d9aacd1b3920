// Who gets the processors. The engine of a benchmark may be preferred or give way; what it starts is ordinary all the same.

import { getPriority, setPriority } from "node:os";

/** False: not permitted, and nothing was changed. Programs that give way could not start ordinary ones without the right to. */
export function setNiceness(niceness: number): boolean {
  if (niceness !== 0 && process.getuid?.() !== 0) return false;
  setPriority(niceness);
  return true;
}

/** The command that runs this program at the ordinary priority. */
export const ordinarily = (program: string, words: readonly string[]): readonly [program: string, words: readonly string[]] =>
  ["nice", ["-n", String(-getPriority()), program, ...words]];
