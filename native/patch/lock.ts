// One tool at a time changes a process. The lock is an abstract unix socket whose name says which process is meant: the
// kernel gives it back when its holder ends, however that ends, so there is nothing stale to be cleaned up. Who finds it
// taken asks it who holds it. It is advisory: a transition still checks every byte that it is about to replace.

import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { refuse } from "./refusal.ts";
import type { ProcessIdentity } from "./ledger.ts";

const answerWithin = 500;

/** Refuses: locked. */
export async function lockProcess({ pid, startTime }: ProcessIdentity): Promise<AsyncDisposable> {
  const path = `\0suture-${pid}-${startTime}`;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(`${process.pid}\n`);
  });
  if (!await listen(server, path)) {
    const holder = await askHolder(path);
    const who = holder === undefined ? "another program" : `pid ${holder}`;
    throw refuse("locked", `change pid ${pid}`, `${who} is changing it; try again when that is done`, { pid, ...(holder === undefined ? {} : { holder }) });
  }
  return { [Symbol.asyncDispose]: () => close(server) };
}

function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
    server.listen({ path }, () => resolve(true)).unref();
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function askHolder(path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ path }).setEncoding("utf8").setTimeout(answerWithin);
    const finish = (): void => {
      socket.destroy();
      resolve(/^\d{1,10}\n$/.test(text) ? Number(text) : undefined);
    };
    socket.on("data", (part: string) => {
      text += part;
      if (text.length > 16) finish();
    });
    socket.on("end", finish).on("timeout", finish).on("error", finish);
  });
}
