// An error as its one line of text. (Its JSON is its own: SutureError.toJSON.)

import type { SutureError } from "../../native/mod.ts";
import type { Style } from "../terminal.ts";

/** One line, whatever the message holds: a compiler's or a recipe's words may come with line ends. */
export const formatError = (error: SutureError, style: Style): string =>
  `${style.red("error")}: ${error.message.trim().replace(/\s*\r?\n\s*/g, " · ")}`;
