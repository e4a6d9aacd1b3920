// A directory from which gdb and perf read patches: their ELF files, a file of commands for gdb, and a tree that perf takes for
// the root of the file system (--symfs). In that tree everything is a link to the process's root, but for the patches, which stand
// under the names that the kernel gives to memory files and perf records.

import { mkdir, readdir, readlink, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { formatAddress, SutureError, type DebugFile } from "../native/mod.ts";
import type { DebugResult } from "./results.ts";

export interface DebugDirectory {
  readonly directory: string;
  /** Of each patch, in order. */
  readonly files: readonly string[];
  /** What the user types. */
  readonly gdb: string;
  readonly perf: string;
}

/** Refuses as cannot-write what exists, and what cannot be made. */
export async function writeDebugDirectory(name: string, { pid, core }: Pick<DebugResult, "pid" | "core">, patches: readonly DebugFile[]): Promise<DebugDirectory> {
  const directory = resolve(name);
  try {
    await mkdir(directory, { mode: 0o700 });
    const files = patches.map(({ base }) => join(directory, `patch-${formatAddress(base)}.so`));
    await Promise.all(patches.map(({ bytes }, index) => writeFile(files[index] ?? "", bytes, { mode: 0o600 })));
    await writeFile(join(directory, "gdb"), patches.map(({ base }, index) => `add-symbol-file ${quoted(files[index] ?? "")} -o ${formatAddress(base)}\n`).join(""));
    await writeTree(join(directory, "perf"), await rootOf(pid), patches);
    const attach = pid === undefined ? `gdb PROGRAM ${quoted(core ?? "")}` : `gdb -p ${pid}`;
    return { directory, files, gdb: `${attach} -x ${quoted(join(directory, "gdb"))}`, perf: `perf report --symfs ${quoted(join(directory, "perf"))} --kallsyms /proc/kallsyms` };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new SutureError("cannot-write", `Cannot write ${directory}: ${code === "EEXIST" ? "it exists already; name another place with --output" : message}`, { path: directory }, { cause });
  }
}

/** For gdb and for a shell alike. */
const quoted = (path: string): string => (/^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);

/** Where the paths that perf records lead: to the process's own files, if it sees others than we do. */
async function rootOf(pid: number | undefined): Promise<string> {
  if (pid === undefined) return "/";
  const views = await Promise.all([`/proc/${pid}`, "/proc/self"].map(async (process) => `${await readlink(`${process}/ns/mnt`)} ${await readlink(`${process}/root`)}`));
  return views[0] === views[1] ? "/" : `/proc/${pid}/root`;
}

async function writeTree(tree: string, root: string, patches: readonly DebugFile[]): Promise<void> {
  await mkdir(tree);
  // Of two patches with one name perf records one name; it is shown the later one.
  for (const { path, bytes } of patches) await writeFile(join(tree, path), bytes, { mode: 0o600 });
  const taken = new Set(patches.map(({ path }) => path.slice(1)));
  await Promise.all((await readdir(root)).filter((name) => !taken.has(name)).map((name) => symlink(join(root, name), join(tree, name))));
}
