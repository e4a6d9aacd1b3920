// What a process's memory control group leaves it. Each page of its code that is written to, and of what is mapped into it, counts
// for the group; where that has no more, the kernel ends one of its processes, most likely this one. So there must be room before.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { refuse } from "./refusal.ts";

/** Beyond the patch itself: the ledger, page tables, the stack of a callback; and the program goes on, too. */
const slack = 512 << 10;

/** Looks at the group and at those above it. Refuses: out-of-memory. */
export function requireMemory(act: string, pid: number, bytes: number): void {
  const wanted = bytes + slack;
  for (const { directory, version } of groupsOf(pid)) {
    const limit = numberIn(directory, version.limit);
    // None that can be read is not a number; none at all is one that no machine comes to.
    if (!(limit < 2 ** 60)) continue;
    const left = limit - numberIn(directory, version.usage);
    if (!(left < wanted) || left + reclaimable(directory, version) >= wanted) continue;
    throw refuse("out-of-memory", act, `of the ${limit} bytes of its memory cgroup ${directory} ${Math.max(left, 0)} are left, and ${wanted} are wanted; raise that limit, or have the process free memory`, { pid, cgroup: directory, left, wanted });
  }
}

interface Version {
  readonly limit: string;
  readonly usage: string;
  readonly swapLimit: string;
  readonly swapUsage: string;
  /** Of what can be taken back, in memory.stat. */
  readonly statistics: readonly string[];
}

const first: Version = {
  limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", swapLimit: "memory.memsw.limit_in_bytes", swapUsage: "memory.memsw.usage_in_bytes",
  statistics: ["total_inactive_file", "total_active_file"],
};
const second: Version = {
  limit: "memory.max", usage: "memory.current", swapLimit: "memory.swap.max", swapUsage: "memory.swap.current",
  statistics: ["inactive_file", "active_file", "slab_reclaimable"],
};

interface Group {
  readonly directory: string;
  readonly version: Version;
}

/** Its own group and all above it. */
function groupsOf(pid: number): readonly Group[] {
  const groups = read(`/proc/${pid}/cgroup`);
  return read("/proc/self/mountinfo").split("\n").flatMap((line) => groupsIn(line, groups));
}

/** Where the mount of this line of mountinfo shows them. */
function groupsIn(line: string, groups: string): readonly Group[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root = "", mount = ""] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  const isFirst = type === "cgroup" && options.split(",").includes("memory");
  if (!isFirst && type !== "cgroup2") return [];
  const path = (isFirst ? /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m : /^0::(\/.*)$/m).exec(groups)?.[1];
  if (path === undefined || !path.startsWith(root)) return [];
  return upTo(mount, join(mount, root === "/" ? path : path.slice(root.length))).map((directory) => ({ directory, version: isFirst ? first : second }));
}

const upTo = (mount: string, directory: string): readonly string[] =>
  (directory.length > mount.length ? [directory, ...upTo(mount, dirname(directory))] : [mount]);

/** What the kernel takes back before it ends anybody: pages of files, and what swap has room for. To find that out costs it some time. */
function reclaimable(directory: string, { statistics, swapLimit, swapUsage }: Version): number {
  const all = read(join(directory, "memory.stat"));
  const files = statistics.reduce((sum, name) => sum + Number(new RegExp(`^${name} (\\d+)$`, "m").exec(all)?.[1] ?? 0), 0);
  const swapFree = 1024 * Number(/^SwapFree:\s+(\d+)/m.exec(read("/proc/meminfo"))?.[1] ?? 0);
  const swapLeft = numberIn(directory, swapLimit) - numberIn(directory, swapUsage);
  return files + (Number.isNaN(swapLeft) ? swapFree : Math.min(swapFree, Math.max(swapLeft, 0)));
}

function numberIn(directory: string, file: string): number {
  const text = read(join(directory, file));
  return /^\d+\s*$/.test(text) ? Number(text) : Number.NaN;
}

/** Without waiting: the kernel answers at once. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
