// `suture debug`: names and source lines of patched code for gdb and perf, from the memory of a process or from a core dump.
// Without --output it says what to tell gdb, which reads the rest from memory itself; no state is kept anywhere.

import { debugFilesOf, debugFilesOfCore, SutureError, type DebugFile } from "../../native/mod.ts";
import { writeDebugDirectory } from "../debug-directory.ts";
import type { DebugResult } from "../results.ts";
import { addPidOption, defineCommand, requirePid, type CommandContext } from "./command.ts";

interface DebugOptions {
  readonly pid?: number;
  readonly core?: string;
  readonly output?: string;
}

export const debug = defineCommand<[], DebugOptions>({
  configure: (command) => addPidOption(command)
    .option("--core <file>", "a core dump of a patched process, in the place of --pid")
    .option("-o, --output <directory>", "write ELF files, commands for gdb and a tree for perf into this directory, which must not exist"),
  examples: ["debug --pid 4242", "debug --core core.4242", "debug --pid 4242 --output debug-4242", "debug --pid 4242 --json"],
  exitCodes: [0, 2, 3, 4, 5],
  async run(context, _operands, options) {
    const { subject, files } = await findFiles(context, options);
    const { output } = options;
    const written = output === undefined ? undefined : await writeDebugDirectory(output, subject, files);
    const patches = files.map(({ patch, base, functions, hasLines }, index) => ({ patch, base, functions, hasLines, ...(written === undefined ? {} : { file: written.files[index] ?? "" }) }));
    const { directory, gdb, perf } = written ?? {};
    return { result: { type: "debug", debug: { ...subject, patches, ...(directory === undefined || gdb === undefined || perf === undefined ? {} : { written: { directory, gdb, perf } }) } } };
  },
});

async function findFiles(context: CommandContext, { pid, core }: DebugOptions): Promise<{ readonly subject: Pick<DebugResult, "pid" | "core">; readonly files: readonly DebugFile[] }> {
  if (core !== undefined && pid !== undefined) throw new SutureError("usage", "Cannot debug: both a process and a core dump are named");
  if (core !== undefined) return { subject: { core }, files: await debugFilesOfCore(core) };
  const chosen = requirePid(context, pid, "debug");
  return { subject: { pid: chosen }, files: await debugFilesOf(await context.session.tracer(), chosen) };
}
