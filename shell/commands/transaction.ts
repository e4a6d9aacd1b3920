// What `apply` and `revert` share: for how long to try, how long a stop may be, and what to say meanwhile. The two are
// one routine of the engine with the target state swapped.

import type { Command } from "commander";
import type { Blocker, TransactionOptions, TransactionProgress } from "../../native/mod.ts";
import { parseDuration, parseMilliseconds } from "../options.ts";
import type { CommandContext, ProcessFlags } from "./command.ts";

export interface TransactionFlags extends ProcessFlags {
  readonly dryRun?: boolean;
  readonly timeout?: number;
  readonly maxStop?: number;
}

export const addTransactionOptions = (command: Command): Command =>
  command
    .option("--timeout <duration>", "go on trying while threads stand in the functions (default: 5s)", parseMilliseconds)
    .option("--max-stop <duration>", "let everyone go, with nothing written, when the stop would take longer", parseDuration)
    .option("--dry-run", "check everything, change nothing");

/** Waiting for threads to leave a function may take long; the engine gives back what was staged when the user wants out. */
export function transactionOptions({ progress, session }: CommandContext, flags: TransactionFlags): TransactionOptions {
  return {
    signal: session.signal,
    ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }),
    ...(flags.maxStop === undefined ? {} : { maxStop: flags.maxStop }),
    ...(flags.dryRun === undefined ? {} : { dryRun: flags.dryRun }),
    onProgress: (step) => progress(describeStep(step)),
  };
}

function describeStep(step: TransactionProgress): string {
  switch (step.step) {
    case "staged": return `staged ${step.bytes} bytes in pid ${step.pid}`;
    case "blocked": return `attempt ${step.attempt}: blocked by ${step.blockers.map(describeBlocker).join(", ")}`;
    case "over-budget": return `attempt ${step.attempt}: the stop would take too long`;
    case "committed": case "reverted": return `attempt ${step.attempt}: ${step.step}`;
  }
}

function describeBlocker(blocker: Blocker): string {
  const thread = `thread ${blocker.tid} (${blocker.thread})`;
  switch (blocker.reason) {
    case "in-use": return `${thread} in ${blocker.function}`;
    case "unreliable-stack": return `${thread}, whose stack cannot be read to its end`;
    case "not-stopped": return `${thread}, which did not stop`;
  }
}
