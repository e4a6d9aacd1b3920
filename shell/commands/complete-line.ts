// What may come next on a command line: names of commands, their options, files, patches. For the prompt, which asks anew at each
// Tab, and for the shells of others, which get a script once. Read from the commands' own definitions: nothing is listed twice.

import { readdir } from "node:fs/promises";
import { Command } from "commander";
import type { CommandEntry } from "./command.ts";

/** What a word of the line is: a file or directory, a patch that the process carries, or none that could be known. */
type WordKind = "file" | "patch" | "other";

interface CompletedOption {
  readonly name: string;
  /** Of its value; undefined when it takes none. */
  readonly value: WordKind | "pid" | undefined;
}

export interface CompletedCommand {
  readonly name: string;
  readonly options: readonly CompletedOption[];
  /** Of its first argument. */
  readonly argument: WordKind;
}

const kinds: Readonly<Record<string, WordKind | "pid">> = {
  file: "file", elf: "file", directory: "file", image: "file", inputs: "file", recipe: "file", command: "file", name: "patch", pid: "pid",
};

export async function describeCommand({ name, load }: CommandEntry): Promise<CompletedCommand> {
  const command = new Command(name);
  (await load()).configure(command);
  const options = command.options.map(({ long, flags }) => ({ name: long ?? flags, value: valueKind(flags) }));
  const argument = kinds[command.registeredArguments[0]?.name() ?? ""] ?? "other";
  return { name, options: [...options, ...["--json", "--help"].map((each) => ({ name: each, value: undefined }))], argument: argument === "pid" ? "other" : argument };
}

/** Of flags as commander spells them: `-o, --output <file>`. */
function valueKind(flags: string): CompletedOption["value"] {
  const [, value] = /[<[]([a-z]+)/.exec(flags) ?? [];
  // `build --name` is what a patch is to be called, not one that is there.
  return value === undefined ? undefined : value === "name" ? "other" : kinds[value] ?? "other";
}

export interface CompletionContext {
  readonly commands: readonly CommandEntry[];
  /** Names of the patches that the attached process carries. */
  readonly patches: () => Promise<readonly string[]>;
}

/** The candidates for the last word of `line`, each as it would stand there, and that word as it has been typed. */
export async function completeLine(line: string, { commands, patches }: CompletionContext): Promise<readonly [candidates: readonly string[], typed: string]> {
  const typed = /\S*$/.exec(line)?.[0] ?? "";
  const [first, ...rest] = line.slice(0, line.length - typed.length).trim().split(/\s+/).filter(Boolean);
  const among = (words: readonly string[]): readonly string[] => words.filter((word) => word.startsWith(typed)).map((word) => `${word} `);
  if (first === undefined || first === "help") return [among([...commands.map(({ name }) => name), "help"]), typed];
  const entry = commands.find(({ name }) => name === first);
  if (entry === undefined) return [[], typed];
  const command = await describeCommand(entry);
  if (typed.startsWith("-")) return [among(command.options.map(({ name }) => name)), typed];
  switch (command.options.find(({ name }) => name === rest.at(-1))?.value ?? command.argument) {
    case "file": return [await filesFor(typed), typed];
    case "patch": return [among(await patches()), typed];
    default: return [[], typed];
  }
}

/** Directories end in a slash, so that the next Tab looks into them. Hidden ones only for whoever begins with a dot. */
async function filesFor(typed: string): Promise<readonly string[]> {
  const directory = typed.slice(0, typed.lastIndexOf("/") + 1);
  const begun = typed.slice(directory.length);
  const entries = await readdir(directory === "" ? "." : directory, { withFileTypes: true }).catch(() => []);
  return entries
    .filter(({ name }) => name.startsWith(begun) && (begun.startsWith(".") || !name.startsWith(".")) && !/\s/.test(name))
    .map((entry) => `${directory}${entry.name}${entry.isDirectory() ? "/" : " "}`);
}

/** For bash, to be sourced: commands, options, process ids; files wherever the shell itself would offer them. */
export async function bashCompletion(commands: readonly CommandEntry[]): Promise<string> {
  const described = await Promise.all(commands.map(describeCommand));
  return [
    "_suture() {",
    '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word words=',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -* ]] || { command=$word; break; }; done',
    "  COMPREPLY=()",
    "  case $previous in --pid|--tree) words=$(cd /proc && echo [0-9]*) ;; esac",
    "  [[ -z $words && $command == help ]] && command=",
    '  [[ -z $words ]] && case $command in',
    `    "") words="${[...described.map(({ name }) => name), "help", "--help", "--json", "--version"].join(" ")}" ;;`,
    ...described.map(({ name, options }) => `    ${name}) [[ $current == -* ]] && words="${options.map((option) => option.name).join(" ")}" ;;`),
    "  esac",
    '  [[ -n $words ]] && COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -o bashdefault -o default -F _suture suture",
  ].join("\n");
}
