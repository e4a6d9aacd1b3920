// `list`: the patches of each process, a line for each patch; how a debugger finds their symbols; and what could not be read.

import { formatAddress, type ListedPatch, type PatchedProcess } from "../../native/mod.ts";
import type { Style } from "../terminal.ts";
import { alignColumns } from "./columns.ts";
import { unfinishedLines } from "./unfinished.ts";
import { describeUnproved } from "./unproved.ts";

export function formatList(processes: readonly PatchedProcess[], style: Style): string {
  const rows = processes.flatMap(({ pid, program, patches }) =>
    patches.map((patch) => [`${pid}`, program, patch.name, patch.state, [...patch.functions.map(({ name }) => (patch.forced?.includes(name) ? `${name} (forced)` : name)), ...patch.values ?? []].join(", ")]));
  const table = rows.length === 0 ? [] : alignColumns(["PID", "PROGRAM", "PATCH", "STATE", "FUNCTIONS AND VARIABLES"], rows);
  const problems = processes.flatMap(({ pid, patches, problem }) => [...unfinishedLines(pid, patches, style), ...(problem === undefined ? [] : [`${style.yellow("warning")}: ${problem}`])]);
  const waived = processes.flatMap(({ pid, patches }) => patches.flatMap((patch) => unprovedLines(pid, patch, style)));
  const lines = [...table, ...processes.flatMap(({ patches }) => patches.flatMap(gdbLines)), ...waived, ...problems];
  return lines.length === 0 ? "No patch is applied" : lines.join("\n");
}

const unprovedLines = (pid: number, { name, unproved }: ListedPatch, style: Style): readonly string[] =>
  (unproved === undefined ? [] : [`${style.yellow("warning")}: ${name} in pid ${pid} was built with --no-proof: ${describeUnproved(unproved)}`]);

/** What gdb wants to be told, so that it names the patch's functions and shows their lines. */
const gdbLines = ({ name, symbols = [] }: ListedPatch): readonly string[] =>
  symbols.map(({ base }) => `gdb, for ${name}: add-symbol-file-from-memory ${formatAddress(base)}`);
