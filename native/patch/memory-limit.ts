// What a process's memory control group leaves it. Each page of its code that is written to, and of what is mapped into it, counts
// for the group; where that has no more, the kernel ends one of its processes, most likely this one. So there must be room before.

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { refuse } from "./refusal.ts";

/** Beyond the patch itself: the ledger, page tables, the stack of a callback; and the program goes on, too. */
const slack = 512 << 10;

interface Group {
  readonly directory: string;
  readonly limit: number;
  /** With what the kernel can take back: pages of files, and what swap has room for. */
  readonly left: number;
}

/** Looks at the group and at those above it. Refuses: out-of-memory. */
export async function requireMemory(act: string, pid: number, bytes: number): Promise<void> {
  const wanted = bytes + slack;
  for (const { directory, limit, left } of await limitsOf(pid)) {
    if (left >= wanted) continue;
    throw refuse("out-of-memory", act, `of the ${limit} bytes of its memory cgroup ${directory} ${Math.max(left, 0)} are left, and ${wanted} are wanted; raise that limit, or have the process free memory`, { pid, cgroup: directory, left, wanted });
  }
}

interface Version {
  readonly limit: string;
  readonly usage: string;
  readonly swapLimit: string;
  readonly swapUsage: string;
  /** Names in memory.stat. */
  readonly reclaimable: readonly string[];
}

const first: Version = {
  limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", swapLimit: "memory.memsw.limit_in_bytes", swapUsage: "memory.memsw.usage_in_bytes",
  reclaimable: ["total_inactive_file", "total_active_file"],
};
const second: Version = {
  limit: "memory.max", usage: "memory.current", swapLimit: "memory.swap.max", swapUsage: "memory.swap.current",
  reclaimable: ["inactive_file", "active_file", "slab_reclaimable"],
};

/** Those that have a limit. What cannot be read limits nobody that we know of. */
async function limitsOf(pid: number): Promise<readonly Group[]> {
  const [groups, mounts, machine] = await Promise.all([read(`/proc/${pid}/cgroup`), read("/proc/self/mountinfo"), read("/proc/meminfo")]);
  const swapFree = 1024 * Number(/^SwapFree:\s+(\d+)/m.exec(machine)?.[1] ?? 0);
  const places = mounts.split("\n").flatMap((line) => placeIn(line, groups));
  return (await Promise.all(places.flatMap(({ directories, version }) => directories.map((directory) => readGroup(directory, version, swapFree))))).flat();
}

interface Place {
  readonly version: Version;
  /** Of the group and of all above it. */
  readonly directories: readonly string[];
}

/** Where the mount of this line of mountinfo shows the process's group. */
function placeIn(line: string, groups: string): readonly Place[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root = "", mount = ""] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  const isFirst = type === "cgroup" && options.split(",").includes("memory");
  if (!isFirst && type !== "cgroup2") return [];
  const path = (isFirst ? /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m : /^0::(\/.*)$/m).exec(groups)?.[1];
  if (path === undefined || !path.startsWith(root)) return [];
  return [{ version: isFirst ? first : second, directories: upTo(mount, join(mount, root === "/" ? path : path.slice(root.length))) }];
}

const upTo = (mount: string, directory: string): readonly string[] =>
  (directory.length > mount.length ? [directory, ...upTo(mount, dirname(directory))] : [mount]);

async function readGroup(directory: string, { limit, usage, swapLimit, swapUsage, reclaimable }: Version, swapFree: number): Promise<readonly Group[]> {
  const [most, used, mostSwap, usedSwap] = await Promise.all([limit, usage, swapLimit, swapUsage].map(async (name) => numberIn(await read(join(directory, name)))));
  if (most === undefined || used === undefined) return [];
  const statistics = await read(join(directory, "memory.stat"));
  const files = reclaimable.reduce((sum, name) => sum + (numberIn(new RegExp(`^${name} (\\d+)$`, "m").exec(statistics)?.[1]) ?? 0), 0);
  const swap = Math.min(swapFree, mostSwap === undefined ? swapFree : Math.max(mostSwap - (usedSwap ?? 0), 0));
  return [{ directory, limit: most, left: most - used + files + swap }];
}

/** Undefined: none, or "max". */
const numberIn = (text: string | undefined): number | undefined => (text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined);

const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
