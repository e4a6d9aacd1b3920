// Other programs that want the processors all the time, as on a busy machine.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { ordinarily } from "./priority.ts";

/** They end with their scope. */
export async function startHogs(count: number): Promise<AsyncDisposable> {
  const [command, words] = ordinarily("sh", ["-c", "while :; do :; done"]);
  const hogs = Array.from({ length: count }, () => spawn(command, words, { stdio: "ignore" }));
  await Promise.all(hogs.map((hog) => once(hog, "spawn")));
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(hogs.map((hog) => {
        const ended = once(hog, "exit");
        hog.kill("SIGKILL");
        return ended;
      }));
    },
  };
}
