// `suture shell`: the same commands at a prompt, with the attached process as their default. Attaching is only a name:
// nothing is held, traced or stopped between two commands. One error never ends it. With input that is no terminal it
// reads a script and ends with the exit code of the first line that failed.

import { homedir } from "node:os";
import { createInterface, type CompleterResult } from "node:readline";
import { listPatches, type ExitCode } from "../../native/mod.ts";
import { defineCommand, type CommandDefinition } from "../commands/command.ts";
import { completeLine } from "../commands/complete-line.ts";
import { parsePid } from "../options.ts";
import { reportFailure, runCommandLine, type Surroundings } from "../program.ts";
import { historyPath, readHistory, writeHistory } from "./history.ts";
import { attachTo, shellCommands, type ShellState } from "./shell-commands.ts";
import { splitWords } from "./words.ts";

/** `surroundings` are those of the lines typed at the prompt. */
export const createShellCommand = (surroundings: Surroundings): CommandDefinition =>
  defineCommand<[pid: number | undefined], object>({
    configure: (command) => command.argument("[pid]", "the process to work on", parsePid),
    examples: ["shell 4242", "shell 4242 < script.txt"],
    exitCodes: [0, 2, 3, 4, 5, 6, 7, 8],
    async run({ json, session }, [pid]) {
      const state: ShellState = { pid: undefined, ended: false };
      if (pid !== undefined) await attachTo(state, session, pid);
      const shell = new Shell(state, { ...surroundings, alwaysJson: json, commands: [...surroundings.commands, ...shellCommands(state)] });
      return { exitCode: await (process.stdin.isTTY ? shell.readTerminal() : shell.readScript()) };
    },
  });

class Shell {
  readonly #state: ShellState;
  readonly #surroundings: Surroundings;
  #isRunning = false;

  constructor(state: ShellState, surroundings: Surroundings) {
    this.#state = state;
    this.#surroundings = surroundings;
  }

  /** The exit code of the first line that failed. */
  async readScript(): Promise<ExitCode> {
    let first: ExitCode = 0;
    for await (const line of createInterface({ input: process.stdin })) {
      const exitCode = await this.#runLine(line);
      if (first === 0) first = exitCode;
      if (this.#state.ended) break;
    }
    return first;
  }

  /** Errors have been seen by whoever typed the lines: always 0. */
  async readTerminal(): Promise<ExitCode> {
    const path = historyPath(process.env, homedir());
    let history = await readHistory(path);
    const input = createInterface({
      input: process.stdin,
      output: process.stdout,
      history: [...history],
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, result: CompleterResult) => void) => void this.#complete(line).then((result) => done(null, result)),
      prompt: this.#prompt(),
    });
    input.on("history", (lines) => (history = lines));
    input.on("SIGINT", () => this.#interrupt(() => input.write(null, { ctrl: true, name: "u" })));
    input.prompt();
    for await (const line of input) {
      await this.#runLine(line);
      if (this.#state.ended) break;
      input.setPrompt(this.#prompt());
      input.prompt();
    }
    // ^D leaves the cursor behind the prompt.
    if (!this.#state.ended) this.#surroundings.terminal.out("\n");
    input.close();
    await writeHistory(path, history);
    return 0;
  }

  async #runLine(line: string): Promise<ExitCode> {
    const { pid } = this.#state;
    const { session, terminal, alwaysJson } = this.#surroundings;
    this.#isRunning = true;
    try {
      const words = splitWords(line);
      if (words.length === 0) return 0;
      return await runCommandLine(words, { ...this.#surroundings, ...(pid === undefined ? {} : { attachedPid: pid }) });
    } catch (error) {
      return reportFailure(error, terminal, alwaysJson === true);
    } finally {
      this.#isRunning = false;
      session.rearm();
    }
  }

  /** ^C ends the command that runs, or throws the line away. The session, and the shell, go on. */
  #interrupt(clearLine: () => void): void {
    const { session } = this.#surroundings;
    if (!this.#isRunning) clearLine();
    else if (session.interrupt()) void session[Symbol.asyncDispose]();
  }

  #prompt(): string {
    return this.#state.pid === undefined ? "suture> " : `suture ${this.#state.pid}> `;
  }

  /** A Tab is no reason for an error: what cannot be found out is not offered. */
  async #complete(line: string): Promise<CompleterResult> {
    const { commands } = this.#surroundings;
    const [candidates, typed] = await completeLine(line, { commands, patches: () => this.#patchNames() }).catch(() => [[], line] as const);
    return [[...candidates], typed];
  }

  async #patchNames(): Promise<readonly string[]> {
    const { pid } = this.#state;
    if (pid === undefined) return [];
    const [listed] = await listPatches(await this.#surroundings.session.tracer(), pid);
    return listed?.patches.map(({ name }) => name) ?? [];
  }
}
