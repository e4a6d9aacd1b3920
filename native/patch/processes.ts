// Which processes are meant: some by their number, others by what they run or whose descendants they are. Reads only.
//
// A process that nobody named may end, or become another program, at any time, and that is no failure. One that is very
// young is left out at first: between vfork() and exec() it shares its parent's memory, and there is only one of that.
//
// A process whose parent has ended is handed on to an ancestor, and nothing in /proc says whose it was. But all that are forked from one
// program that was started have the random bytes that the kernel gave it then, and nobody else has them: so it is found again.

import { readFileSync, readlinkSync, statSync, type BigIntStats } from "node:fs";
import { open, readdir, readFile, realpath, stat } from "node:fs/promises";
import { readU64 } from "../elf/mod.ts";
import { explainUnreadable } from "../errors.ts";
import { refuse } from "./refusal.ts";

export interface ProcessSelection {
  readonly pids?: readonly number[];
  /** Each with all of its descendants that run the same program; those too whose parent has ended, unless they have been executed anew since. */
  readonly trees?: readonly number[];
  /** Paths: every process that runs that file, or one that it has replaced there. */
  readonly programs?: readonly string[];
}

/** One process by its pid, or several. */
export type Processes = number | ProcessSelection;

export interface ChosenProcess {
  readonly pid: number;
  readonly isNamed: boolean;
  /** What it was when it was chosen: which process, running which file. */
  readonly startTime: bigint;
  readonly file: string;
}

/** In kernel ticks of a hundredth of a second. */
const young = 5n;

export const selectionOf = (processes: Processes): ProcessSelection => (typeof processes === "number" ? { pids: [processes] } : processes);

/** Others than those that are named may belong to it, now or later. */
export const isOpen = ({ trees = [], programs = [] }: ProcessSelection): boolean => trees.length + programs.length > 0;

/** In the order of their pids, each once. Refuses: no-such-process. */
export async function chooseProcesses(selection: ProcessSelection): Promise<readonly ChosenProcess[]> {
  const now = await ticksSinceBoot();
  const chosen = (await findProcesses(selection)).filter(({ isNamed, startTime }) => isNamed || startTime + young <= now);
  if (chosen.length > 0) return chosen;
  const where = (selection.programs ?? []).join(", ");
  throw refuse("no-such-process", "choose processes", where === "" ? "none is named" : `none that can be looked into runs ${where}`, { programs: [...selection.programs ?? []] });
}

/** Very young ones too; possibly none. */
export async function findProcesses({ pids = [], trees = [], programs = [] }: ProcessSelection): Promise<readonly ChosenProcess[]> {
  const found = new Map<number, ChosenProcess>();
  const named = new Set([...pids, ...trees]);
  for (const pid of named) found.set(pid, nameProcess(pid));
  if (trees.length + programs.length === 0) return inOrder(found);
  const everyone = await readProcesses();
  for (const root of trees) for (const each of await familyOf(root, everyone)) if (each.file === found.get(root)?.file) addTo(found, each);
  const files = await filesAt(programs);
  for (const each of everyone) if (runsOneOf(files, each)) addTo(found, each);
  return inOrder(found);
}

const inOrder = (found: ReadonlyMap<number, ChosenProcess>): readonly ChosenProcess[] => [...found.values()].sort((one, other) => one.pid - other.pid);

function addTo(found: Map<number, ChosenProcess>, { pid, startTime, file }: RunningProcess): void {
  if (!found.has(pid)) found.set(pid, { pid, isNamed: false, startTime, file });
}

/** Whether it can be worked on at all is found out, and told, when it is opened. */
function nameProcess(pid: number): ChosenProcess {
  const running = readProcess(pid);
  return { pid, isNamed: true, startTime: running?.startTime ?? 0n, file: running?.file ?? "" };
}

/** The one of this number, if it runs one of these files and is no longer very young; `isYoung`: it may come to that yet. */
export async function chooseOne(pid: number, files: ReadonlySet<string>, settling: bigint): Promise<{ readonly chosen?: ChosenProcess; readonly isYoung: boolean }> {
  const found = readProcess(pid);
  if (found === undefined) return { isYoung: false };
  const age = await ticksSinceBoot() - found.startTime;
  const { startTime, file } = found;
  return { isYoung: age < settling, ...(runsOneOf(files, found) && age >= young ? { chosen: { pid, isNamed: false, startTime, file } } : {}) };
}

/** Files by their identity, as they are now, and by the names that the kernel has for those that these replaced. Refuses: file-not-found. */
export const filesAt = async (programs: readonly string[]): Promise<ReadonlySet<string>> =>
  new Set((await Promise.all(programs.map(async (path) => [await requireFile(path), replacedName(await realpath(path))]))).flat());

/** Processes go on with a file that an upgrade took away from under its name; that they are of another build, the patch finds out. */
const replacedName = (path: string): string => `${path} (deleted)`;

const runsOneOf = (files: ReadonlySet<string>, { file, replaced }: RunningProcess): boolean => files.has(file) || (replaced !== undefined && files.has(replaced));

async function requireFile(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(identityOf, (cause: NodeJS.ErrnoException) => {
    throw refuse("file-not-found", `choose the processes that run ${path}`, explainUnreadable(cause), { path });
  });
}

