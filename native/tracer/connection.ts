// A running suture-tracer and the requests that are under way. Requests may be made at any time; the helper serves
// them in order. When it dies every one of them fails as tracer-failed: nothing waits for ever. An idle helper
// does not keep Node alive, and it ends by itself when Node does, because its input closes.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

import { isErrorKind, SutureError, type JsonValue } from "../errors.ts";
import { encodeFrame, FrameReader, type Frame } from "./frames.ts";

export interface Answer {
  readonly result: Frame["head"];
  readonly body: Uint8Array;
}

interface PendingRequest {
  readonly method: string;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: SutureError) => void;
}

/** Beside the bundle, or in dist/ of the source tree; `SUTURE_TRACER` names another. */
export function findHelper(): string {
  const named = process.env["SUTURE_TRACER"];
  if (named) return named;
  const places = ["./suture-tracer", "../../dist/suture-tracer"].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = places.find((place) => existsSync(place));
  if (found) return found;
  throw new SutureError(
    "tracer-failed",
    `Cannot start the helper: neither ${places.join(" nor ")} exists; build it with "npm run setup" or name it in SUTURE_TRACER`,
  );
}

export class TracerConnection {
  readonly #helper: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #ended: Promise<void>;
  #lastId = 0;
  #complaints = "";
  /** Why no request can be made any more. */
  #failure: string | undefined;

  constructor(program: string) {
    this.#helper = spawn(program, [], { stdio: ["pipe", "pipe", "pipe"] });
    this.#ended = new Promise((resolve) => {
      this.#helper.once("close", (code, signal) => {
        this.#fail(signal ? `the helper was ended by ${signal}` : `the helper ended with code ${code}`);
        resolve();
      });
    });
    this.#helper.once("error", (error) => this.#fail(`${program} cannot be started (${error.message})`));
    this.#listen();
    this.#holdNode(false);
  }

  request(method: string, parameters: Frame["head"] = {}, body: readonly Uint8Array[] = []): Promise<Answer> {
    if (this.#failure) return Promise.reject(this.#tracerFailed(method));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { method, resolve, reject });
      this.#holdNode(true);
      this.#send(encodeFrame({ ...parameters, id, method }, body));
    });
  }

  /** What is asked for in one go is written in one go: each write wakes the helper. */
  #send(chunks: readonly Uint8Array[]): void {
    const { stdin } = this.#helper;
    stdin.cork();
    for (const chunk of chunks) stdin.write(chunk);
    queueMicrotask(() => stdin.uncork());
  }

  /** Lets the helper finish what it was asked for, and waits for its end. */
  async close(): Promise<void> {
    this.#holdNode(true);
    this.#failure ??= "the helper has been closed";
    this.#helper.stdin.end();
    await this.#ended;
  }

  #listen(): void {
    const reader = new FrameReader();
    this.#helper.stdout.on("data", (piece: Uint8Array) => {
      try {
        for (const frame of reader.push(piece)) this.#settle(frame);
      } catch (error) {
        this.#fail(`the helper's answer cannot be read (${error instanceof Error ? error.message : String(error)})`);
        this.#helper.kill("SIGKILL");
      }
    });
    // Its death is reported once, by "close"; a pipe that breaks first says nothing more.
    this.#helper.stdin.on("error", () => {});
    this.#helper.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-2000);
    });
  }

  #settle({ head, body }: Frame): void {
    const id = Number(head["id"]);
    const request = this.#pending.get(id);
    if (!request) return;
    this.#pending.delete(id);
    // Not while its end is waited for: what is asked for may be answered after close() was called.
    if (this.#pending.size === 0 && this.#failure === undefined) this.#holdNode(false);
    if (head["error"] !== undefined) request.reject(errorFrom(head["error"]));
    else request.resolve({ result: asObject(head["result"]), body });
  }

  #fail(found: string): void {
    // The first reason is the cause; unless it is that we closed it, which only matters to those who ask later.
    this.#failure ??= found;
    for (const { method, reject } of this.#pending.values()) reject(this.#tracerFailed(method, found));
    this.#pending.clear();
  }

  #tracerFailed(method: string, found = this.#failure ?? ""): SutureError {
    const said = this.#complaints.trim().split("\n").at(-1);
    return new SutureError("tracer-failed", `Cannot finish "${method}": ${found}${said ? ` (${said})` : ""}`, { method });
  }

  #holdNode(hold: boolean): void {
    const { stdin, stdout, stderr } = this.#helper;
    // spawn() types its pipes as plain streams; those of a child are sockets.
    for (const handle of [this.#helper, stdin as Socket, stdout as Socket, stderr as Socket]) {
      if (hold) handle.ref();
      else handle.unref();
    }
  }
}

const asObject = (value: JsonValue | undefined): Frame["head"] =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Frame["head"]) : {};

function errorFrom(error: JsonValue): SutureError {
  const { kind, message, ...data } = asObject(error);
  const known = typeof kind === "string" && isErrorKind(kind) ? kind : "internal";
  return new SutureError(known, typeof message === "string" ? message : "The helper gave an error without a message", data);
}
