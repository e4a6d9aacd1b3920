// Are the bytes in the process those that its ledger says? Entries are held against saved bytes and jumps, and the
// patch's own code and constants against their hash. Reads only.

import { parseMaps } from "../target/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { readEntries, readUnlessGone } from "./entries.ts";
import { findLedger } from "./ledger.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerPatch } from "./ledger-records.ts";
import { stateOf } from "./ledger-state.ts";
import type { CarriedPatch } from "./ledger-state.ts";
import { isOwnMemoryIntact } from "./own-memory.ts";
import { describeOnceUntraced } from "./our-tracers.ts";
import { layersAt } from "./stacking.ts";
import type { VerifiedFunction, VerifiedValue, VerifyReport } from "./types.ts";

/** A patch in the middle of a transaction is not verified, whatever its bytes. Refuses: bad-ledger, and what describing a process refuses. */
export async function verifyPatches(tracer: TracerClient, pid: number): Promise<VerifyReport> {
  const { program, startTime } = await describeOnceUntraced(tracer, pid);
  const process = { pid, startTime };
  const ledger = await findLedger(tracer, process, parseMaps(await tracer.readMaps(pid)));
  const patches = await Promise.all((ledger?.patches ?? []).map((carried, _, all) => verifyPatch(tracer, process, carried, all)));
  const isVerified = patches.every(({ state, codeMatches, functions }) => (state === "active" || state === "loaded") && codeMatches && functions.every(({ matches }) => matches));
  return { pid, program, verified: isVerified, patches };
}

async function verifyPatch(tracer: TracerClient, process: ProcessIdentity, carried: CarriedPatch, all: readonly CarriedPatch[]): Promise<VerifyReport["patches"][number]> {
  const { patch, state } = carried;
  const isRedirected = state === "active" || state === "deactivating";
  const settled = all.filter((other) => other.state === "active" || other.state === "deactivating");
  const entries = await readEntries(tracer, process, patch);
  const functions = entries.map(({ function: { name, at, saved, jump }, found }): VerifiedFunction => {
    // A newer patch may lie on top.
    const expected = isRedirected ? layersAt(settled, at).at(-1)?.function.jump ?? jump : saved;
    return { name, patch: patch.name, at, matches: Buffer.from(found).equals(expected), expected, found };
  });
  return { name: patch.name, state: stateOf(carried), functions, values: await verifyValues(tracer, process, patch), codeMatches: await isOwnMemoryIntact(tracer, process, patch), ...(patch.unproved === undefined ? {} : { unproved: patch.unproved }) };
}

async function verifyValues(tracer: TracerClient, { pid }: ProcessIdentity, { values }: LedgerPatch): Promise<readonly VerifiedValue[]> {
  return Promise.all(values.map(async ({ name, at, expected, replacement }) => {
    const found = await readUnlessGone(tracer, pid, at, expected.length);
    const holds = Buffer.from(found).equals(replacement) ? "new" : Buffer.from(found).equals(expected) ? "old" : "other";
    return { name, at, holds, found };
  }));
}
