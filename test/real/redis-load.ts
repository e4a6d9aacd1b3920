// Load on a redis-server, and proof that no request of it failed: redis's own benchmark, which ends with an error at
// the first refused, lost or broken answer, and a witness that counts with the server and must never lose count.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import type { Readable } from "node:stream";
import { encodeCommand } from "./redis-client.ts";
import type { RedisServer } from "./redis-server.ts";
import type { Load } from "./round.ts";

export function startRedisLoad(benchmark: string, { port, password }: RedisServer): Load {
  const words = ["-p", String(port), "-c", "20", "-l", "-q", "-t", "set,get,incr,lpush,lpop,sadd,hset,zadd", "-n", "20000", "-P", "4", "-r", "1000"];
  const child = spawn(benchmark, [...words, ...(password === undefined ? [] : ["-a", password])], { stdio: ["ignore", "ignore", "pipe"] });
  const errors = collectErrors(child);
  const witness = new Witness(port, password);
  let ended: string | undefined;
  child.once("exit", (code, signal) => (ended ??= `redis-benchmark ended (${code ?? signal})`));
  const complaints = (): readonly string[] => [...(ended === undefined || ended === "" ? [] : [ended]), ...errors, ...witness.complaints];
  let stopped: Promise<readonly string[]> | undefined;
  const stop = async (): Promise<readonly string[]> => {
    witness.stop();
    // From now on its end is no complaint.
    ended ??= "";
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return complaints();
  };
  return {
    witnessed: () => witness.count,
    complaints,
    stop: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: async () => {
      await (stopped ??= stop());
    },
  };
}

function collectErrors(child: ChildProcessByStdio<null, null, Readable>): string[] {
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    // It says so of every password on a command line.
    errors.push(...text.split("\n").filter((line) => line !== "" && !line.startsWith("WARNING: Could not fetch server CONFIG")));
  });
  return errors;
}

/** Increments a key of its own, one request at a time: the answers are 1, 2, 3, … or a request was lost or done twice. */
class Witness {
  count = 0;
  readonly complaints: string[] = [];
  readonly #socket;
  #isStopping = false;
  #received = "";

  constructor(port: number, password: string | undefined) {
    this.#socket = connect({ port, host: "127.0.0.1" });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (piece: string) => this.#hear(piece));
    this.#socket.on("error", (error) => this.#complain(`connection: ${error.message}`));
    this.#socket.on("close", () => this.#complain("the server hung up"));
    if (password !== undefined) this.#socket.write(encodeCommand(["AUTH", password]));
    this.#socket.write(encodeCommand(["SET", "witness", "0"]));
    this.#ask();
  }

  stop(): void {
    this.#isStopping = true;
    this.#socket.destroy();
  }

  #ask(): void {
    this.#socket.write(encodeCommand(["INCR", "witness"]));
  }

  #hear(piece: string): void {
    const lines = (this.#received + piece).split("\r\n");
    this.#received = lines.pop() ?? "";
    for (const line of lines.filter((text) => text !== "+OK")) {
      if (line !== `:${this.count + 1}`) this.#complain(`wanted :${this.count + 1}, got ${line}`);
      this.count++;
      this.#ask();
    }
  }

  #complain(what: string): void {
    if (!this.#isStopping) this.complaints.push(`witness: ${what}`);
  }
}
