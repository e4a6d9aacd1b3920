// recipes/redis.ts on a running redis-server: the fix stays when the probe is satisfied, and goes when it is not.

import { beforeAll, describe, expect, it } from "vitest";
import { runSuture, type Run } from "../shell/run-suture.ts";
import { patchFile } from "../support/debian/source.ts";
import { buildRedis, type RedisBuild } from "./redis-build.ts";
import { startRedis, type RedisServer } from "./redis-server.ts";

let redis: RedisBuild;

beforeAll(async () => {
  redis = await buildRedis();
});

const runRecipe = ({ pid, port }: RedisServer, wanted: string): Promise<Run> => runSuture([
  "run", "recipes/redis.ts", "--pid", `${pid}`, "--port", `${port}`, "--source", redis.tree, "--target", redis.server,
  "--patch", patchFile(redis.source, "CVE-2025-67733.patch"), "--probe", String.raw`FUNCTION LIST "X\r\n+INJECTED"`, "--wanted", wanted, "--json",
]);

/** Names of the patches that redirect anything; memory of one that was reverted may outlive it. */
async function activePatches({ pid }: RedisServer): Promise<readonly string[]> {
  const [listed] = JSON.parse((await runSuture(["list", "--pid", `${pid}`, "--json"])).out) as [{ patches: { name: string; state: string }[] }];
  return listed.patches.filter(({ state }) => state !== "retired").map(({ name }) => name);
}

describe("recipes/redis.ts", () => {
  it("leaves the fix in place when the server answers as wanted", async () => {
    await using server = await startRedis(redis.server);
    const { exitCode, out } = await runRecipe(server, "X  +INJECTED");
    expect(JSON.parse(out)).toMatchObject({
      value: { patch: "CVE-2025-67733", before: "-ERR Unknown argument X\r\n+INJECTED\r\n", after: "-ERR Unknown argument X  +INJECTED\r\n" },
    });
    expect(exitCode).toBe(0);
    expect(await activePatches(server)).toEqual(["CVE-2025-67733"]);
  });

  it("takes the fix back by itself when it does not", async () => {
    await using server = await startRedis(redis.server);
    const { exitCode, out } = await runRecipe(server, "something else");
    expect(exitCode).toBe(8);
    expect(JSON.parse(out)).toMatchObject({
      error: { kind: "recipe-failed", message: expect.stringContaining("check failed: the server answers as wanted") as string, checks: [{ passed: true }, { passed: false }] },
    });
    expect(await activePatches(server)).toEqual([]);
  });
});
