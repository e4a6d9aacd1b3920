// What `apply` and `revert` and the steps that they are made of share: for how long to try, how long a stop may be, and what
// to say meanwhile.

import type { Command } from "commander";
import type { Blocker, Processes, TracerClient, TransactionOptions, TransactionProgress, TransactionResult } from "../../native/mod.ts";
import { collect, parseDuration, parseMilliseconds, parseScan } from "../options.ts";
import type { Progress } from "../progress.ts";
import type { Session } from "../session.ts";
import { addProcessOptions, defineCommand, requireProcesses } from "./command.ts";
import type { CommandContext, CommandDefinition, ProcessFlags } from "./command.ts";
import type { CommandOutcome } from "../results.ts";

export interface TransactionFlags extends ProcessFlags {
  readonly dryRun?: boolean;
  readonly timeout?: number;
  readonly maxStop?: number;
  readonly replace?: boolean;
  readonly scan?: "stacks" | "heap";
  readonly forceActive?: readonly string[];
}

export const addTransactionOptions = (command: Command): Command =>
  command
    .option("--timeout <duration>", "go on trying while threads stand in the functions (default: 5s)", parseMilliseconds)
    .option("--max-stop <duration>", "let everyone go, with nothing written, when the working threads would be held for longer, and try again (default: 20ms and 0.1ms for each thread)", parseDuration)
    .option("--scan <where>", "where calls that are under way are looked for: stacks, or heap, which is stacks and all other memory, for coroutines that wait their turn (default: stacks)", parseScan)
    .option("--dry-run", "check everything, change nothing");

type StepByName = (tracer: TracerClient, name: string, processes: Processes, options: TransactionOptions) => Promise<TransactionResult>;

/** A step on a patch that its process carries already: needs no image, but its name. */
export const defineStep = (verb: string, perform: StepByName, examples: readonly string[], addMore = (command: Command): Command => command): CommandDefinition =>
  defineCommand<[name: string], TransactionFlags>({
    configure: (command) => addMore(addTransactionOptions(addProcessOptions(command.argument("<name>", "the patch, as list shows it")))),
    examples,
    exitCodes: [0, 2, 3, 4, 6, 9],
    async run(context, [name], flags) {
      const processes = requireProcesses(context, flags, `${verb} ${name}`);
      const tracer = await context.session.tracer();
      return runTransaction(context, flags, (options) => perform(tracer, name, processes, options));
    },
  });

/** What a script has to know without reading: the switch came about, and what the patch itself does after it did not. */
function transactionOutcome(transaction: TransactionResult): CommandOutcome {
  const isWhole = transaction.processes.every(({ failedCallbacks = [] }) => failedCallbacks.length === 0);
  return { result: { type: "transaction", transaction }, exitCode: isWhole ? 0 : 9 };
}

/** Of applying and activating. */
export const addActivationOptions = (command: Command): Command =>
  command
    .option("--force-active <function>", "do not wait for calls of this function that are under way, they go on in the old code; may be given several times", collect)
    .option("--replace", "all patches that are active go in the same stop");

/** Waiting for threads to leave a function may take long; the engine gives back what was staged when the user wants out. */
export async function runTransaction({ openProgress, session }: CommandContext, flags: TransactionFlags, perform: (options: TransactionOptions) => Promise<TransactionResult>): Promise<CommandOutcome> {
  using progress = openProgress("watched");
  const transaction = await session.whileCleaningUpItself(() => perform(transactionOptions(session, flags, progress)));
  return transactionOutcome(transaction);
}

function transactionOptions({ signal }: Session, flags: TransactionFlags, progress: Progress): TransactionOptions {
  return {
    signal,
    ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }),
    ...(flags.maxStop === undefined ? {} : { maxStop: flags.maxStop }),
    ...(flags.dryRun === undefined ? {} : { dryRun: flags.dryRun }),
    ...(flags.replace === undefined ? {} : { replace: flags.replace }),
    ...(flags.forceActive === undefined ? {} : { forceActive: flags.forceActive }),
    ...(flags.scan === undefined ? {} : { scan: flags.scan }),
    onProgress: (step) => progress.report(step, describeStep(step)),
  };
}

function describeStep(step: TransactionProgress): string {
  switch (step.step) {
    case "staged": return `staged ${step.bytes} bytes in pid ${step.pid}`;
    case "blocked": return `attempt ${step.attempt}: blocked by ${step.blockers.map(describeBlocker).join(", ")}`;
    case "over-budget": return `attempt ${step.attempt}: the stop would take too long`;
    case "committed": case "reverted": case "activated": case "deactivated": case "unloaded": return `attempt ${step.attempt}: ${step.step}`;
  }
}

function describeBlocker(blocker: Blocker): string {
  if (blocker.reason === "in-memory") return `a suspended stack in ${blocker.function}`;
  const thread = `thread ${blocker.tid} (${blocker.thread})`;
  switch (blocker.reason) {
    case "in-use": return `${thread} in ${blocker.function}`;
    case "unreliable-stack": return `${thread}, whose stack cannot be read to its end`;
    case "not-stopped": return `${thread}, which did not stop`;
  }
}
