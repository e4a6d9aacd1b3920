// `suture recover`: finishes or undoes what a run that died in the middle has begun.

import { recoverProcess } from "../../native/mod.ts";
import { addProcessOptions, defineCommand, requireProcesses, type ProcessFlags } from "./command.ts";
import { forEachProcess, isOneProcess } from "./each-process.ts";

export const recover = defineCommand<[], ProcessFlags>({
  configure: addProcessOptions,
  examples: ["recover --pid 4242", "recover --tree 4242"],
  exitCodes: [0, 2, 3, 4, 5, 6],
  async run(context, _operands, flags) {
    const selection = requireProcesses(context, flags, "recover");
    const tracer = await context.session.tracer();
    const reports = await forEachProcess(selection, (pid) => recoverProcess(tracer, pid));
    const [recovered] = reports;
    if (recovered !== undefined && isOneProcess(selection)) return { result: { type: "recovered", recovered } };
    return { result: { type: "recovered-several", reports } };
  },
});
