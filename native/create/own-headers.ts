// Where compilers have headers of their own, as they say themselves. The answer is kept on disk for as long as it is the same compiler.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { writeCacheFile } from "./cache-file.ts";
import { formatArguments } from "./compiler-arguments.ts";
import { compilerState, dependencyCache, remember } from "./dependencies.ts";
import { compilerEnvironment, languageOfSource } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { runProgram } from "./run-program.ts";

/** Options that decide where. */
const deciding = /^(--sysroot|-isysroot|-B|--prefix|-m|--?target|-nostdinc|-stdlib|--?gcc-toolchain|-i(prefix|withprefix|multilib)|-?-specs|-[Vb]$)/;
/** Of these, those whose values are paths, which may begin where the compiler runs. */
const hasPath = /^(--sysroot|-isysroot|-B|--prefix|--?gcc-toolchain|-i(prefix|withprefix)|-?-specs)/;

/** Absolute; none of a compiler that does not say. */
export async function ownDirectories(invocations: readonly Invocation[], cache = dependencyCache()): Promise<readonly string[]> {
  const stateOf = remember(compilerState);
  const requests = new Map(invocations.map((invocation) => {
    const options = invocation.arguments.filter((word) => word.kind === "option" && deciding.test(word.flag));
    const words = [...formatArguments(options), "-E", "-v", "-x", languageOfSource(invocation) === "c++" ? "c++" : "c", "/dev/null"];
    const directory = options.some((word) => word.kind === "option" && hasPath.test(word.flag)) ? invocation.directory : "/";
    return [JSON.stringify([invocation.compiler, directory, words]), { compiler: invocation.compiler, directory, words }];
  }));
  const found = await Promise.all([...requests].map(async ([key, request]) => {
    const file = join(cache, `${createHash("sha256").update(JSON.stringify(["own directories 2", stateOf(request.compiler), key])).digest("hex")}.directories`);
    const kept = await readFile(file, "utf8").catch(() => "");
    if (kept !== "") return kept.split("\n");
    const directories = await askCompiler(request);
    if (directories.length > 0) await writeCacheFile(file, directories.join("\n"));
    return directories;
  }));
  return found.flat();
}

async function askCompiler({ compiler, directory, words }: { readonly compiler: string; readonly directory: string; readonly words: readonly string[] }): Promise<readonly string[]> {
  // Who has to compile with it says that it is not there.
  const { errors } = await runProgram(compiler, words, { directory, environment: compilerEnvironment }).catch(() => ({ errors: "" }));
  const list = /^#include "\.\.\." search starts here:$([^]*?)^End of search list\.$/m.exec(errors)?.[1] ?? "";
  const found = Array.from(list.matchAll(/^ (\/.*?)(?: \(framework directory\))?$/gm), ([, path = ""]) => path);
  // They may come to be there while the answer is kept.
  const missing = Array.from(errors.matchAll(/^ignoring nonexistent directory "(\/.*)"$/gm), ([, path = ""]) => path);
  return found.length === 0 ? [] : [...found, ...missing];
}
