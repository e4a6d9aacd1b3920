// `suture patchability`: can a function be patched in this program, and why not.

import { explainPatchability, openProgram, SutureError, type Patchability } from "../../native/mod.ts";
import type { PatchabilityResult } from "../results.ts";
import type { Session } from "../session.ts";
import { addPidOption, defineCommand, type CommandContext } from "./command.ts";

interface PatchabilityOptions {
  readonly pid?: number;
  readonly target?: string;
  readonly unit?: string;
  readonly debugFile?: string;
}

export const patchability = defineCommand<[names: readonly string[]], PatchabilityOptions>({
  configure: (command) => addPidOption(command.argument("<functions...>", "names of functions"))
    .option("--target <elf>", "the program or library, instead of a process")
    .option("--unit <file>", "the source file, where several have a function of the name")
    .option("--debug-file <file>", "the program's separate debug file (default: looked for)"),
  examples: ["patchability ACLSetSelector --target /usr/bin/redis-server", "patchability main parse --pid 4242 --json"],
  exitCodes: [0, 2, 3, 5],
  async run(context, [names], options) {
    const path = await programPath(context, options);
    const program = await openProgram(await context.session.tracer(), path, { debugFile: options.debugFile });
    const answers = await Promise.all(names.map((name) => explainPatchability(program, name, options.unit)));
    refuseUnknown(answers);
    return { result: { type: "patchability", functions: answers.map(summarize) } };
  },
});

/** A name that the program does not have is a mistake of whoever asks; all else is an answer. */
function refuseUnknown(answers: readonly Patchability[]): void {
  for (const { name, reasons } of answers) {
    const [reason] = reasons.filter(({ kind }) => kind === "unknown-function");
    if (reason !== undefined) throw new SutureError("unknown-function", `Cannot explain ${name}: ${reason.text}`, { function: name });
  }
}

async function programPath({ session, attachedPid }: CommandContext, { pid, target }: PatchabilityOptions): Promise<string> {
  const chosen = pid ?? attachedPid;
  if (target !== undefined) return target;
  if (chosen !== undefined) return programOf(session, chosen);
  throw new SutureError("usage", "Cannot look at the functions: no program is named; add --target ELF or --pid PID");
}

/** As this mount namespace reaches it. */
async function programOf(session: Session, pid: number): Promise<string> {
  const { program } = await (await session.tracer()).describeProcess(pid);
  return `/proc/${pid}/root${program}`;
}

const summarize = ({ name, verdict, reasons, function: found }: Patchability): PatchabilityResult => ({
  name,
  verdict,
  ...(found?.unit === undefined ? {} : { unit: found.unit.name }),
  ...(found === undefined ? {} : { entry: found.entry, size: found.size }),
  reasons: reasons.map(({ kind, text }) => ({ kind, text })),
});
