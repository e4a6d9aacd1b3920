// `list`: the patches of each process, a line for each patch; and what could not be read.

import type { PatchedProcess } from "../../native/mod.ts";
import type { Style } from "../terminal.ts";
import { alignColumns } from "./columns.ts";

export function formatList(processes: readonly PatchedProcess[], style: Style): string {
  const rows = processes.flatMap(({ pid, program, patches }) =>
    patches.map((patch) => [`${pid}`, program, patch.name, patch.state, [...patch.functions.map(({ name }) => name), ...patch.values ?? []].join(", ")]));
  const table = rows.length === 0 ? [] : alignColumns(["PID", "PROGRAM", "PATCH", "STATE", "FUNCTIONS AND VARIABLES"], rows);
  const problems = processes.flatMap(({ problem }) => (problem === undefined ? [] : [`${style.yellow("warning")}: ${problem}`]));
  const lines = [...table, ...problems];
  return lines.length === 0 ? "No patch is applied" : lines.join("\n");
}
