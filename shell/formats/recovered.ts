// `recover`: what was left in the middle, and how it ended.

import type { RecoveryReport } from "../../native/mod.ts";
import type { Style } from "../terminal.ts";

const endings = { finished: "was finished", undone: "was undone", loaded: "is loaded, and not active" } as const;

export const formatRecovered = (report: RecoveryReport, style: Style): string =>
  [report, ...report.peers ?? []].map((each) => formatOne(each, style)).join("\n");

function formatOne({ pid, program, patches }: RecoveryReport, style: Style): string {
  if (patches.length === 0) return `pid ${pid} (${program}): nothing was left in the middle`;
  return patches.map(({ name, outcome }) => `${style.green(`pid ${pid} (${program})`)}: ${name} ${endings[outcome]}`).join("\n");
}
