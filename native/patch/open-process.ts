// A process and its ledger, as they stand now.

import { openTarget } from "../target/mod.ts";
import type { Target } from "../target/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { findLedger } from "./ledger.ts";
import type { Ledger, ProcessIdentity } from "./ledger.ts";
import type { ChosenProcess } from "./processes.ts";

export interface OpenProcess {
  readonly tracer: TracerClient;
  readonly target: Target;
  readonly process: ProcessIdentity;
  readonly ledger: Ledger | undefined;
  /** How it came to be worked on; undefined for one that was named. */
  readonly chosen?: ChosenProcess;
}

/** Refuses: bad-ledger, and what opening a target refuses. */
export async function openProcess(tracer: TracerClient, process: ProcessIdentity, chosen?: ChosenProcess): Promise<OpenProcess> {
  const target = await openTarget(tracer, process.pid);
  return { tracer, target, process, ...(chosen === undefined ? {} : { chosen }), ledger: await findLedger(tracer, process, target.mappings) };
}
