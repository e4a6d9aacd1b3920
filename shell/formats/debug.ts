// `debug`: each patch, and what to type so that gdb and perf see it.

import { formatAddress } from "../../native/mod.ts";
import type { DebugResult, DebuggedPatch } from "../results.ts";

export function formatDebug({ pid, core, patches, written }: DebugResult): string {
  const subject = pid === undefined ? core ?? "" : `pid ${pid}`;
  if (patches.length === 0) return `No patch in ${subject}`;
  const commands = written === undefined ? [`gdb ${pid === undefined ? `PROGRAM ${core ?? ""}` : `-p ${pid}`} ${patches.map(readFromMemory).join(" ")}`] : [written.gdb, written.perf];
  return [...patches.map(describe), ...commands.map((command) => `  ${command}`)].join("\n");
}

/** The whole file is in memory, and gdb needs no other. */
const readFromMemory = ({ base }: DebuggedPatch): string => `-ex 'add-symbol-file-from-memory ${formatAddress(base)}'`;

const describe = ({ patch, functions, hasLines }: DebuggedPatch): string =>
  `${patch}: ${functions.join(", ")}${hasLines ? "" : " (without source lines)"}`;
