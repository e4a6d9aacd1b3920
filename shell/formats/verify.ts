// `verify`: whether the bytes in the process are those that its ledger says, and each one that is not.

import { formatAddress, type VerifiedFunction, type VerifiedValue, type VerifyReport } from "../../native/mod.ts";
import type { Style } from "../terminal.ts";
import { count } from "./columns.ts";
import { unfinishedLines } from "./unfinished.ts";
import { describeUnproved } from "./unproved.ts";

export function formatVerify(report: VerifyReport, style: Style): string {
  if (report.problem !== undefined) return `pid ${report.pid} (${report.program}): ${style.red("not verified")}: ${report.problem}`;
  const verdict = report.verified ? style.green("as the ledger says") : style.red("NOT as the ledger says");
  const patches = report.patches.map((patch) => {
    const wrong = patch.functions.filter(({ matches }) => !matches);
    const code = patch.codeMatches ? [] : [`    ${style.red("the patch's own code was changed")}`];
    const waived = patch.unproved === undefined ? [] : [`    ${style.yellow("built with --no-proof")}: ${describeUnproved(patch.unproved)}`];
    return [`  ${patch.name} (${patch.state}): ${count(patch.functions.length, "function")}`, ...waived, ...code, ...wrong.map(describeMismatch), ...patch.values.map(describeValue)];
  });
  const nothing = report.patches.length === 0 ? ["  no patch is applied"] : [];
  return [`pid ${report.pid} (${report.program}): ${verdict}`, ...nothing, ...patches.flat(), ...unfinishedLines(report.pid, report.patches, style)].join("\n");
}

const describeMismatch = ({ name, at, expected, found }: VerifiedFunction): string =>
  `    ${name} at ${formatAddress(at)}: expected ${hex(expected)}, found ${found.length === 0 ? "nothing: what it lay in is not mapped any more" : hex(found)}`;

const meanings = { new: "as the patch sets it", old: "as it was without the patch", other: "neither the patch's value nor the one before" } as const;

const describeValue = ({ name, holds, found }: VerifiedValue): string => `    variable ${name} is ${hex(found)}: ${meanings[holds]}`;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
