// A fix goes into a server under load and comes back out, and the server's own answers show it. The server listens on
// 127.0.0.1 and answers each line `ask N` with one line, as test/targets/answer-server.c does; the diff is to change what
// it answers to the question. Not one request may fail on the way.

import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { defineRecipe } from "suture";

export default defineRecipe({
  name: "demo",
  description: "patch a small server under load, see its answers change, and take the patch back",
  parameters: {
    pid: { type: "pid", description: "the server" },
    port: { type: "number", description: "where it listens on 127.0.0.1" },
    source: { type: "path", description: "the source tree that built it" },
    target: { type: "path", description: "its program file" },
    patch: { type: "path", description: "the diff" },
    compileCommands: { type: "path", description: "how it was compiled (empty: compile_commands.json in the source tree)", default: "" },
    question: { type: "text", description: "what the fix answers differently", default: "ask 1900" },
    clients: { type: "number", description: "connections that ask all the time", default: 4 },
    seconds: { type: "number", description: "load between two steps", default: 1 },
  },
  async run({ parameters, suture, log, check, signal }) {
    const { pid, port, source, target, patch, compileCommands, question, clients, seconds } = parameters;
    const underLoad = async (moment: string): Promise<string> => {
      await setTimeout(seconds * 1000, undefined, { signal });
      const answer = await askOnce(port, question);
      log(`${moment}: ${answer}`);
      return answer;
    };
    const load = await Load.start(port, clients);
    try {
      const before = await underLoad("before");
      const created = await suture.build([patch], { source, target, ...(compileCommands === "" ? {} : { compileCommands }) });
      const { name } = created.manifest;
      log(`built ${name} in ${Math.round(created.milliseconds)} ms`);

      const applied = await suture.apply(created, { pid, signal });
      const patched = await underLoad("patched").catch(async (error: unknown) => {
        await suture.revert(name, { pid });
        throw error;
      });
      const reverted = await suture.revert(name, { pid });
      const after = await underLoad("reverted");

      const { served, failed } = await load.stop();
      await check("the patched server answers differently", () => patched !== before);
      await check("the reverted server answers as before", () => after === before);
      await check(`none of ${served} requests failed`, () => failed === 0);
      return {
        answers: { before, patched, after },
        requests: { served, failed },
        applied: { ...applied.stop },
        reverted: { ...reverted.stop },
        buildMilliseconds: Math.round(created.milliseconds),
      };
    } finally {
      await load.stop();
    }
  },
});

/** A connection that asks and waits for the answer, one line at a time. */
class Client {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async open(port: number): Promise<Client> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new Client(socket);
  }

  async ask(question: string): Promise<string> {
    this.#socket.write(`${question}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("The server closed the connection");
    return value;
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function askOnce(port: number, question: string): Promise<string> {
  const client = await Client.open(port);
  try {
    return await client.ask(question);
  } finally {
    client.close();
  }
}

/** Clients that ask without a pause until they are stopped. */
class Load {
  #isWanted = true;
  #served = 0;
  #failed = 0;
  #clients: readonly Promise<void>[] = [];

  static async start(port: number, clients: number): Promise<Load> {
    const load = new Load();
    const opened = await Promise.all(Array.from({ length: clients }, () => Client.open(port)));
    load.#clients = opened.map((client) => load.#drive(client));
    return load;
  }

  async #drive(client: Client): Promise<void> {
    try {
      while (this.#isWanted) {
        await client.ask(`ask ${this.#served}`);
        this.#served += 1;
      }
    } catch {
      this.#failed += 1;
    } finally {
      client.close();
    }
  }

  async stop(): Promise<{ readonly served: number; readonly failed: number }> {
    this.#isWanted = false;
    await Promise.all(this.#clients);
    return { served: this.#served, failed: this.#failed };
  }
}
