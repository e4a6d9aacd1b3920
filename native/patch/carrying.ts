// A patch in a process that carries it: what every step after the loading begins with. Refuses a patch that is not there,
// or not in the state that the step is for.

import type { Ledger } from "./ledger.ts";
import type { LedgerPatch } from "./ledger-records.ts";
import { stateOf } from "./ledger-state.ts";
import type { CarriedPatch } from "./ledger-state.ts";
import { listPatches } from "./list.ts";
import type { OpenProcess } from "./open-process.ts";
import { refuse } from "./refusal.ts";
import type { TracerClient } from "../tracer.ts";
import type { PatchState } from "./types.ts";

export interface Carrying {
  readonly open: OpenProcess;
  readonly ledger: Ledger;
  readonly patch: LedgerPatch;
}

/** The verb of a step, and the word that leads from the patch to the process, for messages. */
const prepositions = { apply: "to", revert: "of", load: "into", activate: "in", deactivate: "in", unload: "from" } as const;
export type Verb = keyof typeof prepositions;

export const actOn = (verb: Verb, patch: string, where: string): string => `${verb} patch "${patch}" ${prepositions[verb]} ${where}`;

/** What is wrong with the state for this step, with the way out; undefined when it is right. */
export type StateCheck = (state: PatchState, act: string) => Error | undefined;

/** Of processes that nobody named, those that carry it in the right state. */
export function findCarriers(opens: readonly OpenProcess[], name: string, verb: Verb, check: StateCheck): readonly Carrying[] {
  const found = opens.map((open) => ({ open, carrying: findCarried(open, name, verb, check) }));
  const isAnyone = found.some(({ carrying }) => !(carrying instanceof Error));
  return found.flatMap(({ open: { chosen }, carrying }) => {
    if (!(carrying instanceof Error)) return [carrying];
    if (isAnyone && chosen?.isNamed === false) return [];
    throw carrying;
  });
}

function findCarried(open: OpenProcess, name: string, verb: Verb, check: StateCheck): Carrying | Error {
  const { ledger, process: { pid } } = open;
  const act = actOn(verb, name, `pid ${pid}`);
  const found = ledger?.find(name);
  if (ledger === undefined || found === undefined) return noSuchPatch(act, pid, name, ledger?.patches ?? []);
  return check(stateOf(found), act) ?? { open, ledger, patch: found.patch };
}

function noSuchPatch(act: string, pid: number, name: string, carried: readonly CarriedPatch[]): Error {
  const applied = carried.map(({ patch }) => patch.name);
  const others = applied.length === 0 ? "no patch is applied" : `it carries no patch of this name, only ${applied.map((each) => `"${each}"`).join(", ")}`;
  return refuse("no-such-patch", act, others, { pid, patch: name, applied });
}

/** In which state a process carries a patch; undefined when it does not. `digest`: only that very patch. */
export async function stateIn(tracer: TracerClient, pid: number, name: string, digest?: string): Promise<PatchState | undefined> {
  const [listed] = await listPatches(tracer, pid);
  return listed?.patches.find((patch) => patch.name === name && patch.state !== "retired" && (digest === undefined || patch.digest === digest))?.state;
}