export const listPids = async (): Promise<readonly number[]> => (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);

/** It is the process that was chosen, and still runs what it ran then. */
export function isStillThere({ pid, startTime, file }: ChosenProcess): boolean {
  const now = readProcess(pid);
  return now !== undefined && now.startTime === startTime && now.file === file;
}

export const isYoung = async ({ startTime }: ChosenProcess): Promise<boolean> => startTime + young > await ticksSinceBoot();

interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  readonly startTime: bigint;
  readonly file: string;
  /** The kernel's name for the file, where that has been replaced: a path as we see it. */
  readonly replaced?: string;
}

async function readProcesses(): Promise<readonly RunningProcess[]> {
  return (await listPids()).map(readProcess).filter((each) => each !== undefined);
}

/**
 * Undefined when it has ended, even if its parent has not noticed, and when we may not look into it. Without waiting: the kernel answers at
 * once, and for all processes of a machine to wait costs many times what the answers do.
 */
function readProcess(pid: number): RunningProcess | undefined {
  const file = unlessFailing(() => identityOf(statSync(`/proc/${pid}/exe`, { bigint: true })));
  const text = file === undefined ? "" : unlessFailing(() => readFileSync(`/proc/${pid}/stat`, "utf8")) ?? "";
  // Behind the name, which may hold anything: state, parent, …, and the start time as the 20th.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (file === undefined || fields.length < 20) return undefined;
  const replaced = replacedFileOf(pid);
  return { pid, parent: Number(fields[1]), startTime: BigInt(fields[19] ?? 0), file, ...(replaced === undefined ? {} : { replaced }) };
}

/** Under another mount namespace's root a path of the same name is another file. */
function replacedFileOf(pid: number): string | undefined {
  const name = unlessFailing(() => readlinkSync(`/proc/${pid}/exe`));
  if (name?.endsWith(replacedName("")) !== true) return undefined;
  const [own, theirs] = ["self", pid].map((each) => unlessFailing(() => readlinkSync(`/proc/${each}/ns/mnt`)));
  return own !== undefined && own === theirs ? name : undefined;
}

function unlessFailing<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A file by its identity: paths differ between mount namespaces, and a replaced file still runs. */
const identityOf = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`;

function descendantsOf(root: number, everyone: readonly RunningProcess[]): readonly RunningProcess[] {
  const children = everyone.filter(({ parent, pid }) => parent === root && pid !== root);
  return children.flatMap((child) => [child, ...descendantsOf(child.pid, everyone)]);
}

async function familyOf(root: number, everyone: readonly RunningProcess[]): Promise<readonly RunningProcess[]> {
  const descendants = descendantsOf(root, everyone);
  const orphans = await orphansOf(root, everyone, new Set(descendants.map(({ pid }) => pid)));
  return [...descendants, ...orphans.flatMap((orphan) => [orphan, ...descendantsOf(orphan.pid, everyone)])];
}

/** Of a worker, whose parent is of its kind, none: they may be those of another worker. */
async function orphansOf(root: number, everyone: readonly RunningProcess[], known: ReadonlySet<number>): Promise<readonly RunningProcess[]> {
  const kind = everyone.find(({ pid }) => pid === root);
  if (kind === undefined) return [];
  const ancestors = ancestorsOf(kind, everyone);
  const isLikeRoot = ({ file }: RunningProcess): boolean => file === kind.file;
  const lost = everyone.filter((each) => isLikeRoot(each) && each.pid !== root && !known.has(each.pid) && each.startTime >= kind.startTime && ancestors.has(each.parent));
  if (lost.length === 0 || everyone.some((each) => each.pid === kind.parent && isLikeRoot(each))) return [];
  const origin = await originOf(root);
  if (origin === undefined) return [];
  const origins = await Promise.all(lost.map(({ pid }) => originOf(pid)));
  return lost.filter((_, at) => origins[at] === origin);
}

/** As far as we may look; whoever is above those is an ancestor too. */
function ancestorsOf({ parent }: RunningProcess, everyone: readonly RunningProcess[]): ReadonlySet<number> {
  const ancestors = new Set([1]);
  for (let next: number | undefined = parent; next !== undefined && next > 0 && !ancestors.has(next);) {
    ancestors.add(next);
    next = everyone.find(({ pid }) => pid === next)?.parent;
  }
  return ancestors;
}

const randomBytesAt = 25n; // AT_RANDOM

/** What the kernel gave a program when it was started, and its forks have from it. Undefined where we may not look. */
async function originOf(pid: number): Promise<string | undefined> {
  try {
    const vector = await readFile(`/proc/${pid}/auxv`);
    const at = Array.from({ length: Math.floor(vector.length / 16) }, (_, index) => 16 * index).find((offset) => readU64(vector, offset) === randomBytesAt);
    if (at === undefined) return undefined;
    await using memory = await open(`/proc/${pid}/mem`);
    const { buffer, bytesRead } = await memory.read({ buffer: Buffer.alloc(16), position: Number(readU64(vector, at + 8)) });
    return bytesRead === buffer.length ? buffer.toString("hex") : undefined;
  } catch {
    return undefined;
  }
}

const ticksSinceBoot = async (): Promise<bigint> =>
  BigInt(Math.floor(100 * Number((await readFile("/proc/uptime", "utf8")).split(" ")[0])));
