// The program as scripts use it: by its words and its JSON, as anybody's script would.

import { fileURLToPath } from "node:url";
import { $ } from "zx";

const program = fileURLToPath(new URL("../dist/suture.js", import.meta.url));

/** `suture WORDS… --json`: the document it prints. Its refusal is an error with its own words. */
export async function suture<Result>(words: readonly string[], { cwd }: { readonly cwd?: string } = {}): Promise<Result> {
  const [command = "", ...rest] = words;
  const options = { quiet: true, nothrow: true, ...(cwd === undefined ? {} : { cwd }) };
  const { exitCode, stdout, stderr } = await $(options)`${process.execPath} ${program} ${command} --json ${rest}`;
  if (exitCode === 0) return JSON.parse(stdout) as Result;
  throw new Error(`suture ${words.join(" ")} ended with code ${exitCode}: ${stderr.trim()}`);
}
