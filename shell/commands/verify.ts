// `suture verify`: are the bytes in the process those that its ledger says? The report is the answer either way; what
// does not match is also an exit code.

import { verifyPatches } from "../../native/mod.ts";
import { addPidOption, defineCommand, requirePid } from "./command.ts";

export const verify = defineCommand<[], { readonly pid?: number }>({
  configure: addPidOption,
  examples: ["verify --pid 4242", "verify --pid 4242 --json"],
  exitCodes: [0, 2, 3, 4, 7],
  async run(context, _operands, { pid }) {
    const chosen = requirePid(context, pid, "verify");
    const verified = await verifyPatches(await context.session.tracer(), chosen);
    return { result: { type: "verified", verified }, exitCode: verified.verified ? 0 : 7 };
  },
});
