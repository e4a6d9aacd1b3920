// A running redis-server from Debian's source, under load, gets Debian's own fixes and loses them again: the answers
// show it, no request fails, and the server's code is in the end what it was, byte for byte.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TransactionResult } from "../../native/mod.ts";
import { scratchDirectory } from "../shell/patched-program.ts";
import { snapshotOf } from "../support/mod.ts";
import { buildFix } from "./build-fixes.ts";
import { describeFixes } from "./describe-fixes.ts";
import { fixesOf, nameOf, type Fix } from "./fix.ts";
import { buildRedis, redisBase } from "./redis-build.ts";
import { killInTheMiddle } from "./killed.ts";
import { redisFixes } from "./redis-fixes.ts";
import { startRedisLoad } from "./redis-load.ts";
import { startRedis, type RedisServer } from "./redis-server.ts";
import type { Load } from "./round.ts";
import { suture } from "./suture.ts";

const redis = await buildRedis();
const scratch = await scratchDirectory();
const fixes = fixesOf(redis, redisBase, redisFixes);
const fitting = fixes.filter(({ refused }) => refused === undefined);
afterAll(() => scratch[Symbol.asyncDispose]());

describe("a running redis-server", () => {
  let server: RedisServer;
  let load: Load;
  beforeAll(async () => {
    server = await startRedis(redis.server, { password: "secret" });
    load = startRedisLoad(redis.benchmark, server);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const outcomeOf = describeFixes({ program: redis, fixes, directory: scratch.path, stage: () => ({ server, load }) });

  it("takes all of them on top of each other, and gives them back in another order", async () => {
    const before = await snapshotOf(server.pid);
    const covered = new Set<string>();
    for (const fix of fitting) {
      const { processes } = await suture<TransactionResult>("apply", await imageOf(fix), ...server.processes);
      for (const { patch } of processes.flatMap(({ covers = [] }) => covers)) covered.add(patch);
    }
    // What lies below another fix of the same function is not what runs.
    const asked = fitting.filter((fix) => !covered.has(nameOf(fix)));
    expect(covered.size).toBeGreaterThan(0);
    expect(await answers(server, asked)).toEqual(askedOf(asked).map(({ question }) => question?.fixed));

    for (const fix of everySecondFirst(fitting)) await suture("revert", nameOf(fix), ...server.processes);
    expect(await answers(server, vulnerable(fitting))).toEqual(vulnerable(fitting).map(({ question }) => question?.vulnerable));
    expect(await snapshotOf(server.pid)).toMatchObject({ code: expect.arrayContaining([...before.code]) as unknown, tracers: [0] });
    expect(load.complaints()).toEqual([]);
  });

  it("takes them all as one patch in the place of single ones", async () => {
    const before = await snapshotOf(server.pid);
    const [first, second] = fitting;
    if (!first || !second) throw new Error("The package has no fixes");
    for (const fix of [first, second]) await suture("apply", await imageOf(fix), ...server.processes);
    const all = await buildFix(redis, scratch.path, "all", fitting.map(({ patch }) => patch));
    if (all.kind !== "built") throw new Error(all.error.message);
    const { processes } = await suture<TransactionResult>("apply", all.image, "--replace", ...server.processes);
    expect(processes[0]?.replaced?.toSorted()).toEqual([first, second].map(nameOf).toSorted());
    expect(await answers(server, fitting)).toEqual(askedOf(fitting).map(({ question }) => question?.fixed));
    await suture("revert", "all", ...server.processes);
    expect(await answers(server, vulnerable(fitting))).toEqual(vulnerable(fitting).map(({ question }) => question?.vulnerable));
    expect(await snapshotOf(server.pid)).toMatchObject({ code: expect.arrayContaining([...before.code]) as unknown, tracers: [0] });
  });

  it("loses no request when the tool is killed while it applies a fix", async () => {
    const fix = fitting.find(({ question }) => question?.vulnerable !== undefined);
    const outcome = fix && await outcomeOf(fix);
    if (fix === undefined || outcome?.kind !== "built") throw new Error("The package has no fix with a question");
    const before = await snapshotOf(server.pid);
    expect(await killInTheMiddle(server, load, fix, outcome, 7)).toBeGreaterThan(3);
    expect(await snapshotOf(server.pid)).toMatchObject({ code: expect.arrayContaining([...before.code]) as unknown, tracers: [0] });
  });

  it("has answered every request of the load", async () => {
    expect(await load.stop()).toEqual([]);
    expect(server.target.exit()).toBeUndefined();
  });

  async function imageOf(fix: Fix<RedisServer>): Promise<string> {
    const outcome = await outcomeOf(fix);
    if (outcome.kind !== "built") throw new Error(outcome.error.message);
    return outcome.image;
  }
});

const askedOf = (some: readonly Fix<RedisServer>[]): readonly Fix<RedisServer>[] => some.filter(({ question }) => question !== undefined);
const vulnerable = (some: readonly Fix<RedisServer>[]): readonly Fix<RedisServer>[] => some.filter(({ question }) => question?.vulnerable !== undefined);

const answers = (server: RedisServer, some: readonly Fix<RedisServer>[]): Promise<readonly (string | undefined)[]> =>
  Promise.all(askedOf(some).map(({ question }) => question?.ask(server)));

const everySecondFirst = <Item>(items: readonly Item[]): readonly Item[] => [...items.filter((_, index) => index % 2 === 1), ...items.filter((_, index) => index % 2 === 0)];
