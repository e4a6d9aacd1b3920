// The state of a process that a refusal must leave alone: `expect(await snapshotOf(pid)).toEqual(before)`. Reads /proc
// only, so that taking it changes nothing and works whatever Suture does.

import { createHash } from "node:crypto";
import { open, readFile, readdir, type FileHandle } from "node:fs/promises";

export interface CodeMapping {
  /** The line of /proc/PID/maps: range, protection, file. */
  readonly mapping: string;
  /** SHA-256 of the bytes as the process sees them now. */
  readonly sha256: string;
}

export interface ProcessSnapshot {
  /** Every executable mapping. */
  readonly code: readonly CodeMapping[];
  /**
   * Every mapping that has a file or a special name, without the heap and stacks, which grow by themselves. A mapping that
   * appears, disappears or changes its protection shows here.
   */
  readonly mappings: readonly string[];
  /** Who traces each thread; 0 is nobody. Sorted and without repetition: `[0]` in a process left alone. */
  readonly tracers: readonly number[];
}

export async function snapshotOf(pid: number): Promise<ProcessSnapshot> {
  const lines = (await readFile(`/proc/${pid}/maps`, "utf8")).split("\n").filter(Boolean);
  return { code: await hashCode(pid, lines), mappings: lines.filter(isNamed), tracers: await tracersOf(pid) };
}

const isNamed = (line: string): boolean => /\S+$/.test(line.slice(73)) && !/\[(heap|stack|anon:)/.test(line);

async function hashCode(pid: number, lines: readonly string[]): Promise<CodeMapping[]> {
  const memory = await open(`/proc/${pid}/mem`, "r");
  try {
    const code: CodeMapping[] = [];
    for (const mapping of lines) {
      const [, start = "", end = ""] = /^([0-9a-f]+)-([0-9a-f]+) ..x/.exec(mapping) ?? [];
      // The kernel's own page lies beyond what files of /proc can read.
      if (start === "" || mapping.endsWith("[vsyscall]")) continue;
      code.push({ mapping, sha256: await hashRange(memory, Number.parseInt(start, 16), Number.parseInt(end, 16)) });
    }
    return code;
  } finally {
    await memory.close();
  }
}

/** Addresses of user space have 47 bits and are exact as numbers; a bigint position is not passed on by Node 20. */
async function hashRange(memory: FileHandle, start: number, end: number): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(1 << 20);
  for (let at = start; at < end;) {
    const { bytesRead } = await memory.read({ buffer, length: Math.min(end - at, buffer.length), position: at });
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash.digest("hex");
}

async function tracersOf(pid: number): Promise<number[]> {
  const tids = await readdir(`/proc/${pid}/task`);
  // A thread may end between the listing and the reading.
  const texts = await Promise.all(tids.map((tid) => readFile(`/proc/${pid}/task/${tid}/status`, "utf8").catch(() => "")));
  const tracers = texts.flatMap((text) => /^TracerPid:\s*(\d+)/m.exec(text)?.[1] ?? []);
  return [...new Set(tracers.map(Number))].sort((a, b) => a - b);
}
