// gdb as a test's second opinion and as the debugger that is already there: started with the MI interpreter, one
// command at a time, records parsed by gdb-mi-parser behind an adapter that mends what that parser gets wrong.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import type { Readable, Writable } from "node:stream";

export type GdbValue = string | readonly GdbValue[] | { readonly [name: string]: GdbValue };

export interface GdbRecord {
  /** `done`, `error`, `stopped`, `thread-created`, `console`, … */
  readonly class: string;
  readonly result: GdbValue;
}

export interface GdbAnswer {
  readonly record: GdbRecord;
  /** What gdb wrote to its console meanwhile. */
  readonly console: string;
}

/** `await using gdb = await Gdb.start(); await gdb.attach(pid);` Disposing it detaches and ends gdb. */
export class Gdb implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<unknown>;
  #waiting: ((block: string) => void) | undefined;
  #received = "";
  #exited = false;

  private constructor() {
    this.#child = spawn("gdb", ["--interpreter=mi4", "--nx", "--quiet"], { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.resume();
    this.#child.stdout.setEncoding("utf8").on("data", (piece: string) => this.#hear(piece));
    this.#ended = once(this.#child, "close").then(() => {
      this.#exited = true;
      this.#waiting?.("");
    });
  }

  static async start(): Promise<Gdb> {
    const gdb = new Gdb();
    await gdb.#nextBlock();
    // Nothing may be fetched, asked or paged in a test.
    for (const setting of ["debuginfod enabled off", "confirm off", "pagination off"]) await gdb.command(`-gdb-set ${setting}`);
    return gdb;
  }

  /** Attaches and leaves the process stopped, as somebody at a debugger's prompt would. */
  async attach(pid: number): Promise<void> {
    await this.command(`-target-attach ${pid}`);
  }

  async detach(): Promise<void> {
    await this.command("-target-detach");
  }

  /** An MI command. A gdb that refuses is an error with its words. */
  async command(text: string): Promise<GdbAnswer> {
    if (this.#exited) throw new Error(`Cannot ask gdb "${text}": it has ended`);
    this.#child.stdin.write(`${text}\n`);
    for (let console = ""; ;) {
      const block = await this.#nextBlock();
      const records = readRecords(block);
      console += records.flatMap(({ class: name, result }) => (name === "console" && typeof result === "string" ? [result] : [])).join("");
      const record = records.find(({ class: name }) => ["done", "running", "connected", "error", "exit"].includes(name));
      if (record?.class === "error") throw new Error(`Cannot do "${text}" in gdb: ${messageOf(record.result)}`);
      if (record) return { record, console };
      // Asynchronous records come in blocks of their own.
      if (this.#exited) throw new Error(`Cannot do "${text}" in gdb: it ended`);
    }
  }

  /** A command of gdb's own command line; gives what it prints. */
  async cli(text: string): Promise<string> {
    return (await this.command(`-interpreter-exec console ${JSON.stringify(text)}`)).console;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // At the end of its input gdb lets go of what it has attached to.
    this.#child.stdin.end();
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#ended;
    clearTimeout(killer);
  }

  #hear(piece: string): void {
    this.#received += piece;
    this.#deliver();
  }

  #nextBlock(): Promise<string> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      if (this.#exited) resolve("");
      else this.#deliver();
    });
  }

  /** The parser wants whole lines, and knows no end of an answer: an answer ends with the prompt on a line of its own. */
  #deliver(): void {
    const end = /^\(gdb\) ?\r?\n/m.exec(this.#received);
    if (!end || !this.#waiting) return;
    const block = this.#received.slice(0, end.index);
    this.#received = this.#received.slice(end.index + end[0].length);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting(block);
  }
}

interface ParsedOutput {
  readonly outOfBandRecords: readonly GdbRecord[];
  readonly resultRecord?: GdbRecord;
}

const parse = createRequire(import.meta.url)("gdb-mi-parser") as (text: string) => ParsedOutput;

/**
 * Mends the parser's faults around it: it trims strings, spoils `\\n`, leaves octal escapes as they are and reads on
 * past an empty tuple. So strings go through it as numbers of a table, and empty tuples get a member to be taken out again.
 */
export function readRecords(block: string): GdbRecord[] {
  const strings: string[] = [];
  const tokens = block.replace(/"((?:[^"\\]|\\.)*)"|\{\}/g, (token: string, contents: string | undefined) => {
    if (token === "{}") return '{-="0"}';
    strings.push(decodeString(contents ?? ""));
    return `"${strings.length - 1}"`;
  });
  const restore = (value: GdbValue): GdbValue => {
    if (typeof value === "string") return strings[Number(value)] ?? value;
    if (isList(value)) return value.map(restore);
    return Object.fromEntries(Object.entries(value).filter(([name]) => name !== "-").map(([name, member]) => [name, restore(member)]));
  };
  const { outOfBandRecords, resultRecord } = parse(tokens);
  return [...outOfBandRecords, ...(resultRecord ? [resultRecord] : [])].map((record) => ({ class: record.class, result: restore(record.result) }));
}

const isList = (value: GdbValue): value is readonly GdbValue[] => Array.isArray(value);

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v", e: "\x1b" };

/** C escapes; octal ones are bytes of UTF-8. */
function decodeString(contents: string): string {
  const latin = Buffer.from(contents, "utf8").toString("latin1").replace(/\\([0-7]{1,3}|.)/g, (_all, escape: string) =>
    /^[0-7]/.test(escape) ? String.fromCharCode(Number.parseInt(escape, 8)) : escapes[escape] ?? escape);
  return Buffer.from(latin, "latin1").toString("utf8");
}

const messageOf = (result: GdbValue): string => {
  const message = typeof result === "object" && !isList(result) ? result["msg"] : undefined;
  return typeof message === "string" ? message : "no reason given";
};
