// compile_commands.json: how each unit was compiled. Written by CMake, Meson, bear and others, who use its freedoms
// differently: a list of arguments or a shell command, absolute or relative paths, one file several times.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import * as v from "valibot";

import { SutureError } from "../errors.ts";
import { outputOf } from "./compiler-arguments.ts";
import { splitShellWords } from "./shell-words.ts";
import type { CompileCommand, CreateOptions } from "./types.ts";

const databaseSchema = v.array(v.object({
  directory: v.string(),
  file: v.string(),
  arguments: v.optional(v.array(v.string())),
  command: v.optional(v.string()),
  output: v.optional(v.string()),
}));

type DatabaseEntry = v.InferOutput<typeof databaseSchema>[number];

/** The compile commands whose source files exist, each command once. */
export async function readCompileCommands(options: Pick<CreateOptions, "compileCommands" | "source">): Promise<readonly CompileCommand[]> {
  const path = resolve(options.compileCommands ?? join(options.source, "compile_commands.json"));
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new SutureError("no-compile-command",
      `Cannot read compile commands ${path}: ${cause.code === "ENOENT" ? "there is no such file" : cause.message}; "suture capture -- make" writes them while the program is built`, { path }, { cause });
  });
  return parseCompileCommands(text, path);
}

/** @see readCompileCommands */
export function parseCompileCommands(text: string, path: string): readonly CompileCommand[] {
  const commands = parseDatabase(text, path)
    .map((entry) => toCompileCommand(entry, path))
    .filter((command) => command.arguments.length > 0 && existsSync(command.file));
  // Of two that write one object the later one made what is there: a build with a profile compiles everything twice.
  const keyOf = ({ output, ...rest }: CompileCommand): string => JSON.stringify(output === undefined ? rest : [rest.file, output]);
  return [...new Map(commands.map((command) => [keyOf(command), command])).values()];
}

function parseDatabase(text: string, path: string): readonly DatabaseEntry[] {
  try {
    return v.parse(databaseSchema, JSON.parse(text));
  } catch (cause) {
    const where = cause instanceof v.ValiError ? ` at ${v.getDotPath(cause.issues[0]) ?? "the top"}` : "";
    throw new SutureError("no-compile-command",
      `Cannot read compile commands ${path}: ${(cause as Error).message}${where}; "suture capture -- make" writes them anew`, { path }, { cause: cause as Error });
  }
}

function toCompileCommand(entry: DatabaseEntry, path: string): CompileCommand {
  const directory = resolve(dirname(path), entry.directory);
  const words = entry.arguments ?? splitShellWords(entry.command ?? "");
  const output = entry.output ?? outputOf(words);
  return {
    directory,
    file: resolve(directory, entry.file),
    arguments: words,
    ...(output === undefined ? {} : { output: resolve(directory, output) }),
  };
}
