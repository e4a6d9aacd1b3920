// A running redis-server from Debian's source, under load, gets Debian's own fixes and loses them again: the answers
// show it, no request fails, and the server's code is in the end what it was, byte for byte.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runSuture } from "../shell/run-suture.ts";
import { scratchDirectory } from "../shell/patched-program.ts";
import { patchFile } from "../support/debian/source.ts";
import { snapshotOf } from "../support/mod.ts";
import { buildRedis, type RedisBuild } from "./redis-build.ts";
import { redisFixes, refusedRedisFix } from "./redis-fixes.ts";
import { startLoad } from "./redis-load.ts";
import { startRedis } from "./redis-server.ts";

let redis: RedisBuild;
let scratch: Awaited<ReturnType<typeof scratchDirectory>>;

beforeAll(async () => {
  redis = await buildRedis();
  scratch = await scratchDirectory();
});
afterAll(() => scratch[Symbol.asyncDispose]());

/** What `suture … --json` prints, when it succeeds. */
async function suture(...words: readonly string[]): Promise<unknown> {
  const { exitCode, out, error } = await runSuture([...words, "--json"]);
  if (exitCode !== 0) throw new Error(`suture ${words.join(" ")} ended with ${exitCode}: ${error}`);
  return JSON.parse(out) as unknown;
}

const buildWords = (patch: string, output: string): readonly string[] =>
  ["build", patchFile(redis.source, patch), "--source", redis.tree, "--target", redis.server, "-o", output];

const stop = expect.objectContaining({
  ...Object.fromEntries(["workingMicroseconds", "sleepingMicroseconds", "worstWorkingMicroseconds", "worstSleepingMicroseconds", "attempts"].map((name) => [name, expect.any(Number) as number])),
}) as object;
const named = (names: readonly string[]): unknown => expect.arrayContaining(names.map((name) => expect.objectContaining({ name })));

describe("a running redis-server", () => {
  for (const fix of redisFixes) {
    const name = fix.patch.replace(/\.patch$/, "");

    it(`takes ${name} under load and gives it back`, async () => {
      const image = join(scratch.path, `${name}.suture`);
      expect(await suture(...buildWords(fix.patch, image))).toMatchObject({ result: "built", patch: { name }, output: image, functions: named(fix.functions) });

      await using server = await startRedis(redis.server, fix);
      const { pid, port } = server;
      const before = await snapshotOf(pid);
      await using load = await startLoad(redis.benchmark, port, fix.password);
      expect(await fix.probe(port)).toBe(fix.vulnerable);

      const processes = [{ pid, functions: named(fix.functions) }];
      const witnessed = load.witnessed();
      expect(await suture("apply", image, "--pid", String(pid))).toMatchObject({ result: "committed", patch: { name }, processes, stop });
      expect(await fix.probe(port)).toBe(fix.fixed);
      expect(await suture("list", "--pid", String(pid))).toMatchObject([{ pid, program: redis.server, patches: [{ name, state: "active", functions: named(fix.functions) }] }]);
      expect(await suture("verify", "--pid", String(pid))).toMatchObject({ pid, verified: true });

      expect(await suture("revert", name, "--pid", String(pid))).toMatchObject({ result: "reverted", patch: { name }, processes, stop });
      expect(await fix.probe(port)).toBe(fix.vulnerable);
      expect(load.witnessed()).toBeGreaterThan(witnessed);
      expect(await load.stop()).toEqual([]);
      expect(await snapshotOf(pid)).toMatchObject({ code: expect.arrayContaining([...before.code]), tracers: [0] });
      expect(server.target.exit()).toBeUndefined();
    });
  }

  it("keeps several fixes at once and gives them back in any order", async () => {
    const [first, second] = redisFixes;
    if (!first || !second) throw new Error("The table of fixes is empty");
    const images = await Promise.all([first, second].map(async ({ patch }) => {
      const image = join(scratch.path, `several-${patch}.suture`);
      await suture(...buildWords(patch, image));
      return image;
    }));
    await using server = await startRedis(redis.server);
    const pid = String(server.pid);
    const answers = async (): Promise<readonly string[]> => [await first.probe(server.port), await second.probe(server.port)];
    await using load = await startLoad(redis.benchmark, server.port);
    for (const image of images) await suture("apply", image, "--pid", pid);
    expect(await answers()).toEqual([first.fixed, second.fixed]);
    await suture("revert", first.patch.replace(".patch", ""), "--pid", pid);
    expect(await answers()).toEqual([first.vulnerable, second.fixed]);
    await suture("revert", second.patch.replace(".patch", ""), "--pid", pid);
    expect(await answers()).toEqual([first.vulnerable, second.vulnerable]);
    expect(await load.stop()).toEqual([]);
  });

  it(`is not offered ${refusedRedisFix.patch}, which changes the layout of ${refusedRedisFix.structure}`, async () => {
    const image = join(scratch.path, "refused.suture");
    const { exitCode, out, error } = await runSuture([...buildWords(refusedRedisFix.patch, image), "--json"]);
    expect(exitCode).toBe(5);
    expect(JSON.parse(out)).toMatchObject({ error: { kind: "not-patchable", message: expect.stringContaining(refusedRedisFix.structure) } });
    expect(error.trim().split("\n")).toHaveLength(1);
    await expect(readFile(image)).rejects.toThrow("ENOENT");
  });
});
