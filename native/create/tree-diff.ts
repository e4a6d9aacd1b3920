// A new version's source tree instead of a diff: what differs between the two trees, as a diff that says the same. The
// manifest then holds what the patch was made from, whichever way it came.
//
// The trees are not in the same state: the old one was built in place, the new one often was not. So only what compilers
// read is compared, and what only the old tree has (made headers, mostly) stays as it is.

import { readFileSync, readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";

import { SutureError } from "../errors.ts";
import { decodeText } from "./byte-text.ts";
import { findMentioned } from "./mentions.ts";
import { runProgram } from "./run-program.ts";
import { isSourceName, openTree, skippedDirectories } from "./source-tree.ts";
import type { SourceDiff } from "./types.ts";

/** The diff that makes `source` into `newSource`, named like the new tree. Refuses trees that are equal, and the same tree twice. */
export async function diffSourceTrees(source: string, newSource: string): Promise<SourceDiff> {
  const [old, changed] = [openTree(source), openTree(newSource)];
  if (old === changed) throw nothingDiffers(source, newSource, "they are one directory");
  const [before, after] = [filesOf(old), filesOf(changed)];
  const differing = [...after].filter((path) => differs(old, changed, path, before.has(path)));
  const paths = [...differing.filter(isSourceName), ...findMentioned(changed, differing.filter((path) => !isSourceName(path)))].sort();
  if (paths.length === 0) throw nothingDiffers(source, newSource, "no source that the new tree holds differs");
  const parts = [];
  for (const path of paths) parts.push(await diffFile(old, changed, path, before.has(path)));
  return { name: basename(resolve(newSource)), text: parts.join("") };
}

const nothingDiffers = (source: string, newSource: string, found: string): SutureError =>
  new SutureError("nothing-to-patch", `Nothing to patch between ${source} and ${newSource}: ${found}`, { source, newSource });

/** Files by path below the root, links left out: what a link leads to in the tree is compared where it is. */
function filesOf(root: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (directory: string): void => {
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      if (entry.isDirectory() && !skippedDirectories.has(entry.name)) visit(path);
      else if (entry.isFile()) found.add(path);
    }
  };
  visit("");
  return found;
}

/** A new file that is no source counts where sources name it; who looks for those asks about a few names only. */
function differs(old: string, changed: string, path: string, isInBoth: boolean): boolean {
  if (!isInBoth) return true;
  return Buffer.compare(readFileSync(join(old, path)), readFileSync(join(changed, path))) !== 0;
}

async function diffFile(old: string, changed: string, path: string, isInBoth: boolean): Promise<string> {
  if (/[\n\0]/.test(path)) throw new SutureError("diff-does-not-apply", `Cannot compare ${JSON.stringify(path)}: no diff can say this name`, { file: path });
  const run = await runProgram("diff", ["--unified", "--text", isInBoth ? join(old, path) : "/dev/null", join(changed, path)], { directory: old });
  if (run.status !== 1) throw new SutureError("internal", `Cannot compare ${path}: diff ended with ${run.status}: ${run.errors.trim()}`, { file: path });
  const hunks = decodeText(run.output).replace(/^--- .*\n\+\+\+ .*\n/, "");
  return `--- ${isInBoth ? quote(`a/${path}`) : "/dev/null"}\n+++ ${quote(`b/${path}`)}\n${hunks}`;
}

/** As git quotes names that a header could not hold as they are. */
const quote = (path: string): string =>
  /["\\\t\r]/.test(path) ? `"${path.replaceAll(/["\\]/g, "\\$&").replaceAll("\t", "\\t").replaceAll("\r", "\\r")}"` : path;
