// `suture … --json` in the tests on real programs.

import { runSuture } from "../shell/run-suture.ts";

/** What the program prints, when it succeeds. */
export async function suture<Result>(...words: readonly string[]): Promise<Result> {
  const { exitCode, out, error } = await runSuture([...words, "--json"]);
  if (exitCode !== 0) throw new Error(`suture ${words.join(" ")} ended with ${exitCode}: ${error}`);
  return JSON.parse(out) as Result;
}
