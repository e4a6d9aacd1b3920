// A client of nginx that sends and shows bytes as they are: what a fix changes is sometimes a single one.

import { connect } from "node:net";
import { connect as connectSecurely, type ConnectionOptions } from "node:tls";

export interface Request {
  readonly method?: string;
  readonly host?: string;
  readonly path: string;
  readonly headers?: readonly string[];
}

/** Everything that the server sends until it hangs up; one character is one byte. */
export function ask(port: number, { method = "GET", host = "any.test", path, headers = [] }: Request): Promise<string> {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, "Connection: close", ...headers, "", ""];
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(lines.join("\r\n"), "latin1"));
    socket.setEncoding("latin1").setTimeout(20_000, () => socket.destroy(new Error(`nginx has not answered ${path.slice(0, 80)} in 20 s; it has said ${JSON.stringify(answer)}`)));
    socket.on("data", (piece: string) => (answer += piece)).on("error", reject).on("end", () => socket.end()).on("close", () => resolve(answer));
  });
}

export const statusOf = (answer: string): string => answer.split(" ")[1] ?? "";
export const bodyOf = (answer: string): string => answer.slice(answer.indexOf("\r\n\r\n") + 4);

/**
 * The lines of an answer's head up to the first that is no header: an nginx with CVE-2026-42946 sends memory of its own behind
 * it, in which whole headers of earlier answers may stand.
 */
export function headersOf(answer: string): string[] {
  const lines = answer.split("\r\n").slice(1);
  const end = lines.findIndex((line) => !/^[\w-]+: [\x20-\x7e]*$/.test(line));
  return lines.slice(0, end);
}

/** The body of a chunked answer. */
export function unchunk(body: string): string {
  const end = body.indexOf("\r\n");
  const length = Number.parseInt(body.slice(0, end), 16);
  return length > 0 ? body.slice(end + 2, end + 2 + length) + unchunk(body.slice(end + 4 + length)) : "";
}

/** Opens a TLS 1.3 session with a.test and takes it up with b.test; what the server says to a request then, or its alert. */
export async function resumeElsewhere(port: number, credentials: ConnectionOptions): Promise<string> {
  const opened = await exchange(port, "a.test", credentials);
  if (opened.session === undefined || statusOf(opened.said) !== "200") throw new Error(`a.test offered no session; it said ${opened.said}`);
  return (await exchange(port, "b.test", { session: opened.session })).said;
}

function exchange(port: number, servername: string, more: ConnectionOptions): Promise<{ said: string; session: Buffer | undefined }> {
  return new Promise((resolve) => {
    let said = "";
    let session: Buffer | undefined;
    const socket = connectSecurely({ port, host: "127.0.0.1", servername, rejectUnauthorized: false, minVersion: "TLSv1.3", ...more }, () =>
      socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`));
    socket.on("session", (offered) => (session = offered));
    socket.setEncoding("latin1").on("data", (piece: string) => (said += piece));
    socket.on("error", (error) => (said += error.message)).on("close", () => resolve({ said, session }));
  });
}
