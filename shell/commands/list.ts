// `suture list`: the patches that a process carries, or every process on the machine that carries any.

import { listPatches } from "../../native/mod.ts";
import { addPidOption, defineCommand } from "./command.ts";

interface ListOptions {
  readonly pid?: number;
  readonly all?: boolean;
}

export const list = defineCommand<[], ListOptions>({
  configure: (command) => addPidOption(command).option("--all", "every process, in a shell that is attached to one"),
  examples: ["list", "list --pid 4242", "list --json"],
  exitCodes: [0, 2, 3, 4],
  async run({ session, attachedPid }, _operands, { pid, all }) {
    const chosen = pid ?? (all === true ? undefined : attachedPid);
    const processes = await listPatches(await session.tracer(), chosen);
    return { result: { type: "list", processes } };
  },
});
