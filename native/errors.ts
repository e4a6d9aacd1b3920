// Every refusal of the engine is a SutureError: a kind that programs branch on, data for machines, and one line
// for people that names the act, what was found and, where there is one, the way out.

/** Groups of kinds, in the order of the exit codes that `suture` documents. */
const kindsByExitCode = {
  1: ["internal"],
  2: ["usage"],
  // The process cannot be worked on.
  3: [
    "no-such-process", "process-gone", "not-permitted", "already-traced", "unsupported-architecture",
    "unreadable-memory", "out-of-memory", "tracer-failed", "unreachable-memory", "cannot-borrow-thread",
  ],
  // The patch does not belong to the process, or its file is not what it should be.
  4: [
    "build-id-mismatch", "bad-image", "unsupported-image-version", "bad-elf", "bytes-mismatch", "unresolved-symbol",
    "already-applied", "no-such-patch", "patch-in-use", "not-active", "bad-ledger",
  ],
  // The patch cannot be built.
  5: [
    "diff-does-not-apply", "compile-error", "no-compile-command", "no-debug-information", "source-mismatch",
    "unknown-function", "unknown-variable", "nothing-to-patch", "not-patchable", "missing-tool", "file-not-found", "cannot-write",
  ],
  // Right, but not now: nothing was written, trying again may work.
  6: ["blocked", "over-budget", "interrupted", "locked", "callback-refused", "callback-failed"],
  // `verify` found bytes that the ledger does not account for, or a transaction left in the middle.
  7: ["verification-failed", "unfinished-transaction"],
  // A recipe's own check or code failed.
  8: ["recipe-failed"],
} as const;

type KindsByExitCode = typeof kindsByExitCode;
export type ErrorKind = KindsByExitCode[keyof KindsByExitCode][number];
/** 9 belongs to no error: what was asked for is done, but not all that goes with it. */
export type ExitCode = 0 | keyof KindsByExitCode | 9;

export type JsonValue =
  | string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A refusal or failure with its kind and the data behind its message. */
export class SutureError extends Error {
  readonly kind: ErrorKind;
  readonly data: Readonly<Record<string, JsonValue>>;

  constructor(kind: ErrorKind, message: string, data: Readonly<Record<string, JsonValue>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = "SutureError";
    this.kind = kind;
    this.data = data;
  }

  get exitCode(): ExitCode {
    for (const [code, kinds] of Object.entries(kindsByExitCode)) {
      if ((kinds as readonly string[]).includes(this.kind)) return Number(code) as ExitCode;
    }
    return 1;
  }

  /** The documented shape of an error under `--json`: `{"error": {"kind", "message", …data}}`. */
  toJSON(): { error: { kind: ErrorKind; message: string } & Record<string, JsonValue> } {
    const head = { kind: this.kind, message: this.message };
    // First for the reader, last so that no data can take their place.
    return { error: Object.assign({ ...head }, this.data, head) };
  }
}

const unreadable: Readonly<Record<string, string>> = { ENOENT: "no such file", EISDIR: "it is a directory", EACCES: "not permitted", ENOTDIR: "no such file" };

/** Why a file cannot be read, in the words of the other refusals; what Node says where there are none. */
export const explainUnreadable = ({ code = "", message }: NodeJS.ErrnoException): string => unreadable[code] ?? message;

export const isErrorKind = (value: string): value is ErrorKind =>
  Object.values(kindsByExitCode).some((kinds) => (kinds as readonly string[]).includes(value));
