// `threads` and `stack`: a line for each thread; a block for each stack, innermost frame first.

import { formatAddress } from "../../native/mod.ts";
import type { StackResult, StacksResult, ThreadsResult } from "../results.ts";
import type { Style } from "../terminal.ts";
import { alignColumns } from "./columns.ts";

const states: Readonly<Record<string, string>> = {
  R: "running", S: "sleeping", D: "waiting in the kernel", T: "stopped", t: "traced", Z: "zombie", X: "dead", I: "idle",
};

export const formatThreads = ({ threads }: ThreadsResult): string =>
  alignColumns(["TID", "STATE", "NAME"], threads.map(({ tid, state, name }) => [`${tid}`, states[state] ?? state, name])).join("\n");

export function formatStacks({ threads, stop }: StacksResult, style: Style): string {
  const held = `Held: working threads ${Math.round(stop.workingMicroseconds)} µs, sleeping threads ${Math.round(stop.sleepingMicroseconds)} µs`;
  return [...threads.map((thread) => formatStack(thread, style)), held].join("\n\n");
}

function formatStack({ tid, name, state, complete, frames }: StackResult, style: Style): string {
  const lines = frames.map((frame, depth) => `  #${`${depth}`.padEnd(3)} ${formatAddress(frame.at)} ${frame.function}`);
  const end = complete ? [] : [`  ${style.yellow("the rest of the stack could not be read")}`];
  return [`${style.bold(`thread ${tid}`)} ${name} (${states[state] ?? state})`, ...lines, ...end].join("\n");
}
