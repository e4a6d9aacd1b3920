// `suture verify`: are the bytes in the process those that its ledger says? The report is the answer either way; what
// does not match is also an exit code.

import { listAllPatches, SutureError, verifyPatches, type PatchedProcess, type TracerClient, type VerifyReport } from "../../native/mod.ts";
import { addProcessOptions, defineCommand, isNamed, requireProcesses, warnOfHidden, type CommandContext, type ProcessFlags } from "./command.ts";
import { forEachProcess, isOneProcess, unlessEnded } from "./each-process.ts";

interface VerifyOptions extends ProcessFlags {
  readonly all?: boolean;
}

export const verify = defineCommand<[], VerifyOptions>({
  configure: (command) => addProcessOptions(command).option("--all", "every process that carries patches"),
  examples: ["verify --pid 4242", "verify --tree 4242", "verify --all --json"],
  exitCodes: [0, 2, 3, 4, 5, 7],
  async run(context, _operands, { all, ...flags }) {
    const tracer = await context.session.tracer();
    if (all === true && !isNamed(flags)) return outcomeOf(await verifyAll(context, tracer));
    const selection = requireProcesses(context, flags, "verify");
    const reports = await forEachProcess(selection, (pid) => verifyPatches(tracer, pid));
    const [verified] = reports;
    // One process is one report; that is its documented shape.
    if (verified !== undefined && isOneProcess(selection)) return { ...outcomeOf(reports), result: { type: "verified", verified } };
    return outcomeOf(reports);
  },
});

const outcomeOf = (reports: readonly VerifyReport[]) =>
  ({ result: { type: "verified-several", reports }, exitCode: reports.every(({ verified }) => verified) ? 0 : 7 }) as const;

/** One that cannot be verified, as it is under a debugger or its ledger is damaged, does not keep the others from being so. */
async function verifyAll(context: CommandContext, tracer: TracerClient): Promise<readonly VerifyReport[]> {
  const { processes, hidden } = await listAllPatches(tracer);
  warnOfHidden(context, hidden);
  const reports = await Promise.all(processes.map((each) => unlessEnded(() => verifyOrExplain(tracer, each))));
  return reports.filter((report) => report !== undefined);
}

async function verifyOrExplain(tracer: TracerClient, { pid, program }: PatchedProcess): Promise<VerifyReport> {
  try {
    return await verifyPatches(tracer, pid);
  } catch (error) {
    if (!(error instanceof SutureError) || passesOn.has(error.kind)) throw error;
    return { pid, program, verified: false, patches: [], problem: error.message };
  }
}

/** The process has ended; the helper has. */
const passesOn: ReadonlySet<string> = new Set(["no-such-process", "process-gone", "tracer-failed", "internal"]);
