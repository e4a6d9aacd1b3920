// Starts a program as a target of a test, listens to what it says, and makes sure that it does not outlive the test.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

export interface StartOptions {
  readonly parameters?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A line of its output that says it is up. Default: `/^ready/`; null when it says nothing. */
  readonly ready?: RegExp | null;
  /** Milliseconds to wait for a line. Default 10,000. */
  readonly timeout?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running target. `await using target = await startTarget(program)` ends it with the test. */
export interface Target extends AsyncDisposable {
  readonly pid: number;
  /** The line that said it is up; empty when there was none to wait for. */
  readonly readyLine: string;
  /** Lines of standard output so far. */
  readonly lines: readonly string[];
  /** Standard error so far. */
  errorText(): string;
  /** The next line from `from` (default: all so far) that matches; waits for it. */
  line(pattern: RegExp, from?: number): Promise<string>;
  write(text: string): void;
  /** How it ended; undefined while it runs. */
  exit(): Exit | undefined;
  signal(name: NodeJS.Signals): void;
  /** Kills it and waits for its end. */
  stop(): Promise<Exit>;
}

const running = new Set<ChildProcessByStdio<Writable, Readable, Readable>>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export async function startTarget(program: string, options: StartOptions = {}): Promise<Target> {
  const { parameters = [], env, cwd, ready = /^ready/, timeout = 10_000 } = options;
  const child = spawn(program, parameters, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  await once(child, "spawn");
  const target = new RunningTarget(child, timeout);
  if (ready === null) return target;
  try {
    target.readyLine = await target.line(ready);
  } catch (error) {
    await target.stop();
    throw error;
  }
  return target;
}

class RunningTarget implements Target {
  readonly pid: number;
  readonly lines: string[] = [];
  readyLine = "";
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #timeout: number;
  readonly #listeners = new Set<() => void>();
  readonly #ended: Promise<Exit>;
  #exit: Exit | undefined;
  #errors = "";
  #rest = "";

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, timeout: number) {
    this.#child = child;
    this.#timeout = timeout;
    this.pid = child.pid ?? 0;
    child.stdin.on("error", () => {});
    child.stdout.setEncoding("utf8").on("data", (piece: string) => this.#hear(piece));
    child.stderr.setEncoding("utf8").on("data", (piece: string) => {
      this.#errors += piece;
    });
    this.#ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        this.#tell();
        resolve(this.#exit);
      });
    });
  }

  errorText(): string {
    return this.#errors;
  }

  line(pattern: RegExp, from = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.slice(from).find((line) => pattern.test(line));
        if (found !== undefined) settle(() => resolve(found));
        else if (this.#exit) settle(() => reject(this.#nothingLike(pattern, `it ended (${describeExit(this.#exit)})`)));
      };
      const timer = setTimeout(() => settle(() => reject(this.#nothingLike(pattern, `waited ${this.#timeout} ms`))), this.#timeout);
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        finish();
      };
      this.#listeners.add(look);
      look();
    });
  }

  write(text: string): void {
    this.#child.stdin.write(text);
  }

  exit(): Exit | undefined {
    return this.#exit;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async stop(): Promise<Exit> {
    this.#child.kill("SIGKILL");
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #hear(piece: string): void {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    this.lines.push(...lines);
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #nothingLike(pattern: RegExp, found: string): Error {
    const said = [...this.lines.slice(-5), ...this.#errors.trim().split("\n").slice(-5)].join(" | ");
    return new Error(`Cannot find ${String(pattern)} in what pid ${this.pid} says: ${found}; last lines: ${said}`);
  }
}

const describeExit = (exit: Exit | undefined): string =>
  exit === undefined ? "running" : exit.signal === null ? `code ${exit.code}` : exit.signal;
