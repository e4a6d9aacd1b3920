// The tool is killed while it applies a fix to a loaded server, at steps that are spread over all of it, with its helper and
// alone in turn. No request fails; recover settles it; then the fix is there in all processes or in none.

import { expect } from "vitest";
import type { PatchedProcess } from "../../native/mod.ts";
import { endOfSuture } from "../shell/run-suture.ts";
import { sanitizedHelper, waitUntil } from "../support/mod.ts";
import type { Fix, FixOutcome } from "./fix.ts";
import { nameOf } from "./fix.ts";
import type { Load, RunningServer } from "./round.ts";
import { suture } from "./suture.ts";

/** Every `stride` steps until it gets to the end; gives how often it was killed. */
export async function killInTheMiddle<Server extends RunningServer>(
  server: Server, load: Load, fix: Fix<Server>, { image }: Extract<FixOutcome, { kind: "built" }>, stride: number,
): Promise<number> {
  const helper = await sanitizedHelper();
  const pids = (await server.pids()).flatMap((pid) => ["--pid", String(pid)]);
  for (let deaths = 0; ; deaths++) {
    const witnessed = load.witnessed();
    const fault = { SUTURE_TRACER: helper, SUTURE_KILL: deaths % 2 === 0 ? "both" : "tool", SUTURE_KILL_AT_STEP: String(deaths * stride + 1) };
    const ended = await endOfSuture(["apply", image, ...server.processes], fault);
    expect([0, "SIGKILL"]).toContain(ended);
    await waitUntil("requests have been answered since", () => load.witnessed() > witnessed);
    if (ended === "SIGKILL") for (const pid of await server.pids()) await suture("recover", "--pid", String(pid));
    await expectAllOrNone(server, fix, pids);
    expect(load.complaints()).toEqual([]);
    if (ended === 0) return deaths;
  }
}

async function expectAllOrNone<Server extends RunningServer>(server: Server, fix: Fix<Server>, pids: readonly string[]): Promise<void> {
  const states = new Set((await suture<readonly PatchedProcess[]>("list", ...pids)).map(({ patches }) => patches.map(({ name, state }) => `${name} ${state}`).join()));
  expect([[""], [`${nameOf(fix)} active`]]).toContainEqual([...states]);
  if (states.has("")) {
    expect(await fix.question?.ask(server)).toBe(fix.question?.vulnerable);
    return;
  }
  await suture("verify", ...pids);
  expect(await fix.question?.ask(server)).toBe(fix.question?.fixed);
  await suture("revert", nameOf(fix), ...server.processes);
  expect(await fix.question?.ask(server)).toBe(fix.question?.vulnerable);
}
