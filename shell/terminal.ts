// Where text goes, and whether it may carry colours: only to a terminal, and never when NO_COLOR is set.

import { SutureError } from "../native/mod.ts";

/** Ways to set a word apart; each returns its text unchanged where colours are not wanted. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

export interface Terminal {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  readonly outIsTerminal: boolean;
  readonly errorIsTerminal: boolean;
  /** Columns of the terminal that standard error goes to. */
  readonly errorWidth: () => number;
  readonly style: Style;
  readonly errorStyle: Style;
}

const unchanged = (text: string): string => text;
const sequence = (on: number, off: number) => (text: string) => `\x1b[${on}m${text}\x1b[${off}m`;

export const plainStyle: Style = { bold: unchanged, dim: unchanged, red: unchanged, green: unchanged, yellow: unchanged };
export const colorStyle: Style = {
  bold: sequence(1, 22),
  dim: sequence(2, 22),
  red: sequence(31, 39),
  green: sequence(32, 39),
  yellow: sequence(33, 39),
};

/**
 * A reader that has seen enough (`suture list | head`) is no error, and work under way goes on without one: a recipe that is to
 * take its patch back has to come to its end. A result that cannot be written is lost, and the exit code says so.
 */
function onWriteError({ code, message }: NodeJS.ErrnoException): void {
  if (code === "EPIPE" || writeFailure !== undefined) return;
  writeFailure = message;
}

let writeFailure: string | undefined;

/** Waits until all that was printed is out. Refuses: cannot-write. */
export async function finishOutput(): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
  if (writeFailure !== undefined) throw new SutureError("cannot-write", `Cannot print the result: ${writeFailure}`);
}

/** The streams of this process. */
export function openTerminal(environment: NodeJS.ProcessEnv = process.env): Terminal {
  const styleFor = (stream: NodeJS.WriteStream): Style =>
    stream.isTTY && (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb" ? colorStyle : plainStyle;
  process.stdout.on("error", onWriteError);
  process.stderr.on("error", onWriteError);
  return {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY,
    errorIsTerminal: process.stderr.isTTY,
    errorWidth: () => process.stderr.columns ?? 80,
    style: styleFor(process.stdout),
    errorStyle: styleFor(process.stderr),
  };
}
