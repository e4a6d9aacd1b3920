// A redis-server of our own: loopback, a free port, nothing on the disk, ended with its test.

import { freePort, startTarget, type Target } from "../support/mod.ts";
import { ask } from "./redis-client.ts";
import type { RunningServer } from "./round.ts";

export interface RedisServer extends RunningServer, AsyncDisposable {
  readonly target: Target;
  readonly pid: number;
  readonly port: number;
  readonly password?: string | undefined;
  /** A number of `INFO`, by its name there. */
  figure(section: string, name: string): Promise<number>;
}

/** With a password, clients have to give it before anything else. */
export async function startRedis(server: string, { password }: { readonly password?: string | undefined } = {}): Promise<RedisServer> {
  const port = await freePort();
  const protection = password === undefined ? [] : ["--requirepass", password];
  const target = await startTarget(server, {
    parameters: ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no", ...protection],
    // Whatever it might write after all (a crash report's core, say) has no business in the checkout.
    cwd: "/tmp",
    ready: /Ready to accept connections/,
  });
  return {
    target,
    pid: target.pid,
    processes: ["--pid", String(target.pid)],
    pids: () => Promise.resolve([target.pid]),
    port,
    password,
    figure: async (section, name) => {
      const text = await ask(port, ...(password === undefined ? [] : [["AUTH", password]]), ["INFO", section]);
      return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
    },
    [Symbol.asyncDispose]: () => target.stop().then(() => undefined),
  };
}
