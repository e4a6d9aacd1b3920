// What is in the middle of a transaction, for `list` and `verify`: whoever finds it at three in the morning wants the way out.

import type { PatchState } from "../../native/mod.ts";
import type { Style } from "../terminal.ts";

const isUnfinished = (state: PatchState): boolean => state === "staged" || state === "activating" || state === "deactivating";

/** A line for each patch that a run has left in the middle, or is at work on. */
export const unfinishedLines = (pid: number, patches: readonly { readonly name: string; readonly state: PatchState }[], style: Style): readonly string[] =>
  patches.filter(({ state }) => isUnfinished(state)).map(({ name, state }) =>
    `${style.yellow("warning")}: ${name} is ${state} in pid ${pid}: a run is at work on it, or has died in the middle; then "suture recover --pid ${pid}" finishes or undoes it`);
