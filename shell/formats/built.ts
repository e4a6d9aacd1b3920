// `build` and `capture`: what was made, and where it lies.

import type { BuildResult, CaptureResult } from "../results.ts";
import type { Style } from "../terminal.ts";
import { alignColumns, count } from "./columns.ts";

export function formatBuilt(built: BuildResult, style: Style): string {
  const added = built.added.map(({ name, unit }) => `  new: ${name} (${unit})`);
  return [
    `${style.green("Built")} ${built.patch.name}: ${count(built.functions.length, "function")} from ${count(built.units.length, "unit")} in ${(built.milliseconds / 1000).toFixed(1)} s`,
    ...alignColumns(["  FUNCTION", "UNIT", "MODULE", "WHY"], built.functions.map((one) => [`  ${one.name}`, one.unit, one.module, one.reason])),
    ...built.values.map((name) => `  sets: ${name}`),
    ...added,
    `Written: ${built.output}`,
  ].join("\n");
}

export const formatCaptured = (captured: CaptureResult, style: Style): string =>
  `${style.green("Captured")} ${count(captured.units, "compile command")}: ${captured.output}`;
