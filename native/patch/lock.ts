// One tool at a time changes a process. The lock is an abstract unix socket whose name says which process is meant: the
// kernel gives it back when its holder ends, however that ends, so there is nothing stale to be cleaned up. Who finds it
// taken asks it who holds it. It is advisory: a transition still checks every byte that it is about to replace.
//
// The helper of a tool that died may have a guardian that is still finishing or undoing its switch (native/tracer/guardian.h). That
// one has a name among the sockets, too, from before the switch until it is done, and is waited for.

import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { refuse } from "./refusal.ts";
import type { ProcessIdentity } from "./ledger.ts";

const answerWithin = 500;
/** Longer than a guardian tries. */
const guardianWithin = 10_000;
const pause = 5;

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
  if (!await isWithoutGuardian(`@suture-guardian-${pid}-${startTime}-`)) {
    await close(server);
    throw refuse("locked", `change pid ${pid}`, "the guardian of an earlier run (suture-guardian) has not finished what that run began; try again when it has, or end it", { pid });
  }
  return { [Symbol.asyncDispose]: () => close(server) };
}

async function isWithoutGuardian(name: string): Promise<boolean> {
  for (const deadline = performance.now() + guardianWithin; ; await sleep(pause)) {
    const sockets = await readFile("/proc/net/unix", "utf8");
    if (!sockets.split("\n").some((line) => line.includes(` ${name}`))) return true;
    if (performance.now() > deadline) return false;
  }
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
