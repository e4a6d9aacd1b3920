// nginx of our own, a master and two workers: loopback, free ports, its files in a directory that goes with it.

import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort, startTarget, waitUntil, type Target } from "../support/mod.ts";
import { startBackends, type Backends } from "./nginx-backends.ts";
import type { RunningServer } from "./round.ts";

const run = promisify(execFile);

export interface NginxServer extends RunningServer, AsyncDisposable {
  readonly target: Target;
  readonly pid: number;
  readonly port: number;
  readonly tlsPort: number;
  /** What a.test wants of its clients, and b.test does not accept. */
  readonly credentials: { readonly key: string; readonly cert: string };
  /** Master first. */
  pids(): Promise<readonly number[]>;
  workers(): Promise<readonly number[]>;
}

export async function startNginx(program: string): Promise<NginxServer> {
  const prefix = await makePrefix();
  const backends = await startBackends();
  const [port, tlsPort] = [await freePort(), await freePort()];
  await writeFile(join(prefix, "nginx.conf"), configuration({ port, tlsPort, backends }));
  const target = await startTarget(program, { parameters: ["-p", prefix, "-c", "nginx.conf", "-e", "error.log"], cwd: prefix, ready: null });
  const workers = (): Promise<readonly number[]> => childrenOf(target.pid);
  const [key, cert] = await Promise.all(["a.key", "a.pem"].map((file) => readFile(join(prefix, file), "utf8"))) as [string, string];
  const server: NginxServer = {
    target, port, tlsPort, workers, credentials: { key, cert },
    pid: target.pid,
    processes: ["--tree", String(target.pid)],
    pids: async () => [target.pid, ...await workers()],
    [Symbol.asyncDispose]: async () => {
      await stopAll(target, workers);
      await backends[Symbol.asyncDispose]();
      await rm(prefix, { recursive: true, force: true });
    },
  };
  try {
    await waitUntil("nginx has two workers at work", async () => (await countStarted(prefix)) === 2 && (await workers()).length === 2);
    return server;
  } catch (error) {
    const log = await readFile(join(prefix, "error.log"), "utf8").catch(() => "");
    await server[Symbol.asyncDispose]();
    throw new Error(`nginx does not start: ${target.errorText()}${log}`, { cause: error });
  }
}

/** Readable for workers, which are somebody else when the master is root. */
async function makePrefix(): Promise<string> {
  const prefix = await mkdtemp(join(tmpdir(), "suture-nginx-"));
  await chmod(prefix, 0o755);
  await mkdir(join(prefix, "html"));
  await writeFile(join(prefix, "html/index.html"), "an unremarkable page\n".repeat(100));
  for (const name of ["a", "b"]) await makeCertificate(prefix, name);
  return prefix;
}

/** Signed by itself, so that it is also what clients are checked against. */
async function makeCertificate(prefix: string, name: string): Promise<void> {
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", `/CN=${name}.test`];
  await run("openssl", ["req", ...kind, "-keyout", `${name}.key`, "-out", `${name}.pem`], { cwd: prefix });
}

const countStarted = async (prefix: string): Promise<number> =>
  (await readFile(join(prefix, "error.log"), "utf8").catch(() => "")).match(/ start worker process \d+/g)?.length ?? 0;

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

/** Workers outlive a master that is killed, so it is asked first. */
async function stopAll(target: Target, workers: () => Promise<readonly number[]>): Promise<void> {
  const left = await workers();
  target.signal("SIGTERM");
  await waitUntil("nginx has ended", () => target.exit() !== undefined).catch(() => left.forEach((pid) => process.kill(pid, "SIGKILL")));
  await target.stop();
}

interface Places {
  readonly port: number;
  readonly tlsPort: number;
  readonly backends: Backends;
}

/** Nobody listens on port 1: a request that nginx tries to pass on there is answered with 502. */
const configuration = ({ port, tlsPort, backends }: Places): string => `
daemon off;
worker_processes 2;
pid nginx.pid;
error_log error.log notice;
events { worker_connections 512; }
http {
  access_log off;
  keepalive_requests 1000000000;
  large_client_header_buffers 4 4m;
  charset_map koi8-r utf-8 { BE E282AC; }

  server {
    listen 127.0.0.1:${port} default_server;
    location / { root html; }
    location /echo { return 200 "served $arg_n\\n"; }
    location /scgi { scgi_pass 127.0.0.1:${backends.scgi}; scgi_param REQUEST_METHOD $request_method; }
    location /euro {
      proxy_pass http://127.0.0.1:${backends.euro};
      proxy_http_version 1.1;
      proxy_buffering off;
      charset koi8-r;
      override_charset on;
    }
    location /files/ { alias html/; dav_methods COPY; }
  }
  server {
    listen 127.0.0.1:${port};
    server_name rewritten.test;
    location / { rewrite ^(.*) /new?c=1; set $captured $1; return 200 "[$captured]\\n"; }
  }
  server {
    listen 127.0.0.1:${port};
    server_name grpc.test;
    location / { grpc_pass grpc://127.0.0.1:1; }
  }

  ssl_certificate a.pem;
  ssl_certificate_key a.key;
  ssl_protocols TLSv1.3;
  ssl_session_cache shared:sessions:1m;
  server {
    listen 127.0.0.1:${tlsPort} ssl default_server;
    server_name a.test;
    ssl_verify_client on;
    ssl_client_certificate a.pem;
    return 200 "A\\n";
  }
  server {
    listen 127.0.0.1:${tlsPort} ssl;
    server_name b.test;
    ssl_verify_client on;
    ssl_client_certificate b.pem;
    return 200 "B\\n";
  }
}
`;
