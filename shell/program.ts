// One command line, from its words to an exit code: reads it, runs the command, prints the result or the error. The
// program and the interactive shell both come through here, so that they have the same parsers and the same formats.
//
// Under --json exactly one JSON document goes to standard output, an error too; the error's one line of text goes to
// standard error in either case.

import { Command, CommanderError } from "commander";
import { SutureError, type ExitCode } from "../native/mod.ts";
import type { CommandContext, CommandDefinition, CommandEntry } from "./commands/command.ts";
import { exitCodeLines, exitCodes } from "./exit-codes.ts";
import { formatError, formatJson, formatText } from "./formats/mod.ts";
import { openProgress } from "./progress.ts";
import type { CommandOutcome } from "./results.ts";
import type { Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** Where a command line runs. */
export interface Surroundings {
  /** `suture` for the program, empty in the interactive shell. */
  readonly programName: string;
  readonly version: string;
  readonly commands: readonly CommandEntry[];
  readonly session: Session;
  readonly terminal: Terminal;
  readonly attachedPid?: number;
  /** Every line asks for JSON, as when the interactive shell itself was started with it. */
  readonly alwaysJson?: boolean;
}

/** Runs one command line and returns the exit code; never throws. */
export async function runCommandLine(words: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const asJson = surroundings.alwaysJson === true || asksForJson(words);
  try {
    const outcome = await execute(words, surroundings, asJson);
    printOutcome(outcome, surroundings.terminal, asJson);
    return outcome.exitCode ?? 0;
  } catch (error) {
    // A helper that has failed is of no use to the next line of a shell; a new one is.
    if (error instanceof SutureError && error.kind === "tracer-failed") await surroundings.session[Symbol.asyncDispose]();
    return reportFailure(error, surroundings.terminal, asJson);
  }
}

/** Looked for by hand, because the line may be the very thing that cannot be parsed. After `--` it belongs to others. */
export function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return (end === -1 ? words : words.slice(0, end)).includes("--json");
}

async function execute(words: readonly string[], surroundings: Surroundings, asJson: boolean): Promise<CommandOutcome> {
  let outcome: CommandOutcome = {};
  const program = createProgram(surroundings);
  const line = askForHelp(words, surroundings.commands);
  const named = commandIn(line);
  for (const entry of surroundings.commands) {
    const command = program.command(entry.name).description(entry.summary);
    // Only the command that was called is loaded; of the others the table's line is all that the help needs.
    if (entry.name !== named) continue;
    // It gets ready while the command is loaded; whatever fails fails again when it is asked for.
    if (entry.usesHelper === true && !line.some((word) => word === "--help" || word === "-h")) surroundings.session.tracer().catch(() => undefined);
    const definition = await entry.load();
    configureCommand(command, definition, surroundings.programName);
    command.action(async (...parameters: unknown[]) => {
      const context = createContext(surroundings, asJson);
      outcome = await definition.run(context, parameters.slice(0, -2), command.opts());
    });
  }
  try {
    await program.parseAsync(line, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (!isHelp(error)) throw usageError(error, surroundings, named);
  }
  return outcome;
}

/**
 * `help` and `help COMMAND` as the option that says the same. Of a command that does not exist only the name is left:
 * the parser would print the general help, and no error.
 */
function askForHelp(words: readonly string[], commands: readonly CommandEntry[]): readonly string[] {
  const [first, ...rest] = words;
  const line = first === "help" ? [...rest.slice(0, 1), "--help"] : words;
  const named = commandIn(line);
  return named === undefined || commands.some(({ name }) => name === named) ? line : [named];
}

const commandIn = (line: readonly string[]): string | undefined => line.find((word) => !word.startsWith("-"));

function createProgram({ programName, version, terminal }: Surroundings): Command {
  const program = new Command("suture");
  program
    .description("Stitches a fix into a running process, and takes it back.")
    .version(version, "-V, --version", "print the version")
    .option("--json", "print one JSON document on standard output, an error as {\"error\": {\"kind\", \"message\", …}}")
    .helpOption("-h, --help", "explain a command")
    .helpCommand("help [command]", "explain a command")
    .configureHelp({ commandUsage: (command) => join(programName, command === program ? "" : command.name(), command.usage()) })
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError(true)
    // Errors are thrown, and printed by us; help that nobody asked for is not printed.
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: () => undefined, outputError: () => undefined });
  program.addHelpText("after", ["", "Exit codes:", ...exitCodeLines(exitCodes)].join("\n"));
  return program;
}

function configureCommand(command: Command, definition: CommandDefinition, programName: string): void {
  definition.configure(command);
  command
    .option("--json", "print the result as JSON")
    .helpOption("-h, --help", "explain this command")
    .allowExcessArguments(false);
  const examples = definition.examples.map((example) => `  ${join(programName, example)}`);
  const lines = ["", "Examples:", ...examples, "", "Exit codes:", ...exitCodeLines(definition.exitCodes)];
  command.addHelpText("after", lines.join("\n"));
}

function createContext({ session, terminal, commands, attachedPid }: Surroundings, asJson: boolean): CommandContext {
  return {
    session,
    commands,
    ...(attachedPid === undefined ? {} : { attachedPid }),
    json: asJson,
    say: (line) => (asJson ? terminal.error : terminal.out)(`${line}\n`),
    openProgress: (mode) => openProgress(mode, terminal, asJson),
    warn: (line) => terminal.error(`${terminal.style.yellow("warning")}: ${line}\n`),
  };
}

const isHelp = ({ code }: CommanderError): boolean => code === "commander.helpDisplayed" || code === "commander.version";

/** commander's `error: …\n(Did you mean …?)` as one line of ours, with the way out. */
function usageError(error: CommanderError, { programName, commands }: Surroundings, named: string | undefined): SutureError {
  const known = commands.some(({ name }) => name === named) ? named : undefined;
  const wayOut = `see "${join(programName, known ?? "", programName === "" && known === undefined ? "help" : "--help")}"`;
  if (error.code === "commander.help") return new SutureError("usage", `Cannot run: no command is named; ${wayOut}`);
  const [found = "", hint] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = hint?.replace(/^\(Did you mean (.*)\?\)$/, "did you mean $1?");
  const text = found.replace(/\.$/, "").replace(". Expected", ": expected");
  return new SutureError("usage", `Cannot read the command line: ${text}; ${suggestion ?? wayOut}`);
}

const join = (...parts: readonly string[]): string => parts.filter(Boolean).join(" ");

function printOutcome({ result }: CommandOutcome, terminal: Terminal, asJson: boolean): void {
  if (result === undefined) return;
  terminal.out(asJson ? `${formatJson(result, terminal.outIsTerminal)}\n` : `${formatText(result, terminal.style)}\n`);
}

/** Prints an error in both ways and returns its exit code. */
export function reportFailure(thrown: unknown, terminal: Terminal, asJson: boolean): ExitCode {
  const error = toSutureError(thrown);
  if (asJson) terminal.out(`${JSON.stringify(error)}\n`);
  terminal.error(`${formatError(error, terminal.errorStyle)}\n`);
  return error.exitCode;
}

/** Everything that is not a refusal of ours is a fault of ours; it keeps its own error as the cause. */
function toSutureError(error: unknown): SutureError {
  if (error instanceof SutureError) return error;
  const found = error instanceof Error ? error.message : String(error);
  const where = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
  return new SutureError("internal", `Cannot go on: ${found}`, where, { cause: error });
}
