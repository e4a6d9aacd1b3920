// Processes that were to be switched together end in the same state, even when the helper and its guardian have died in the
// middle: the helper parks the entries of all before it places the first. So where one process has a new entry, or has been
// switched to the end, all are finished; where none has, all are undone. Whoever settles one of them looks at the others; it
// comes to the same whichever is looked at first.
//
// A peer that has ended, has become another program or cannot be looked into has nothing to say. One that a debugger holds is not
// guessed about: already-traced.

import { SutureError } from "../errors.ts";
import { parseMaps } from "../target/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { readEntries } from "./entries.ts";
import { findLedger } from "./ledger.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { CarriedPatch, LedgerState } from "./ledger-state.ts";
import { describeOnceUntraced } from "./our-tracers.ts";
import { planEntries } from "./stacking.ts";
import type { Change } from "./stacking.ts";

/** The others that the interrupted change was to switch. */
export function peersOf({ pid, startTime }: ProcessIdentity, { patches }: LedgerState): readonly ProcessIdentity[] {
  const all = patches.flatMap(({ peers = [] }) => peers);
  const others = all.filter((each) => each.pid !== pid || each.startTime !== startTime);
  return [...new Map(others.map((each) => [each.pid, each])).values()];
}

/** What the ledger says was begun and not ended. */
export function begunChange({ patches }: LedgerState): Change {
  const named = (wanted: CarriedPatch["state"]) => patches.filter(({ state }) => state === wanted).map(({ patch }) => patch);
  return { incoming: named("activating"), outgoing: named("deactivating") };
}

/** Has any of them begun to be what `change` leads to? */
export async function isSwitchedAnywhere(tracer: TracerClient, peers: readonly ProcessIdentity[], change: Change): Promise<boolean> {
  for (const peer of peers) {
    if (await isSwitchedIn(tracer, peer, change).catch(nothingToSay)) return true;
  }
  return false;
}

function nothingToSay(error: unknown): false {
  if (error instanceof SutureError && error.kind === "already-traced") throw error;
  if (error instanceof SutureError && error.exitCode === 3) return false;
  throw error;
}

async function isSwitchedIn(tracer: TracerClient, peer: ProcessIdentity, { incoming: [coming], outgoing: [going] }: Change): Promise<boolean> {
  const { startTime } = await describeOnceUntraced(tracer, peer.pid);
  if (startTime !== peer.startTime) return false;
  const ledger = await findLedger(tracer, peer, parseMaps(await tracer.readMaps(peer.pid)));
  const found = (coming ?? going) && ledger?.find((coming ?? going)?.name ?? "");
  const begun = found?.state === "activating" || found?.state === "deactivating";
  if (ledger !== undefined && begun) {
    const entries = await readEntries(tracer, peer, { functions: planEntries(ledger.patches, begunChange(ledger.state)) });
    return entries.some(({ holds }) => holds === "new");
  }
  return coming === undefined ? found?.state !== "active" : found?.state === "active" && found.patch.digest === coming.digest;
}
