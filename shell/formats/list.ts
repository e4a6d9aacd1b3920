// `list`: the patches of each process, a line for each patch.

import type { PatchedProcess } from "../../native/mod.ts";
import { alignColumns } from "./columns.ts";

export function formatList(processes: readonly PatchedProcess[]): string {
  const rows = processes.flatMap(({ pid, program, patches }) =>
    patches.map((patch) => [`${pid}`, program, patch.name, patch.state, patch.functions.map(({ name }) => name).join(", ")]));
  if (rows.length === 0) return "No patch is applied";
  return alignColumns(["PID", "PROGRAM", "PATCH", "STATE", "FUNCTIONS"], rows).join("\n");
}
