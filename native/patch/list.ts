// Which patches a process carries, or every process of the machine. Asks nobody but the processes: no state is kept
// elsewhere. Reads only, and only the ledger: a list must be quick.

import type { AddressRange } from "../address.ts";
import { SutureError } from "../errors.ts";
import { parseMaps } from "../target/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { findLedger, ledgerPath, openLedger } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerMapping, LedgerPatch } from "./ledger-records.ts";
import { stateOf } from "./ledger-state.ts";
import type { LedgerState } from "./ledger-state.ts";
import { describeOnceUntraced } from "./our-tracers.ts";
import { reportFunctions } from "./transaction.ts";
import type { ListedPatch, PatchedMachine, PatchedProcess, PatchState } from "./types.ts";

/**
 * Without a pid: every process that carries patches and that we may look into, those whose ledger cannot be read with the
 * problem in the place of patches. Refuses, of the one process asked for: bad-ledger, and what describing a process refuses.
 */
export async function listPatches(tracer: TracerClient, pid?: number): Promise<readonly PatchedProcess[]> {
  return pid === undefined ? (await listAllPatches(tracer)).processes : [await listOne(tracer, pid)];
}

async function listOne(tracer: TracerClient, pid: number): Promise<PatchedProcess> {
  const { program, startTime } = await describeOnceUntraced(tracer, pid);
  const ledger = await findLedger(tracer, { pid, startTime }, parseMaps(await tracer.readMaps(pid)));
  return { pid, program, patches: listLedger(ledger, pid) };
}

/** The whole machine, and how much of it may not be looked into. */
export async function listAllPatches(tracer: TracerClient): Promise<PatchedMachine> {
  const holders = new Map<number, { readonly program: string; readonly startTime: bigint; readonly ledgers: AddressRange[] }>();
  const { mappings, hidden } = await tracer.holders(ledgerPath);
  for (const { pid, program, startTime, start, end } of mappings) {
    const known = holders.get(pid) ?? { program, startTime, ledgers: [] };
    holders.set(pid, known);
    known.ledgers.push({ start, end });
  }
  const listed = await Promise.all([...holders].map(([pid, { program, startTime, ledgers }]) => listHolder(tracer, { pid, startTime }, program, ledgers)));
  return { processes: listed.filter((process) => process !== undefined).sort((one, other) => one.pid - other.pid), hidden };
}

async function listHolder(tracer: TracerClient, process: { readonly pid: number; readonly startTime: bigint }, program: string, ledgers: readonly AddressRange[]): Promise<PatchedProcess | undefined> {
  try {
    const ledger = await openLedger(tracer, process, ledgers);
    return { pid: process.pid, program, patches: listLedger(ledger, process.pid) };
  } catch (error) {
    if (!(error instanceof SutureError)) throw error;
    if (error.kind === "bad-ledger") return { pid: process.pid, program, patches: [], problem: error.message };
    if (hasVanished.has(error.kind)) return undefined;
    throw error;
  }
}

/** Between being found and being read: ended, became another program, took its last patch back. */
const hasVanished: ReadonlySet<string> = new Set(["no-such-process", "process-gone", "unreadable-memory", "not-permitted"]);

const listLedger = (ledger: Ledger | undefined, pid: number): readonly ListedPatch[] => (ledger === undefined ? [] : listState(ledger.state, pid));

const listState = ({ patches, retired }: LedgerState, pid: number): readonly ListedPatch[] => [
  ...patches.map((each) => ({ ...listPatch(each.patch, stateOf(each), pid), ...(each.forced.length === 0 || each.state === "staged" ? {} : { forced: each.forced }) })),
  ...retired.map((patch) => listPatch(patch, "retired", pid)),
];

const listPatch = (patch: LedgerPatch, state: PatchState, pid: number): ListedPatch =>
  ({ name: patch.name, state, digest: patch.digest, functions: reportFunctions(patch), ...(patch.values.length === 0 ? {} : { values: patch.values.map(({ name }) => name) }), symbols: patch.mappings.map((mapping) => symbolFile(mapping, pid)), ...(patch.unproved === undefined ? {} : { unproved: patch.unproved }) });

/** The kernel has every mapped file there, named by its range; what comes before the code is the first mapping. */
const symbolFile = ({ start, code }: LedgerMapping, pid: number): NonNullable<ListedPatch["symbols"]>[number] =>
  ({ file: `/proc/${pid}/map_files/${start.toString(16)}-${code.start.toString(16)}`, base: start });
