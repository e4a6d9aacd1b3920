// Work under way, as it is reported on standard error: one line of a terminal that is written over, a line for each step
// where there is no terminal, or a JSON document for each step for programs. Standard output stays the result's alone.

import { SutureError } from "../native/mod.ts";
import type { Terminal } from "./terminal.ts";

const modes = ["auto", "line", "lines", "json", "none"] as const;
/** "watched": one line on a terminal, nothing elsewhere or beside a JSON result. */
export type ProgressMode = (typeof modes)[number] | "watched";

export function parseProgressMode(text: string): ProgressMode {
  const mode = modes.find((each) => each === text);
  if (mode !== undefined) return mode;
  throw new SutureError("usage", `Cannot read the way of progress: "${text}" is none of ${modes.join(", ")}`, { given: text });
}

/** For a line that is written over only; for every way; to stay on the screen. */
export type Weight = "momentary" | "step" | "lasting";

export interface Progress extends Disposable {
  /** `text` is for people; an event without one is for programs only. */
  report(event: object, text: string | undefined, weight?: Weight): void;
}

/** auto: JSON beside a JSON result, one line on a terminal, lines elsewhere. */
export function openProgress(mode: ProgressMode, terminal: Terminal, asJson: boolean): Progress {
  switch (chooseMode(mode, terminal, asJson)) {
    case "none": return { report: () => undefined, [Symbol.dispose]: () => undefined };
    case "json": return jsonProgress(terminal);
    case "lines": return { report: (_, text, weight) => { if (text !== undefined && weight !== "momentary") terminal.error(`${text}\n`); }, [Symbol.dispose]: () => undefined };
    case "line": return lineProgress(terminal);
  }
}

function chooseMode(mode: ProgressMode, { errorIsTerminal }: Terminal, asJson: boolean): "line" | "lines" | "json" | "none" {
  if (mode === "watched") return errorIsTerminal && !asJson ? "line" : "none";
  if (mode !== "auto") return mode;
  if (asJson) return "json";
  return errorIsTerminal ? "line" : "lines";
}

function jsonProgress(terminal: Terminal): Progress {
  const begun = performance.now();
  return {
    report: (event) => terminal.error(`${JSON.stringify({ ...event, elapsedMilliseconds: Math.round(performance.now() - begun) })}\n`),
    [Symbol.dispose]: () => undefined,
  };
}

/** What a terminal shows in its current line goes. */
export const eraseLine = "\r\x1b[K";

function lineProgress(terminal: Terminal): Progress {
  let isShown = false;
  const erase = (): void => {
    if (isShown) terminal.error(eraseLine);
    isShown = false;
  };
  return {
    report(_, text, weight = "step") {
      if (text === undefined) return;
      erase();
      // A line that wraps could not be written over.
      const isLasting = weight === "lasting";
      terminal.error(isLasting ? `${text}\n` : terminal.errorStyle.dim(text.slice(0, Math.max(20, terminal.errorWidth() - 1))));
      isShown = !isLasting;
    },
    [Symbol.dispose]: erase,
  };
}
