// The machine that figures were measured on. Figures without it mean nothing.

import { cpus, loadavg, release, totalmem } from "node:os";
import { $ } from "zx";

export interface Machine {
  readonly processor: string;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
  readonly command: string;
  readonly date: string;
  /** Of the last minute, before the first benchmark. */
  readonly load: string;
}

export async function describeMachine(root: string, words: readonly string[]): Promise<Machine> {
  const [processor] = cpus();
  const { stdout: commit } = await $({ quiet: true, nothrow: true, cwd: root })`git describe --always --dirty`;
  return {
    processor: `${cpus().length} × ${processor?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `Linux ${release()}`,
    node: `Node ${process.versions.node}`,
    commit: `commit ${commit.trim() || "unknown"}`,
    command: ["npm run bench --", ...words].join(" "),
    date: new Date().toISOString(),
    load: `load average ${loadavg()[0]?.toFixed(2)}`,
  };
}
