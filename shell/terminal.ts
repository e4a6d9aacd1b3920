// Where text goes, and whether it may carry colours: only to a terminal, and never when NO_COLOR is set.

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

/** The streams of this process. */
export function openTerminal(environment: NodeJS.ProcessEnv = process.env): Terminal {
  const styleFor = (stream: NodeJS.WriteStream): Style =>
    stream.isTTY && (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb" ? colorStyle : plainStyle;
  // A reader that has seen enough (`suture list | head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
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
