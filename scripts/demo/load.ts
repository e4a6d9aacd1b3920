// The demo's clients: several connections that ask the server all the time, one question at a time each, and look at
// every answer. An answer that is neither the old one nor the new one, a connection that breaks, an answer that does
// not come: each is a failed request.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What a question is answered before and after the fix. Both the same: a question that the fix leaves alone. */
export interface Question {
  readonly ask: string;
  readonly before: string;
  readonly after: string;
}

/** Answers to requests that were sent in one phase of the demo. */
export interface Tally {
  readonly served: number;
  /** Of the questions whose answer changes. */
  readonly before: number;
  readonly after: number;
}

/** A tally while it grows. */
interface Phase {
  served: number;
  before: number;
  after: number;
  /** Asked and not yet answered. */
  open: number;
}

const newPhase = (): Phase => ({ served: 0, before: 0, after: 0, open: 0 });

const patience = 5_000;

export class Load {
  readonly failures: string[] = [];
  readonly #questions: readonly Question[];
  #phase = newPhase();
  #served = 0;
  #isStopping = false;
  #clients: readonly Promise<void>[] = [];

  private constructor(questions: readonly Question[]) {
    this.#questions = questions;
  }

  static start(port: number, connections: number, questions: readonly Question[]): Load {
    const load = new Load(questions);
    load.#clients = Array.from({ length: connections }, (_nothing, number) =>
      load.#serveClient(port, number).catch((error: unknown) => load.#fail(error instanceof Error ? error.message : String(error))));
    return load;
  }

  get served(): number {
    return this.#served;
  }

  /** Lets the load run for a while and counts the answers to what was asked in this time, the last of them included. */
  async watch(milliseconds: number): Promise<Tally> {
    const phase = newPhase();
    this.#phase = phase;
    await sleep(milliseconds);
    this.#phase = newPhase();
    while (phase.open > 0) await sleep(1);
    const { served, before, after } = phase;
    return { served, before, after };
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#clients);
  }

  async #serveClient(port: number, number: number): Promise<void> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    try {
      const receive = lineReader(socket);
      for (let turn = number; !this.#isStopping; turn++) {
        const question = this.#questions[turn % this.#questions.length];
        if (question) await this.#ask(socket, receive, question);
      }
    } finally {
      socket.destroy();
    }
  }

  async #ask(socket: Socket, receive: () => Promise<string>, { ask, before, after }: Question): Promise<void> {
    // The phase in which a question is asked is the one that its answer belongs to.
    const phase = this.#phase;
    phase.open++;
    try {
      socket.write(`${ask}\n`);
      const answer = await receive();
      this.#served++;
      phase.served++;
      if (answer !== before && answer !== after) this.#fail(`"${ask}" was answered "${answer}"`);
      if (before !== after && answer === before) phase.before++;
      if (before !== after && answer === after) phase.after++;
    } finally {
      phase.open--;
    }
  }

  #fail(what: string): void {
    this.failures.push(what);
  }
}

/** One line for each call; an end of the connection or a long silence is an error. */
function lineReader(socket: Socket): () => Promise<string> {
  let received = "";
  let deliver: () => void = () => undefined;
  let broken: string | undefined;
  socket.setEncoding("utf8").setTimeout(patience);
  socket.on("data", (piece: string) => {
    received += piece;
    deliver();
  });
  const end = (reason: string) => (): void => {
    broken ??= reason;
    deliver();
  };
  socket.on("error", (error) => end(error.message)()).on("close", end("the server hung up")).on("timeout", end(`no answer in ${patience} ms`));
  return () => new Promise((resolve, reject) => {
    deliver = () => {
      const length = received.indexOf("\n");
      if (length >= 0) {
        const line = received.slice(0, length);
        received = received.slice(length + 1);
        resolve(line);
      } else if (broken !== undefined) {
        reject(new Error(broken));
      }
    };
    deliver();
  });
}
