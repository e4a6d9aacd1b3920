// `patchability`: a verdict for each function, and every reason for it.

import type { PatchabilityResult } from "../results.ts";
import type { Style } from "../terminal.ts";

export const formatPatchability = (functions: readonly PatchabilityResult[], style: Style): string =>
  functions.map((one) => formatFunction(one, style)).join("\n");

function formatFunction({ name, verdict, unit, reasons }: PatchabilityResult, style: Style): string {
  const colors = { "patchable": style.green, "with-care": style.yellow, "not-patchable": style.red };
  const words = { "patchable": "can be patched", "with-care": "can be patched, with care", "not-patchable": "cannot be patched" };
  const head = `${style.bold(name)}${unit === undefined ? "" : ` (${unit})`}: ${colors[verdict](words[verdict])}`;
  return [head, ...reasons.map(({ text }) => `  ${text}`)].join("\n");
}
