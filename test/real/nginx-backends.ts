// What stands behind nginx in the tests: servers that answer in pieces, as the fixes for split input want it.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { waitUntil } from "../support/mod.ts";

export interface Backends extends AsyncDisposable {
  /** An SCGI server whose answer has no status line, and whose first header begins like one. */
  readonly scgi: number;
  /** An HTTP server that sends `[€]` byte by byte, each in a chunk of its own. */
  readonly euro: number;
}

export async function startBackends(): Promise<Backends> {
  // Pieces have to arrive apart; what nginx reads of two that arrive together is not split.
  const scgi = await startSpeaker(["H", "ttp-Thing: one\r\nContent-Type: text/plain\r\n\r\nbody\n"]);
  const euro = await startSpeaker([
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    ...[..."[\xe2\x82\xac]\n"].map((byte) => `1\r\n${byte}\r\n`), "0\r\n\r\n",
  ]);
  const servers = [scgi, euro];
  return {
    scgi: portOf(scgi),
    euro: portOf(euro),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map(async (server) => once(server.close(), "close")));
    },
  };
}

/** Says its pieces to everyone who has said something, and hangs up. */
async function startSpeaker(pieces: readonly string[]): Promise<Server> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => undefined).once("data", () => {
      void (async () => {
        for (const piece of pieces) {
          socket.write(piece, "latin1");
          await sleep(100);
          await waitUntil("nginx has read the piece", () => hasBeenRead(socket));
        }
        socket.end();
      })();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** By the kernel's own account of the other end's receive queue; a connection that is gone has nothing left to be read. */
async function hasBeenRead({ localPort = 0, remotePort = 0 }: Socket): Promise<boolean> {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");
  const otherEnd = new RegExp(`:${hex(remotePort)} [0-9A-F]+:${hex(localPort)} [0-9A-F]+ [0-9A-F]+:(?!0+ )[0-9A-F]+ `);
  return !otherEnd.test(await readFile("/proc/net/tcp", "utf8"));
}

function portOf(server: Server): number {
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("Cannot start a backend: it has no port");
  return bound.port;
}
