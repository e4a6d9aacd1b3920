// What stands behind nginx in the tests: servers that answer in pieces, as the fixes for split input want it.

import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

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
        }
        socket.end();
      })();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function portOf(server: Server): number {
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("Cannot start a backend: it has no port");
  return bound.port;
}
