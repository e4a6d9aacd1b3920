// What a patch wants done in the process when it comes and goes: functions of the patch itself, each called once, on one of the
// process's own threads. Before the switch: pre-patch, which alone may refuse, or pre-unpatch. After it: post-patch or post-unpatch.
// Where a switch does not come about after all, what was done before it is answered by its counterpart: post-unpatch where
// pre-patch had run, post-patch where pre-unpatch had.
//
// Patches that another one replaces are not asked: the one that comes knows what it takes over. Nor is anything called for a
// run that died: a callback runs at most once.

import { address } from "../address.ts";
import type { AddressRange } from "../address.ts";
import { SutureError } from "../errors.ts";
import type { CallbackMoment } from "../image/mod.ts";
import type { CallOutcome } from "../tracer.ts";
import { callInTarget } from "./calls.ts";
import type { Carrying } from "./carrying.ts";
import type { LedgerCallback, LedgerPatch } from "./ledger-records.ts";
import { refuse } from "./refusal.ts";
import type { Change } from "./stacking.ts";
import { inEach } from "./transaction.ts";
import type { FailedCallback } from "./types.ts";

/** A patch that comes or goes in one process. */
export interface Calling extends Carrying {
  readonly change: Change;
}

interface Moments {
  readonly before: CallbackMoment;
  readonly after: CallbackMoment;
  /** Where the switch did not come about. */
  readonly back: CallbackMoment;
}

const coming: Moments = { before: "pre-patch", after: "post-patch", back: "post-unpatch" };
const going: Moments = { before: "pre-unpatch", after: "post-unpatch", back: "post-patch" };

function momentsOf({ change: { incoming, outgoing } }: Calling): Moments | undefined {
  if (incoming.length > 0) return coming;
  return outgoing.length > 0 ? going : undefined;
}

const callbacksFor = ({ callbacks = [] }: LedgerPatch, when: CallbackMoment | undefined): readonly LedgerCallback[] => callbacks.filter((each) => each.when === when);

/** By process. */
export type FailedCallbacks = ReadonlyMap<number, readonly FailedCallback[]>;

/**
 * Runs what comes before the switch in each process, and puts those in which anything ran into `called`. Gives what went wrong with
 * a patch that goes: who wants it out gets it out. Refuses: callback-refused, callback-failed, cannot-borrow-thread.
 */
export async function callBefore<Each extends Calling>(act: string, all: readonly Each[], called: Each[]): Promise<FailedCallbacks> {
  return new Map(await inEach(all, async (each) => {
    const moments = momentsOf(each);
    const wanted = callbacksFor(each.patch, moments?.before);
    if (wanted.length > 0 || callbacksFor(each.patch, moments?.back).length > 0) called.push(each);
    const failed: FailedCallback[] = [];
    for (const callback of wanted) {
      const outcome = await call(each, callback);
      if (callback.when === "pre-patch") checkOutcome(act, each, callback, outcome);
      else failed.push(...failureOf(callback, describeFailure(outcome)));
    }
    return [each.open.process.pid, failed] as const;
  }));
}

/** Only a callback that comes before the patch can hold it up. */
function checkOutcome(act: string, { open: { process: { pid } } }: Calling, { when, name }: LedgerCallback, outcome: CallOutcome): void {
  const data = { pid, callback: name, when };
  if (outcome.end !== "returned") throw refuse("callback-failed", act, `its ${when} callback ${name} ${describe(outcome)} in pid ${pid}`, data);
  const answer = BigInt.asIntN(32, outcome.value);
  if (answer !== 0n) throw refuse("callback-refused", act, `its pre-patch callback ${name} refuses with ${answer} in pid ${pid}`, { ...data, answer: Number(answer) });
}

/** After the switch. What fails now stops nothing any more, and is told. */
export const callAfter = (each: Calling): Promise<readonly FailedCallback[]> => callAll(each, momentsOf(each)?.after);

/** The switch did not come about. */
export const callBack = (each: Calling): Promise<readonly FailedCallback[]> => callAll(each, momentsOf(each)?.back);

async function callAll(each: Calling, when: CallbackMoment | undefined): Promise<readonly FailedCallback[]> {
  const failed: FailedCallback[] = [];
  for (const callback of callbacksFor(each.patch, when)) {
    failed.push(...failureOf(callback, await call(each, callback).then(describeFailure, describeError)));
  }
  return failed;
}

const failureOf = ({ when, name }: LedgerCallback, outcome: string | undefined): readonly FailedCallback[] => (outcome === undefined ? [] : [{ when, function: name, outcome }]);

const describeFailure = (outcome: CallOutcome): string | undefined => (outcome.end === "returned" ? undefined : describe(outcome));

function describeError(error: unknown): string {
  if (error instanceof SutureError) return `was not called: ${error.message}`;
  throw error;
}

function describe(outcome: CallOutcome): string {
  switch (outcome.end) {
    case "crashed": return `crashed with signal ${outcome.signal}`;
    case "late": return "did not return in time";
    case "ended": return "wanted to end the process";
    case "returned": return "returned";
  }
}

/** Not on a thread that stands in the patch: it may hold what the callback waits for. */
function call({ open: { tracer, target, process }, patch }: Calling, { at, through }: LedgerCallback): Promise<CallOutcome> {
  const avoid: readonly AddressRange[] = patch.mappings.map(({ code }) => ({ start: address(code.start), end: code.end }));
  return callInTarget(tracer, target, process, { function: at, through, avoid });
}
