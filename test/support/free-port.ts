// A TCP port of the loopback interface that nobody listens on.

import { once } from "node:events";
import { createServer } from "node:net";

/** Free when it was asked for. Prefer a server that takes port 0 and says which one it got, where there is the choice. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  server.close();
  await once(server, "close");
  if (bound === null || typeof bound === "string") throw new Error("Cannot find a free port: the server has no address");
  return bound.port;
}
