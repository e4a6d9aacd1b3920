// One round of a fix on a loaded server: asked before, applied, asked, verified, reverted, asked again. No request of
// the load fails, and the code is in the end what it was, byte for byte.

import { expect } from "vitest";
import type { TransactionResult } from "../../native/mod.ts";
import { snapshotOf } from "../support/mod.ts";
import { nameOf, type Fix, type FixOutcome } from "./fix.ts";
import { suture } from "./suture.ts";

export interface RunningServer {
  /** The words that name all its processes to `suture apply` and `suture revert`. */
  readonly processes: readonly string[];
  pids(): Promise<readonly number[]>;
}

/** Clients of a server that notice every request that fails. */
export interface Load extends AsyncDisposable {
  /** Requests seen answered correctly so far. */
  witnessed(): number;
  /** What went wrong so far: nothing, it is hoped. */
  complaints(): readonly string[];
  /** Ends the load; gives all complaints. */
  stop(): Promise<readonly string[]>;
}

export interface Stops {
  readonly apply: TransactionResult["stop"];
  readonly revert: TransactionResult["stop"];
}

export async function goRound<Server extends RunningServer>(
  server: Server, load: Load, fix: Fix<Server>, { built, image }: Extract<FixOutcome, { kind: "built" }>,
): Promise<Stops> {
  const { question } = fix;
  const name = nameOf(fix);
  const names = (fix.functions ?? built.functions.map((each) => each.name)).map((each) => expect.objectContaining({ name: each }) as unknown);
  const pids = await server.pids();
  const before = await Promise.all(pids.map(snapshotOf));
  const processes: unknown = expect.arrayContaining(pids.map((pid) => expect.objectContaining({ pid, functions: expect.arrayContaining(names) as unknown }) as unknown));
  const witnessed = load.witnessed();
  if (question?.vulnerable !== undefined) expect(await question.ask(server)).toBe(question.vulnerable);

  const applied = await suture<TransactionResult>("apply", image, ...server.processes);
  expect(applied).toMatchObject({ result: "committed", patch: { name }, processes });
  if (question) expect(await question.ask(server)).toBe(question.fixed);
  // Ends with an error when a byte is not what the ledger says.
  await suture("verify", ...pids.flatMap((pid) => ["--pid", String(pid)]));

  const reverted = await suture<TransactionResult>("revert", name, ...server.processes);
  expect(reverted).toMatchObject({ result: "reverted", patch: { name }, processes });
  if (question?.vulnerable !== undefined) expect(await question.ask(server)).toBe(question.vulnerable);

  expect(load.witnessed()).toBeGreaterThan(witnessed);
  expect(load.complaints()).toEqual([]);
  expect(await server.pids()).toEqual(pids);
  for (const [index, pid] of pids.entries()) {
    expect(await snapshotOf(pid)).toMatchObject({ code: expect.arrayContaining([...before[index]?.code ?? []]) as unknown, tracers: [0] });
  }
  return { apply: applied.stop, revert: reverted.stop };
}
