// Which compiler a command runs, as it says itself: the programs that do its work, and the state of each of them. A name says
// little: `cc` and scripts of any name lead to this compiler or that.

import { statSync } from "node:fs";
import { basename, delimiter } from "node:path";

import { compilerEnvironment, formatInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";
import { programFile } from "./program-file.ts";
import { runProgram } from "./run-program.ts";
import { realPath } from "./source-tree.ts";

export interface CompilerIdentity {
  /** The same text as long as the same programs would run, with the same defaults of their own. */
  readonly programs: string;
  readonly isGcc: boolean;
}

export interface Compilers {
  /** Asked once for all commands of which the answer is the same. Undefined where the compiler does not say. */
  identify(invocation: Invocation): Promise<CompilerIdentity | undefined>;
}

export function openCompilers(): Compilers {
  const identities = new Map<string, Promise<CompilerIdentity | undefined>>();
  return {
    identify: (invocation) => {
      const request = identityRequest(invocation);
      // Where no option that decides names a path, it is the same compiler wherever it runs: both sides ask once.
      const key = JSON.stringify([namesPath(request) ? invocation.directory : "", invocation.compiler, request]);
      const known = identities.get(key) ?? identifyCompiler(invocation, request);
      identities.set(key, known);
      return known;
    },
  };
}

/** The options that decide which programs run and with which of their own defaults. */
function identityRequest({ arguments: words, spelled }: Invocation): readonly string[] {
  const deciding = words.filter((word) => word.kind === "option" && /^(-m|-B|-b|-V|-specs|--?target|--sysroot|-isysroot|-fno-integrated|-fintegrated|-std|--param)/.test(word.flag));
  return ["-###", "-pipe", ...formatInvocation({ compiler: "", directory: "", arguments: deciding, recorded: [], spelled }, []),
    "-x", spelled.endsWith(".c") ? "c" : "c++", "-c", "/dev/null", "-o", "/dev/null"];
}

const namesPath = (request: readonly string[]): boolean => request.some((word) => /^(-B|-specs|--sysroot|-isysroot)/.test(word));

/** What the compiler says that it would run, and the state of each of these programs. */
async function identifyCompiler({ compiler, directory }: Invocation, request: readonly string[]): Promise<CompilerIdentity | undefined> {
  const { status, errors } = await runProgram(compiler, request, { directory, environment: compilerEnvironment });
  const commands = [...errors.matchAll(/^ (?:"([^"]+)"|([^\s"(]\S*)) .*$/gm)].map(([, quoted, plain = ""]) => quoted ?? plain);
  const states = [compiler, ...commands].map((program) => stateOf(program, errors));
  if (status !== 0 || commands.length === 0 || states.includes(undefined)) return undefined;
  // clang names the directory, which is another one in every run where it is the shadow's.
  return { programs: JSON.stringify([errors.replaceAll(directory, "<directory>"), states]), isGcc: commands.some((program) => /^cc1(plus|obj)?$/.test(basename(program))) };
}

function stateOf(program: string, said: string): string | undefined {
  const file = programFile(program, (/^COMPILER_PATH=(.*)$/m.exec(said)?.[1] ?? "").split(delimiter));
  const found = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false, bigint: true });
  return file === undefined || found === undefined ? undefined : `${realPath(file)} ${found.size} ${found.mtimeNs}`;
}
