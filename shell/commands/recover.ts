// `suture recover`: finishes or undoes what a run that died in the middle has begun.

import { recoverProcess } from "../../native/mod.ts";
import { addPidOption, defineCommand, requirePid } from "./command.ts";

export const recover = defineCommand<[], { readonly pid?: number }>({
  configure: addPidOption,
  examples: ["recover --pid 4242"],
  exitCodes: [0, 2, 3, 4, 6],
  async run(context, _operands, { pid }) {
    const chosen = requirePid(context, pid, "recover");
    const recovered = await recoverProcess(await context.session.tracer(), chosen);
    return { result: { type: "recovered", recovered } };
  },
});
