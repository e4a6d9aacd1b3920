// Load on nginx, and proof that no request of it failed: wrk, which counts what it could not connect, read or write and
// every answer that is no success, and witnesses that read every answer and know what it has to be.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, get } from "node:http";
import type { Load } from "./round.ts";

export interface NginxLoadOptions {
  /** With wrk, whose connections stay open: a worker that leaves closes them, which no server can do without failing requests. Default: true. */
  readonly lasting?: boolean;
}

export function startNginxLoad(port: number, { lasting = true }: NginxLoadOptions = {}): Load {
  const witnesses = [new Witness(port, false), new Witness(port, false), ...(lasting ? [new Witness(port, true)] : [])];
  const wrk = lasting ? startWrk(port) : undefined;
  const complaints = (): readonly string[] => witnesses.flatMap((witness) => witness.complaints);
  let stopped: Promise<readonly string[]> | undefined;
  const stop = async (): Promise<readonly string[]> => {
    await Promise.all(witnesses.map((witness) => witness.stop()));
    return [...await wrk?.stop() ?? [], ...complaints()];
  };
  return {
    witnessed: () => witnesses.reduce((sum, { count }) => sum + count, 0),
    complaints,
    stop: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: async () => {
      await (stopped ??= stop());
    },
  };
}

/** Its summary comes when it is interrupted; lines about failures are there only when there were any. */
function startWrk(port: number): { stop(): Promise<readonly string[]> } {
  const child = spawn("wrk", ["-t", "1", "-c", "8", "-d", "1h", "--timeout", "60s", `http://127.0.0.1:${port}/`], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  return {
    stop: async () => {
      child.kill("SIGINT");
      await ended;
      const failures = said.split("\n").filter((line) => /Socket errors|Non-2xx/.test(line)).map((line) => `wrk: ${line.trim()}`);
      return /[1-9]\d* requests in/.test(said) ? failures : [...failures, `wrk ended without a request: ${said}`];
    },
  };
}

/** One request at a time, each with a number that has to come back. */
class Witness {
  count = 0;
  readonly complaints: string[] = [];
  readonly #agent: Agent;
  readonly #port: number;
  readonly #ended: Promise<void>;
  #isStopping = false;

  constructor(port: number, keepAlive: boolean) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive, maxSockets: 1 });
    this.#ended = this.#work();
  }

  stop(): Promise<void> {
    this.#isStopping = true;
    return this.#ended;
  }

  async #work(): Promise<void> {
    while (!this.#isStopping) {
      const complaint = await this.#ask(this.count);
      if (complaint === undefined) this.count++;
      else this.complaints.push(`request ${this.count}: ${complaint}`);
      // A server that refuses everybody is not to be asked a million times.
      if (this.complaints.length > 100) break;
    }
    this.#agent.destroy();
  }

  #ask(number: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      const request = get({ host: "127.0.0.1", port: this.#port, path: `/echo?n=${number}`, agent: this.#agent }, (response) => {
        let body = "";
        response.setEncoding("latin1").on("data", (piece: string) => (body += piece));
        response.on("error", (error) => resolve(error.message)).on("end", () => {
          const isRight = response.statusCode === 200 && body === `served ${number}\n`;
          resolve(isRight ? undefined : `${response.statusCode} ${JSON.stringify(body)}`);
        });
      });
      request.setTimeout(20_000, () => request.destroy(new Error("no answer in 20 s"))).on("error", (error) => resolve(error.message));
    });
  }
}
