// What a subcommand is: how its options are read, what it runs, and what its help says. A command returns a typed
// result or throws a SutureError; it prints nothing itself except progress.

import type { Command } from "commander";
import { SutureError, type ExitCode, type ProcessSelection } from "../../native/mod.ts";
import { collect, parsePid } from "../options.ts";
import type { Progress, ProgressMode } from "../progress.ts";
import type { CommandOutcome } from "../results.ts";
import type { Session } from "../session.ts";

/** What a command may use while it runs. */
export interface CommandContext {
  readonly session: Session;
  /** The process that the interactive shell is attached to. */
  readonly attachedPid?: number;
  /** All that can be called here. */
  readonly commands: readonly CommandEntry[];
  /** The result will be printed as JSON. */
  readonly json: boolean;
  /** One line of a command's own output before its result, as a recipe's log. Goes to standard error under `--json`. */
  readonly say: (line: string) => void;
  /** The steps of long work, in the way that the user chose. */
  readonly openProgress: (mode: ProgressMode) => Progress;
  /** A line that must be read even so, such as a warning about a patch. Standard error. */
  readonly warn: (line: string) => void;
}

/** A subcommand as its own file defines it. */
export interface CommandDefinition {
  /** Adds arguments and options. */
  readonly configure: (command: Command) => void;
  readonly run: (context: CommandContext, operands: readonly unknown[], options: object) => Promise<CommandOutcome>;
  readonly examples: readonly string[];
  readonly exitCodes: readonly ExitCode[];
}

/** A line of the table of subcommands: enough for `suture --help` without loading the command. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandDefinition>;
  /** Worth starting the helper for before it is loaded. */
  readonly usesHelper?: boolean;
}

interface TypedDefinition<Operands extends readonly unknown[], Options extends object>
  extends Omit<CommandDefinition, "run"> {
  readonly run: (context: CommandContext, operands: Operands, options: Options) => Promise<CommandOutcome>;
}

/**
 * Gives `run` the types that `configure` promises. The option parser is untyped at its rim; this is the one place
 * where a command's word is taken for it.
 */
export const defineCommand = <Operands extends readonly unknown[], Options extends object>(
  definition: TypedDefinition<Operands, Options>,
): CommandDefinition => ({
  ...definition,
  run: (context, operands, options) => definition.run(context, operands as unknown as Operands, options as Options),
});

/** The `--pid` option of every command that works on one process. */
export const addPidOption = (command: Command): Command =>
  command.option("--pid <pid>", "the process to work on", parsePid);

/** The process that was named, or the one the shell is attached to. */
export function requirePid(context: CommandContext, pid: number | undefined, act: string): number {
  const chosen = pid ?? context.attachedPid;
  if (chosen !== undefined) return chosen;
  throw new SutureError("usage", `Cannot ${act}: no process is named; add --pid PID`);
}

/** For commands that work on several processes at once. */
export interface ProcessFlags {
  readonly pid?: readonly number[];
  readonly tree?: readonly number[];
  readonly exe?: readonly string[];
}

const collectPids = (text: string, previous: readonly number[] | undefined): readonly number[] => [...(previous ?? []), parsePid(text)];

export const addProcessOptions = (command: Command): Command =>
  command
    .option("--pid <pid>", "a process to work on; may be given several times", collectPids)
    .option("--tree <pid>", "a process and all of its descendants that run the same program", collectPids)
    .option("--exe <file>", "every process that runs this file, or one that it has replaced", collect);

export const isNamed = ({ pid = [], tree = [], exe = [] }: ProcessFlags): boolean => pid.length + tree.length + exe.length > 0;

/** Who asks for all processes must not take the silence of some for an answer. */
export function warnOfHidden({ warn }: CommandContext, hidden: number): void {
  if (hidden > 0) warn(`${hidden} ${hidden === 1 ? "process" : "processes"} of this machine may not be looked into; root, or a helper with CAP_SYS_PTRACE, sees all`);
}

/** The processes that were named, or the one the shell is attached to. */
export function requireProcesses(context: CommandContext, { pid = [], tree = [], exe = [] }: ProcessFlags, act: string): ProcessSelection {
  if (isNamed({ pid, tree, exe })) return { pids: pid, trees: tree, programs: exe };
  if (context.attachedPid !== undefined) return { pids: [context.attachedPid] };
  throw new SutureError("usage", `Cannot ${act}: no process is named; add --pid PID`);
}
