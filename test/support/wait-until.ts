// Waiting for a state of the world that announces itself to nobody.

import { setTimeout as sleep } from "node:timers/promises";

/** Asks until the answer is neither undefined nor false, and gives it. Fails with `what` when `timeout` (ms) has passed. */
export async function waitUntil<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  { timeout = 10_000, every = 5 }: { readonly timeout?: number; readonly every?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`Waited ${timeout} ms in vain until ${what}`);
    await sleep(every);
  }
}
