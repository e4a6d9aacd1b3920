// A few at a time: compilations are as many as units, cores are few.

import { availableParallelism } from "node:os";

/** Maps with at most `jobs` under way. A failure stops the start
 * of others; once those under way have ended, that of the earliest item is thrown. */
export async function mapParallel<Item, Result>(
  items: readonly Item[],
  jobs: number | undefined,
  each: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  const failures = new Map<number, unknown>();
  const queue = items.entries();
  const work = async () => {
    for (const [index, item] of queue) {
      if (failures.size > 0) return;
      try {
        results[index] = await each(item, index);
      } catch (failure) {
        failures.set(index, failure);
      }
    }
  };
  const workers = Math.max(1, Math.min(jobs ?? availableParallelism(), items.length));
  await Promise.all(Array.from({ length: workers }, work));
  if (failures.size > 0) throw failures.get(Math.min(...failures.keys()));
  return results;
}
