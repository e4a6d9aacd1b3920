// The servers of the latency benchmark, built from Debian's sources without the fix that is then applied, and the
// well-known programs that put load on them. On loopback, on free ports, in directories of their own.

import { execFile } from "node:child_process";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Processes } from "../../native/mod.ts";
import { buildNginx } from "../../test/real/nginx-build.ts";
import { buildRedis } from "../../test/real/redis-build.ts";
import { patchFile } from "../../test/support/debian/source.ts";
import { freePort, startTarget, waitUntil } from "../../test/support/mod.ts";
import { ordinarily } from "./priority.ts";

const run = promisify(execFile);

/** In microseconds. */
export interface LoadFigures {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly maximum: number;
  readonly requests: number;
  readonly errors: number;
}

export interface ServerUnderLoad extends AsyncDisposable {
  readonly name: string;
  readonly processes: Processes;
  readonly program: string;
  /** The source tree that built it. */
  readonly tree: string;
  readonly diff: string;
  /** `clients`: connections, each of which asks anew as soon as it has been answered. */
  readonly load: (seconds: number, clients: number) => Promise<LoadFigures>;
}

async function runOrdinarily(program: string, words: readonly string[]): Promise<string> {
  const [command, all] = ordinarily(program, words);
  const { stdout } = await run(command, [...all], { maxBuffer: 1 << 26 });
  return stdout;
}

/** Every reply goes through the function that this fix changes. */
const redisFix = "0001-Limiting-output-buffer-for-unauthenticated-client-CV.patch";

export async function startRedisUnderLoad(): Promise<ServerUnderLoad> {
  const { source, tree, server, benchmark } = await buildRedis();
  const port = await freePort();
  const [command, words] = ordinarily(server, ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
  const target = await startTarget(command, { parameters: words, cwd: tmpdir(), ready: /Ready to accept connections/ });
  const perSecond = new Map<number, number>();
  return {
    name: "redis under redis-benchmark", processes: target.pid, program: server, tree, diff: patchFile(source, redisFix),
    // It counts requests and not seconds, so that each run tells how many the next one needs.
    load: async (seconds, clients) => {
      const started = performance.now();
      const requests = Math.round((perSecond.get(clients) ?? 10_000) * seconds);
      const figures = readRedisBenchmark(await runOrdinarily(benchmark, ["-p", String(port), "-c", String(clients), "-t", "get", "-r", "10000", "-n", String(requests)]));
      perSecond.set(clients, requests / ((performance.now() - started) / 1000));
      return figures;
    },
    [Symbol.asyncDispose]: () => target.stop().then(() => undefined),
  };
}

/** It ends with an error at the first request that fails. */
export function readRedisBenchmark(text: string): LoadFigures {
  const distribution = /Latency by percentile distribution:\n([\s\S]*?)\n\n/.exec(text)?.[1] ?? "";
  const rows = [...distribution.matchAll(/^([\d.]+)% <= ([\d.]+) milliseconds \(cumulative count (\d+)\)$/gm)]
    .map(([, percent, milliseconds, count]) => ({ percent: Number(percent), microseconds: Math.round(1000 * Number(milliseconds)), count: Number(count) }));
  const last = rows.at(-1);
  if (last === undefined) throw new Error(`redis-benchmark says nothing about latencies: ${text.slice(-500)}`);
  const at = (percent: number): number => (rows.find((row) => row.percent >= percent) ?? last).microseconds;
  return { p50: at(50), p99: at(99), p999: at(99.9), maximum: last.microseconds, requests: last.count, errors: 0 };
}

/** The request of startNginxUnderLoad() goes through the function that this fix changes. */
const nginxFix = "CVE-2026-42945.patch";

const nginxConfiguration = (port: number): string => `
  daemon off;
  worker_processes 1;
  pid nginx.pid;
  error_log stderr error;
  events { worker_connections 256; }
  http {
    access_log off;
    server {
      listen 127.0.0.1:${port};
      location / { rewrite ^(.*) /new?c=1; set $myvar $1; return 200 "[$myvar]\\n"; }
    }
  }
`;

const wrkScript = `
  done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format("figures %d %d %d %d %d %d\\n", latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
      summary.requests, errors.connect + errors.read + errors.write + errors.status + errors.timeout))
  end
`;

export async function startNginxUnderLoad(): Promise<ServerUnderLoad> {
  const { source, tree, server } = await buildNginx();
  const home = await mkdtemp(join(tmpdir(), "suture-bench-nginx-"));
  const port = await freePort();
  await mkdir(join(home, "logs"));
  await writeFile(join(home, "nginx.conf"), nginxConfiguration(port));
  await writeFile(join(home, "percentiles.lua"), wrkScript);
  const [command, words] = ordinarily(server, ["-p", home, "-c", "nginx.conf"]);
  const target = await startTarget(command, { parameters: words, ready: null });
  const address = `http://127.0.0.1:${port}/a`;
  await waitUntil("nginx answers", () => fetch(address).then(({ ok }) => ok, () => false));
  return {
    name: "nginx under wrk", processes: { trees: [target.pid] }, program: server, tree, diff: patchFile(source, nginxFix),
    load: async (seconds, clients) =>
      readWrk(await runOrdinarily("wrk", ["-t", "1", "-c", String(clients), "-d", `${seconds}s`, "-s", join(home, "percentiles.lua"), address])),
    [Symbol.asyncDispose]: async () => {
      // The master takes its workers along.
      target.signal("SIGTERM");
      await waitUntil("nginx has ended", () => target.exit() !== undefined);
      await rm(home, { recursive: true, force: true });
    },
  };
}

export function readWrk(text: string): LoadFigures {
  const found = /^figures (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(text);
  if (found === null) throw new Error(`wrk says nothing about latencies: ${text.slice(-500)}`);
  const [p50 = 0, p99 = 0, p999 = 0, maximum = 0, requests = 0, errors = 0] = found.slice(1).map(Number);
  return { p50, p99, p999, maximum, requests, errors };
}
