// For commands that do the same for each of several processes and answer for each: one process by its number is one report,
// whatever else names processes is a list of them.

import { chooseProcesses, SutureError, type ProcessSelection } from "../../native/mod.ts";

export const isOneProcess = ({ pids = [], trees = [], programs = [] }: ProcessSelection): boolean =>
  pids.length === 1 && trees.length + programs.length === 0;

/** In the order of their pids, but as they were named where all were. Processes that nobody named and that have ended meanwhile are left out. */
export async function forEachProcess<Result>(selection: ProcessSelection, work: (pid: number) => Promise<Result>): Promise<readonly Result[]> {
  const { pids = [], trees = [], programs = [] } = selection;
  if (trees.length + programs.length === 0) return inTurn(pids, work);
  const chosen = await chooseProcesses(selection);
  const results = await inTurn(chosen, async ({ pid, isNamed }) => (isNamed ? work(pid) : unlessEnded(() => work(pid))));
  return results.filter((result) => result !== undefined);
}

/** Undefined when the process has ended. */
export async function unlessEnded<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SutureError && (error.kind === "no-such-process" || error.kind === "process-gone")) return undefined;
    throw error;
  }
}

/** One after the other: what changes processes must not meet itself. */
async function inTurn<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
