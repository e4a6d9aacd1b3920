// The limits that other systems for patching running programs state, and what a test shows about each: lifted, or refused
// with a message. `docs/LIMITS.md` is written from the calls of these two functions (`npm run limits`), so their texts
// are plain string literals.

import { expect, test } from "vitest";
import type { LimitRow } from "./limit-rows.ts";

/** The title of a test that shows that a limit does not exist here. */
export const lifted = (row: LimitRow, situation: string): string => `${row} lifted: ${situation}`;

/** A test that shows that `attempt` is refused, with `message` as part of what is said. */
export function refused(row: LimitRow, situation: string, message: string, attempt: () => Promise<unknown>): void {
  test(`${row} refused: ${situation}`, async () => {
    const outcome: unknown = await attempt().then(() => "not refused", (error: unknown) => error);
    expect(outcome).toMatchObject({ name: "SutureError", message: expect.stringContaining(message) });
  });
}
