// Whatever fails is undone, without hiding why it failed.

import { SutureError } from "../errors.ts";
import { readOurMappings } from "./ledger.ts";
import type { OpenProcess } from "./open-process.ts";

/** `undo` in each, whatever happens in the others; processes that have ended, or have become another program, need none. */
export async function undoInEach<Each extends { readonly open: OpenProcess }>(all: readonly Each[], undo: (each: Each) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const each of all) {
    await undo(each).catch(async (error: unknown) => {
      if (!isGone(error) && await hasOurMemory(each.open)) failures.push(error);
    });
  }
  if (failures.length > 0) throw failures[0];
}

/** All that is ever undone leads to memory that we have made. A program that is executed anew has none of it. */
async function hasOurMemory({ tracer, process }: OpenProcess): Promise<boolean> {
  try {
    const { startTime } = await tracer.describeProcess(process.pid);
    return startTime === process.startTime && (await readOurMappings(tracer, process.pid)).length > 0;
  } catch (error) {
    return !isGone(error);
  }
}

/** Runs `undo` when `work` fails. A process that has ended needs no undoing. */
export async function undoingOnFailure<Result>(work: () => Promise<Result>, undo: () => Promise<void>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    await undo().catch((second: unknown) => { throw explainBoth(error, second); });
    throw error;
  }
}

const isGone = (error: unknown): boolean => error instanceof SutureError && (error.kind === "process-gone" || error.kind === "no-such-process");

function explainBoth(first: unknown, second: unknown): unknown {
  if (!(first instanceof Error) || !(second instanceof Error) || isGone(second)) return first;
  if (second.message === first.message) return first;
  return new SutureError("unfinished-transaction", `${first.message}; and it could not be undone: ${second.message}`, {}, { cause: first });
}
