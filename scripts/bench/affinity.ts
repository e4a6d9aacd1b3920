// Keeps a busy thread and those who stop it on processors of their own, as on any machine with some to spare: what the
// thread then notices is the stop, and not who was scheduled.

import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The busy thread of this process has the last processor, we and the helper have the others, until the scope ends. */
export async function keepApart(pid: number): Promise<AsyncDisposable> {
  const last = cpus().length - 1;
  const everywhere = `0-${last}`;
  const ours = [process.pid, ...await childrenNamed("suture-tracer")];
  const putOurselves = (list: string): Promise<unknown> => Promise.all(ours.map((each) => run("taskset", ["-acp", list, String(each)])));
  if (last > 0) {
    for (const tid of await busyThreads(pid)) await run("taskset", ["-cp", String(last), tid]);
    await putOurselves(`0-${last - 1}`);
  }
  return { [Symbol.asyncDispose]: async () => void await putOurselves(everywhere) };
}

async function busyThreads(pid: number): Promise<readonly string[]> {
  const tids = await readdir(`/proc/${pid}/task`);
  const names = await Promise.all(tids.map((tid) => readFile(`/proc/${pid}/task/${tid}/comm`, "utf8")));
  return tids.filter((_, index) => names[index]?.trim() === "busy");
}

async function childrenNamed(name: string): Promise<readonly number[]> {
  const children = (await readFile(`/proc/${process.pid}/task/${process.pid}/children`, "utf8")).trim().split(" ").filter(Boolean);
  const names = await Promise.all(children.map((pid) => readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")));
  return children.filter((_, index) => names[index]?.trim() === name).map(Number);
}
