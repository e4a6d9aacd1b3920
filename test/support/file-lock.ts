// A lock that other processes respect and that the kernel frees when its holder dies, by flock(1): Node has none.

import { spawn } from "node:child_process";
import { once } from "node:events";

/** Runs `work` while no other process holds the lock on this file. */
export async function withFileLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  // The shell in between says that the lock is ours, and keeps it until its input closes: at our end at the latest.
  const holder = spawn("flock", [file, "sh", "-c", "echo locked; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(holder, "close");
  try {
    await Promise.race([once(holder.stdout, "data"), ended.then(() => Promise.reject(new Error(`Cannot lock ${file}: flock ended`)))]);
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
