import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { Load, type Question } from "../../scripts/demo/load.ts";

const questions: readonly Question[] = [{ ask: "ask 1", before: "old", after: "new" }, { ask: "ask 2", before: "same", after: "same" }];

/** A server that answers each line as this function says, and hangs up where it says nothing. */
async function serve(answer: (line: string) => string | undefined) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).setEncoding("utf8").on("data", (line: string) => {
      const text = answer(line.trim());
      if (text === undefined) socket.destroy();
      else socket.write(`${text}\n`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  return {
    port: bound !== null && typeof bound === "object" ? bound.port : 0,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe("Load", () => {
  it("counts answers by the phase in which they were asked for", async () => {
    let isFixed = false;
    using server = await serve((line) => (line === "ask 2" ? "same" : isFixed ? "new" : "old"));
    const load = Load.start(server.port, 2, questions);
    const before = await load.watch(50);
    isFixed = true;
    await load.watch(20);
    const after = await load.watch(50);
    await load.stop();
    expect([before.before > 0, before.after, after.before, after.after > 0]).toEqual([true, 0, 0, true]);
    expect(load.served).toBeGreaterThan(before.served + after.served);
    expect(load.failures).toEqual([]);
  });

  it("counts an answer that is neither the old one nor the new one as a failure", async () => {
    using server = await serve((line) => (line === "ask 2" ? "other" : "old"));
    const load = Load.start(server.port, 1, questions);
    await load.watch(30);
    await load.stop();
    expect(load.failures).toContain('"ask 2" was answered "other"');
  });

  it("counts a connection that breaks as a failure", async () => {
    let left = 5;
    using server = await serve(() => (left-- > 0 ? "same" : undefined));
    const load = Load.start(server.port, 1, questions.slice(1));
    await load.watch(50);
    await load.stop();
    expect(load.failures).toEqual(["the server hung up"]);
  });
});
