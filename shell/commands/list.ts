// `suture list`: the patches that processes carry, or every process on the machine that carries any.

import { listPatches } from "../../native/mod.ts";
import { addPidsOption, defineCommand } from "./command.ts";

interface ListOptions {
  readonly pid?: readonly number[];
  readonly all?: boolean;
}

export const list = defineCommand<[], ListOptions>({
  configure: (command) => addPidsOption(command).option("--all", "every process, in a shell that is attached to one"),
  examples: ["list", "list --pid 4242", "list --json"],
  exitCodes: [0, 2, 3, 4],
  async run({ session, attachedPid }, _operands, { pid, all }) {
    const chosen = pid ?? (all === true || attachedPid === undefined ? undefined : [attachedPid]);
    const tracer = await session.tracer();
    const processes = chosen === undefined ? await listPatches(tracer) : (await Promise.all(chosen.map((each) => listPatches(tracer, each)))).flat();
    return { result: { type: "list", processes } };
  },
});
