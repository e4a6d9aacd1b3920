// The `suture` program. It sets up what a run needs, hands the words to the command line's own reader, and turns a wish
// to stop into an end that leaves no process held.

import { SutureError } from "../native/mod.ts";
import { commandTable } from "./commands/table.ts";
import type { CommandEntry } from "./commands/command.ts";
import { asksForJson, reportFailure, runCommandLine } from "./program.ts";
import { eraseLine } from "./progress.ts";
import { Session } from "./session.ts";
import { finishOutput, openTerminal, type Terminal } from "./terminal.ts";
import { version } from "./version.ts";

const words = process.argv.slice(2);
const terminal = openTerminal();
const session = new Session();

const shell: CommandEntry = {
  name: "shell",
  summary: "the same commands at a prompt, on one process",
  load: async () => (await import("./ui/shell.ts")).createShellCommand({ programName: "", version, commands: commandTable, session, terminal }),
};

endOnSignals(session, terminal);
// Nothing is left that could wake us, and no exit code yet: a recipe waits for what will never happen.
process.once("beforeExit", () => {
  const failure = new SutureError("recipe-failed", "Cannot go on: the recipe waits for something that can no longer happen");
  process.exitCode = reportFailure(failure, terminal, asksForJson(words));
});
void main();

async function main(): Promise<never> {
  const exitCode = await runCommandLine(words, {
    programName: "suture",
    version,
    commands: [...commandTable, shell],
    session,
    terminal,
  });
  process.exitCode = exitCode;
  await session[Symbol.asyncDispose]();
  process.exit(await finishOutput().then(() => exitCode, (error: unknown) => reportFailure(error, terminal, false)));
}

/** Interrupted is exit code 6: nothing is half done, trying again may work. What is done already keeps its own code: it only has to end. */
function endOnSignals(session: Session, terminal: Terminal): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!session.interrupt() || process.exitCode !== undefined) return;
      terminal.error(`${terminal.errorIsTerminal ? eraseLine : ""}${terminal.errorStyle.red("error")}: Cannot go on: interrupted by ${signal}\n`);
      void session[Symbol.asyncDispose]().finally(() => process.exit(6));
    });
  }
}
