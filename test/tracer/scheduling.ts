// The priorities of a process's threads: made different from one another, and read.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Of each thread: priority, nice value, real-time priority and policy. */
export const schedulingOf = (pid: number): readonly string[] =>
  readdirSync(`/proc/${pid}/task`).map((tid) => readFileSync(`/proc/${pid}/task/${tid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ")).map((fields) => `${fields[15]}/${fields[16]}/${fields[37]}/${fields[38]}`);

/**
 * No two neighbours alike: in policy, priority and whether children inherit it. The first threads are those that work, and have no real-time
 * priority of their own; of those that sleep some have.
 */
export function setApart(pid: number, working: number): void {
  const ordinary = [["renice", "-n", "7", "-p"], ["chrt", "--batch", "-p", "0"], ["chrt", "--idle", "-p", "0"], ["renice", "-n", "-5", "-p"], ["chrt", "--reset-on-fork", "--other", "-p", "0"]];
  const realTime = [["chrt", "--rr", "-p", "3"], ["chrt", "--fifo", "-p", "2"]];
  for (const [index, tid] of readdirSync(`/proc/${pid}/task`).filter((each) => Number(each) !== pid).entries()) {
    const ways = index < working ? ordinary : [...realTime, ...ordinary];
    const [command = "", ...words] = ways[index % ways.length] ?? [];
    execFileSync(command, [...words, tid], { stdio: "ignore" });
  }
}
