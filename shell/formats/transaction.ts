// `apply` and `revert`, and the steps that they are made of: what was switched, where, and how long threads were held.

import { formatAddress, type TransactionResult, type ValueReport } from "../../native/mod.ts";
import type { Style } from "../terminal.ts";
import { alignColumns, count } from "./columns.ts";

const verbs = {
  committed: "Applied", reverted: "Reverted", loaded: "Loaded", activated: "Activated", deactivated: "Deactivated", unloaded: "Unloaded",
  checked: "Checked, and changed nothing:",
} as const;

export function formatTransaction(transaction: TransactionResult, style: Style): string {
  const processes = transaction.processes.flatMap(({ pid, functions, memoryKept, forkedMeanwhile, unseenCoroutines, forced = [], covers = [], replaced = [], values = [], failedCallbacks = [] }) => [
    `${style.green(verbs[transaction.result])} ${transaction.patch.name}, pid ${pid}: ${count(functions.length, "function")}`,
    ...alignColumns(
      ["  FUNCTION", "UNIT", "MODULE", "OLD", "NEW"],
      functions.map((one) => [`  ${one.name}`, one.unit, one.module, formatAddress(one.old), formatAddress(one.new)]),
    ),
    ...values.map((each) => `  ${describeValue(each, style)}`),
    ...covers.map((each) => `  ${style.yellow("warning")}: ${each.function} was redirected by ${each.patch}, whose fix to it is not in this one; --replace takes the older ones out`),
    ...(forced.length === 0 ? [] : [`  forced: calls of ${forced.join(", ")} that were under way go on in the old code`]),
    ...(unseenCoroutines === true ? [`  ${style.yellow("warning")}: it switches coroutines, and one that waits its turn may go on in the old code; --scan heap looks for those`] : []),
    ...failedCallbacks.map((each) => `  ${style.yellow("warning")}: the ${each.when} callback ${each.function} ${each.outcome}`),
    ...(replaced.length === 0 ? [] : [`  in the place of ${replaced.join(", ")}`]),
    ...(forkedMeanwhile === true ? ["  it was forked in the middle, and brought to the same state"] : []),
    ...(memoryKept === true ? ["  its memory stays until the process no longer refers to it"] : []),
  ]);
  return [...processes, ...(transaction.stop.attempts === 0 ? [] : [formatStop(transaction)])].join("\n");
}

/** The bytes as they lie in memory. */
function describeValue({ name, outcome, value }: ValueReport, style: Style): string {
  const holds = Buffer.from(value).toString("hex");
  switch (outcome) {
    case "set": return `${name} is set to ${holds}`;
    case "restored": return `${name} is ${holds} again`;
    case "left": return `${style.yellow("warning")}: ${name} is ${holds}, which the patch had not set, and was left so`;
  }
}

function formatStop({ stop }: TransactionResult): string {
  const worst = `; at worst ${microseconds(stop.worstWorkingMicroseconds)} and ${microseconds(stop.worstSleepingMicroseconds)}`;
  return `Held: working threads ${microseconds(stop.workingMicroseconds)}, sleeping threads ${microseconds(stop.sleepingMicroseconds)} (${count(stop.attempts, "attempt")}${stop.attempts === 1 ? "" : worst})`;
}

const microseconds = (value: number): string => `${Math.round(value)} µs`;
