// Words that only make sense at the prompt: which process the lines are about, and when to stop.

import { defineCommand, type CommandEntry } from "../commands/command.ts";
import { parsePid } from "../options.ts";
import type { Session } from "../session.ts";

/** What the shell remembers between two lines. */
export interface ShellState {
  pid: number | undefined;
  ended: boolean;
}

export const shellCommands = (state: ShellState): readonly CommandEntry[] => [
  { name: "attach", summary: "make a process the default of the commands that follow", load: async () => attach(state) },
  { name: "detach", summary: "go back to no process", load: async () => detach(state) },
  { name: "exit", summary: "leave the shell", load: async () => exit(state) },
];

/** Refuses a process that could not be worked on anyway. It is looked at, not held. */
export async function attachTo(state: ShellState, session: Session, pid: number): Promise<string> {
  const { program, threads } = await (await session.tracer()).describeProcess(pid);
  state.pid = pid;
  return `${program}, ${threads} thread${threads === 1 ? "" : "s"}`;
}

const attach = (state: ShellState) => defineCommand<[pid: number], object>({
  configure: (command) => command.argument("<pid>", "the process", parsePid),
  examples: ["attach 4242"],
  exitCodes: [0, 2, 3],
  async run({ session, say }, [pid]) {
    say(await attachTo(state, session, pid));
    return {};
  },
});

const detach = (state: ShellState) => defineCommand<[], object>({
  configure: () => undefined,
  examples: ["detach"],
  exitCodes: [0, 2],
  async run() {
    state.pid = undefined;
    return {};
  },
});

const exit = (state: ShellState) => defineCommand<[], object>({
  configure: () => undefined,
  examples: ["exit"],
  exitCodes: [0, 2],
  async run() {
    state.ended = true;
    return {};
  },
});
