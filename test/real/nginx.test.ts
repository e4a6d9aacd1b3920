// nginx from Debian's source, a master and its workers under load, gets Debian's own fixes and loses them again, in all
// of its processes in one stop; and a fix that cannot be right for a running nginx is refused.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PatchedProcess } from "../../native/mod.ts";
import { scratchDirectory } from "../shell/patched-program.ts";
import { runSuture } from "../shell/run-suture.ts";
import { waitUntil } from "../support/mod.ts";
import { describeFixes } from "./describe-fixes.ts";
import { fixesOf, nameOf } from "./fix.ts";
import { buildNginx, nginxBase } from "./nginx-build.ts";
import { killInTheMiddle } from "./killed.ts";
import { nginxFixes } from "./nginx-fixes.ts";
import { startNginxLoad } from "./nginx-load.ts";
import { startNginx, type NginxServer } from "./nginx-server.ts";
import type { Load } from "./round.ts";
import { suture } from "./suture.ts";

const nginx = await buildNginx();
const scratch = await scratchDirectory();
afterAll(() => scratch[Symbol.asyncDispose]());

describe("a running nginx", () => {
  let server: NginxServer;
  let load: Load;
  beforeAll(async () => {
    server = await startNginx(nginx.server);
    load = startNginxLoad(server.port);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const outcomeOf = describeFixes({ program: nginx, fixes: fixesOf(nginx, nginxBase, nginxFixes), directory: scratch.path, stage: () => ({ server, load }) });

  it("takes a fix while its workers are replaced, hands it on to every later one, and gives it back", async () => {
    const fix = nginxFixes.find(({ patch }) => patch === "CVE-2026-42945.patch");
    const outcome = fix && await outcomeOf(fix);
    if (fix?.question === undefined || outcome?.kind !== "built") throw new Error("CVE-2026-42945 is no patch with a question");
    const { question } = fix;
    await using changing = await startNginx(nginx.server);
    await using requests = startNginxLoad(changing.port, { lasting: false });
    const answers = async (): Promise<readonly string[]> => [...new Set(await Promise.all(Array.from({ length: 20 }, () => question.ask(changing))))];
    const states = async (): Promise<readonly string[]> => {
      const listed = await suture<readonly PatchedProcess[]>("list", ...(await changing.pids()).flatMap((pid) => ["--pid", String(pid)]));
      return listed.map(({ patches }) => patches.map(({ name, state }) => `${name} ${state}`).join());
    };
    expect(await answers()).toEqual([question.vulnerable]);

    const replacing = keepReplacingWorkers(changing);
    await untilTaken(["apply", outcome.image, ...changing.processes]);
    expect(await replacing.stop()).toBeGreaterThan(0);
    expect(await states()).toEqual(Array(3).fill("CVE-2026-42945 active"));
    expect(await answers()).toEqual([question.fixed]);
    await replaceWorkers(changing);
    expect(await states()).toEqual(Array(3).fill("CVE-2026-42945 active"));
    expect(await answers()).toEqual([question.fixed]);

    await untilTaken(["revert", nameOf(fix), ...changing.processes]);
    await replaceWorkers(changing);
    expect(await answers()).toEqual([question.vulnerable]);
    expect((await states()).join()).not.toContain("active");
    expect(await requests.stop()).toEqual([]);
  });

  it("loses no request when the tool is killed while it applies a fix to master and workers", async () => {
    const fix = nginxFixes.find(({ patch }) => patch === "CVE-2026-42945.patch");
    const outcome = fix && await outcomeOf(fix);
    if (fix === undefined || outcome?.kind !== "built") throw new Error("CVE-2026-42945 is no patch");
    const pids = await server.pids();
    expect(await killInTheMiddle(server, load, fix, outcome, 17)).toBeGreaterThan(3);
    expect(await server.pids()).toEqual(pids);
  });

  it("has served every request of the load", async () => {
    expect(await load.stop()).toEqual([]);
    expect(server.target.exit()).toBeUndefined();
  });
});

/** As `nginx -s reload` does; ends when both workers are new ones. */
async function replaceWorkers(server: NginxServer): Promise<void> {
  const old = await server.workers();
  server.target.signal("SIGHUP");
  await waitUntil("both workers are new ones", async () => {
    const workers = await server.workers();
    return workers.length === 2 && !workers.some((pid) => old.includes(pid));
  }, { timeout: 60_000 });
}

/** Again and again; stop() says how often. */
function keepReplacingWorkers(server: NginxServer): { stop(): Promise<number> } {
  let isStopping = false;
  const replaced = (async () => {
    let count = 0;
    for (; !isStopping; count++) await replaceWorkers(server);
    return count;
  })();
  return { stop: () => ((isStopping = true), replaced) };
}

/** A process that nobody named may end in the middle; then nothing was written, and it is to be tried again. */
async function untilTaken(words: readonly string[]): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { exitCode, error } = await runSuture(words);
    if (exitCode === 0) return;
    if (tries === 20 || ![3, 6].includes(exitCode ?? 1)) throw new Error(`suture ${words.join(" ")} ended with ${exitCode} in try ${tries}: ${error}`);
  }
}
