// `suture verify`: are the bytes in the process those that its ledger says? The report is the answer either way; what
// does not match is also an exit code.

import { verifyPatches } from "../../native/mod.ts";
import { addPidsOption, defineCommand, requireProcesses } from "./command.ts";

export const verify = defineCommand<[], { readonly pid?: readonly number[] }>({
  configure: addPidsOption,
  examples: ["verify --pid 4242", "verify --pid 4242 --pid 4243 --json"],
  exitCodes: [0, 2, 3, 4, 7],
  async run(context, _operands, flags) {
    const { pids = [] } = requireProcesses(context, flags, "verify");
    const tracer = await context.session.tracer();
    const reports = await Promise.all(pids.map((pid) => verifyPatches(tracer, pid)));
    const [verified, ...others] = reports;
    const exitCode = reports.every((each) => each.verified) ? 0 : 7;
    // One process is one report; that is its documented shape.
    if (verified !== undefined && others.length === 0) return { result: { type: "verified", verified }, exitCode };
    return { result: { type: "verified-several", reports }, exitCode };
  },
});
