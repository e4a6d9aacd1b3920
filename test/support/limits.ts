// The limits that other systems for patching running programs state, and what a test shows about each: lifted, or refused
// with a message. `docs/LIMITS.md` is written from the calls of these two functions (`npm run limits`), so their texts
// are plain string literals.

import { expect, test } from "vitest";
import { leftAlone } from "./left-alone.ts";
import type { Beside } from "./left-alone.ts";
import type { LimitRow } from "./limit-rows.ts";

/** The title of a test that shows that a limit does not exist here. */
export const lifted = (row: LimitRow, situation: string): string => `${row} lifted: ${situation}`;

/** What an attempt gets: `beside(process, act)`, where `act` is what must leave the process alone. */
export type Attempt = (beside: Beside) => Promise<unknown>;

export interface RefusalOptions {
  /** Why no process can run beside the attempt. */
  readonly withoutProcess?: string;
}

/**
 * A test that shows that `attempt` is refused, with `message` as part of what is said, and that the process for which it was
 * made is afterwards byte for byte what it was.
 */
export function refused(row: LimitRow, situation: string, message: string, attempt: Attempt, { withoutProcess }: RefusalOptions = {}): void {
  test(`${row} refused: ${situation}`, async () => {
    let processes = 0;
    const beside: Beside = (target, act) => { processes++; return leftAlone(target, act); };
    const outcome: unknown = await attempt(beside).then(() => "not refused", (error: unknown) => error);
    expect(outcome).toMatchObject({ name: "SutureError", message: expect.stringContaining(message) });
    expect(processes, withoutProcess ?? "processes that ran beside it").toBe(withoutProcess === undefined ? 1 : 0);
  });
}
