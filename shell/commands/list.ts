// `suture list`: the patches that processes carry, or every process on the machine that carries any.

import { listAllPatches, listPatches } from "../../native/mod.ts";
import { addProcessOptions, defineCommand, isNamed, requireProcesses, warnOfHidden, type ProcessFlags } from "./command.ts";
import { forEachProcess } from "./each-process.ts";

interface ListOptions extends ProcessFlags {
  readonly all?: boolean;
}

export const list = defineCommand<[], ListOptions>({
  configure: (command) => addProcessOptions(command).option("--all", "every process, in a shell that is attached to one"),
  examples: ["list", "list --pid 4242", "list --tree 4242 --json"],
  exitCodes: [0, 2, 3, 4, 5],
  async run(context, _operands, { all, ...flags }) {
    const tracer = await context.session.tracer();
    if (isNamed(flags) || (all !== true && context.attachedPid !== undefined)) {
      const listed = await forEachProcess(requireProcesses(context, flags, "list"), (pid) => listPatches(tracer, pid));
      return { result: { type: "list", processes: listed.flat() } };
    }
    const { processes, hidden } = await listAllPatches(tracer);
    warnOfHidden(context, hidden);
    return { result: { type: "list", processes } };
  },
});
