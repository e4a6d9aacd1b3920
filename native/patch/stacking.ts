// Patches on top of each other: an entry leads to the newest patch that redirects it, and that one's saved bytes are the
// jump of the one below. What every entry must hold before and after a change follows from the patches that are carried, so
// a revert in any order, a replacement and a recovery are worked out here, all in the same way. Pure.

import type { Address } from "../address.ts";
import type { LedgerFunction, LedgerPatch, LedgerRecord, Peer } from "./ledger-records.ts";
import type { CarriedPatch } from "./ledger-state.ts";

/** What comes and what goes in one stop. */
export interface Change {
  readonly incoming: readonly LedgerPatch[];
  readonly outgoing: readonly LedgerPatch[];
}

/** What is written down before the switch is tried in `all` processes; undefined when nothing changes. */
export function intentOf({ incoming: [coming], outgoing }: Change, all: readonly Peer[]): LedgerRecord | undefined {
  const peers = all.length > 1 ? { peers: all } : {};
  if (coming === undefined) return outgoing[0] && { record: "deactivating", name: outgoing[0].name, ...peers };
  return outgoing.length === 0 ? { record: "activating", name: coming.name, ...peers } : { record: "replacing", name: coming.name, replaces: outgoing.map(({ name }) => name), ...peers };
}

/** What is written down when the switch has ended; the first one under its stop. */
export function recordsFor(end: "old" | "new", { incoming, outgoing }: Change): readonly LedgerRecord[] {
  const [only, another] = incoming;
  if (end === "new" && only !== undefined && another === undefined && outgoing.length > 0) {
    return [{ record: "replaced", name: only.name, replaces: outgoing.map(({ name }) => name) }];
  }
  const stay = end === "new" ? incoming : outgoing;
  const go = end === "new" ? outgoing : incoming;
  return [...go.map(({ name }): LedgerRecord => ({ record: "inactive", name })), ...stay.map(({ name }): LedgerRecord => ({ record: "active", name }))];
}

/** What redirects the function at `at`, the oldest first. */
export const layersAt = (carried: readonly CarriedPatch[], at: Address): readonly Layer[] =>
  carried.filter(({ state }) => state !== "staged").flatMap(({ patch }) => patch.functions.filter((each) => each.at === at).map((function_) => ({ patch, function: function_ })));

export interface Layer {
  readonly patch: LedgerPatch;
  readonly function: LedgerFunction;
}

/** The entries that change, each with the bytes that it holds before as `saved` and those after as `jump`. */
export function planEntries(carried: readonly CarriedPatch[], { incoming, outgoing }: Change): readonly LedgerFunction[] {
  const [coming, going] = [incoming, outgoing].map((patches) => new Set(patches.map(({ name }) => name)));
  const before = carried.filter(({ patch }) => coming?.has(patch.name) !== true);
  const touched = new Map([...outgoing, ...incoming].flatMap(({ functions }) => functions).map((each) => [each.at, each]));
  return [...touched.values()].flatMap((each) => {
    const layers = layersAt(before, each.at);
    const staying = layers.filter(({ patch }) => going?.has(patch.name) !== true);
    const fresh = incoming.flatMap(({ functions }) => functions).find(({ at }) => at === each.at);
    const saved = layers.at(-1)?.function.jump ?? each.saved;
    const jump = fresh?.jump ?? staying.at(-1)?.function.jump ?? layers[0]?.function.saved ?? each.saved;
    return Buffer.from(saved).equals(jump) ? [] : [{ ...each, saved, jump }];
  });
}
