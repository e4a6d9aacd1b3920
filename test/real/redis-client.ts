// A client of redis that shows an answer byte for byte: what a fix changes is sometimes a line end.

import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** One character is one byte, in words and answers alike. */
export type Words = readonly string[];

export const encodeCommand = (words: Words): string =>
  [`*${words.length}`, ...words.flatMap((word) => [`$${word.length}`, word])].map((line) => `${line}\r\n`).join("");

/** The answer to the last of these commands, as it came over the wire. */
export async function ask(port: number, ...commands: readonly Words[]): Promise<string> {
  const socket = await connectTo(port);
  try {
    let answer = "";
    for (const command of commands) answer = await exchange(socket, command);
    return answer;
  } finally {
    socket.destroy();
  }
}

/** Sends all of this, reads nothing for a while, then counts what has come: how many bytes, and whether the server hung up. */
export async function floodUnread(port: number, text: string, { pause }: { readonly pause: number }): Promise<{ received: string; closed: boolean }> {
  const socket = await connectTo(port);
  let received = "";
  let closed = false;
  socket.setEncoding("latin1").on("error", () => undefined).on("close", () => (closed = true));
  socket.pause();
  socket.write(text, "latin1");
  await new Promise((resolve) => setTimeout(resolve, pause));
  socket.on("data", (piece: string) => (received += piece));
  socket.resume();
  for (let before = -1; before !== received.length && !closed;) {
    before = received.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  socket.destroy();
  return { received, closed };
}

async function connectTo(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  await once(socket, "connect");
  return socket;
}

/** An ECHO behind the command marks the end of its answer, whatever that holds. */
function exchange(socket: Socket, command: Words): Promise<string> {
  const mark = "end-of-answer-7c1f";
  const end = `$${mark.length}\r\n${mark}\r\n`;
  return new Promise((resolve, reject) => {
    let received = "";
    const onData = (piece: Buffer): void => {
      received += piece.toString("latin1");
      if (received.endsWith(end)) settle(() => resolve(received.slice(0, -end.length)));
    };
    const onEnd = (): void => settle(() => reject(new Error(`redis hung up on ${command[0]}; it had said ${JSON.stringify(received)}`)));
    const timer = setTimeout(() => settle(() => reject(new Error(`redis has not answered ${command[0]} in 20 s; it has said ${JSON.stringify(received)}`))), 20_000);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      socket.off("data", onData).off("close", onEnd).off("error", onEnd);
      finish();
    };
    socket.on("data", onData).on("close", onEnd).on("error", onEnd);
    socket.write(encodeCommand(command) + encodeCommand(["ECHO", mark]), "latin1");
  });
}
