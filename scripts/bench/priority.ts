// Who gets the processors. The engine of a benchmark may be preferred, or have one of them to itself; what it starts is ordinary all the same.

import { execFileSync } from "node:child_process";
import { cpus, getPriority, setPriority } from "node:os";

/** False: not permitted, and nothing was changed. Programs that give way could not start ordinary ones without the right to. */
export function setNiceness(niceness: number): boolean {
  if (niceness !== 0 && process.getuid?.() !== 0) return false;
  setPriority(niceness);
  return true;
}

let isApart = false;

/**
 * From now on what is started by `ordinarily()` shares the first processor, and this process has the second, with all that it starts
 * otherwise: as on a machine with one to spare. False: there is only one.
 */
export function setApart(apart: boolean): boolean {
  const last = cpus().length - 1;
  if (apart && last < 1) return false;
  if (apart !== isApart) execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", apart ? "1" : `0-${last}`, String(process.pid)], { stdio: "ignore" });
  isApart = apart;
  return true;
}

/**
 * The command that runs this program at the ordinary priority, and as a service is run: in a session of its own, to which the kernel gives as much of
 * a processor as to ours, however many threads there are (sched(7), autogroup). It ends with us, should we be killed.
 */
export function ordinarily(program: string, words: readonly string[]): readonly [program: string, words: readonly string[]] {
  const command = ["setpriv", "--pdeathsig", "KILL", "setsid", "nice", "-n", String(-getPriority()), program, ...words];
  return isApart ? ["taskset", ["--cpu-list", "0", ...command]] : ["setpriv", command.slice(1)];
}
