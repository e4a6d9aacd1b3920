// Diffs applied, one file at a time, between files that we name: whatever a diff's headers say, patch(1), which applies
// all that does not lie exactly where it says, sees no path of theirs. Nothing is written to a tree here; a diff that does not fit leaves no trace.

import { existsSync } from "node:fs";
import { readFile, realpath, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { formatPatch } from "diff";

import { SutureError } from "../errors.ts";
import { encodeText } from "./byte-text.ts";
import { parseDiff } from "./diff.ts";
import type { FileChange } from "./diff.ts";
import { applyExactHunks } from "./exact-hunks.ts";
import { runProgram } from "./run-program.ts";
import { isSourceName, pathBelow } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";
import type { SourceDiff } from "./types.ts";

/** A file that the diffs change, before and after all of them. */
export interface TouchedFile {
  /** Relative to the source root, links resolved. */
  readonly path: string;
  /** Undefined for a file that the diffs create. */
  readonly original: Uint8Array | undefined;
  /** Undefined for a file that the diffs delete. */
  readonly patched: Uint8Array | undefined;
}

export interface AppliedDiffs {
  readonly touched: readonly TouchedFile[];
  /** Files of the diffs that are no source and are missing or do not fit: they are left as they are. */
  readonly leftOut: readonly string[];
  readonly notes: readonly string[];
}

/** Files by path as the diffs leave them so far; undefined for a deleted one. */
type WorkingFiles = Map<string, Uint8Array | undefined>;

interface Application {
  readonly tree: ShadowTree;
  readonly strip: number;
  readonly files: WorkingFiles;
  readonly originals: WorkingFiles;
  readonly leftOut: string[];
  readonly notes: string[];
}

/** Applies the diffs in order to the contents of the tree's files. */
export async function applyDiffs(tree: ShadowTree, diffs: readonly SourceDiff[], strip = 1): Promise<AppliedDiffs> {
  const application: Application = { tree, strip, files: new Map(), originals: new Map(), leftOut: [], notes: [] };
  for (const change of diffs.flatMap((diff) => parseDiff(diff, strip))) await applyChange(application, change);
  return { touched: touchedFiles(application), leftOut: application.leftOut, notes: application.notes };
}

function touchedFiles({ files, originals }: Application): TouchedFile[] {
  return [...files]
    .map(([path, patched]) => ({ path, original: originals.get(path), patched }))
    .filter(({ original, patched }) => !isSameContent(original, patched));
}

const isSameContent = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;

async function applyChange(application: Application, change: FileChange): Promise<void> {
  const path = await findFile(application, change);
  if (path === undefined) return;
  const before = await currentContent(application, path);
  if (change.act === "create" && before !== undefined && before.length > 0) {
    throw doesNotApply(change, path, "the diff creates the file, but the source tree has it already");
  }
  if (change.isBinary) {
    if (isSourceName(path)) throw doesNotApply(change, path, "it is a binary change without content");
    application.leftOut.push(path);
    return;
  }
  const after = await patchContent(application, change, path, before ?? new Uint8Array());
  if (after === undefined) {
    application.leftOut.push(path);
    return;
  }
  await storeChange(application, change, path, after);
}

async function storeChange(application: Application, change: FileChange, path: string, after: Uint8Array): Promise<void> {
  const { files } = application;
  if (change.destination !== undefined) {
    const destination = await resolveInTree(application, change, change.destination);
    if (await currentContent(application, destination) !== undefined) {
      throw doesNotApply(change, destination, `the diff makes it from ${path}, but the source tree has it already`);
    }
    files.set(destination, after);
    if (change.act === "rename") files.set(path, undefined);
    return;
  }
  if (change.act === "delete" && after.length > 0) throw doesNotApply(change, path, "the diff deletes the file, but not all that it holds");
  files.set(path, change.act === "delete" ? undefined : after);
}

/** The file that a change means, as patch(1) chooses it. Undefined where it is missing and no source. */
async function findFile(application: Application, change: FileChange): Promise<string | undefined> {
  const { tree, files } = application;
  const paths = await Promise.all(change.candidates.map((candidate) => resolveInTree(application, change, candidate)));
  const found = paths.find((path) => files.has(path) ? files.get(path) !== undefined : existsSync(join(tree.root, path)));
  if (found !== undefined) return found;
  const [wanted] = paths;
  if (wanted === undefined) return undefined;
  if (change.act === "create") return wanted;
  if (!isSourceName(wanted)) {
    application.leftOut.push(wanted);
    return undefined;
  }
  throw doesNotApply(change, wanted, `the source tree ${tree.spelledRoot} has no such file; paths are read as by "patch -p${application.strip}", and --strip says another number`);
}

/**
 * The path with its links resolved, so that a linked file is changed where it is. Even a new file must not
 * come to lie in a directory that a link puts out of the tree.
 */
async function resolveInTree({ tree }: Application, change: FileChange, path: string): Promise<string> {
  let existing = join(tree.root, path);
  while (!existsSync(existing)) existing = dirname(existing);
  const resolved = join(await realpath(existing), relative(existing, join(tree.root, path)));
  const below = pathBelow(tree.root, resolved);
  if (below === undefined) throw doesNotApply(change, path, `a symbolic link leads to ${resolved}, out of the source tree`);
  return below;
}

async function currentContent({ tree, files, originals }: Application, path: string): Promise<Uint8Array | undefined> {
  if (files.has(path)) return files.get(path);
  const content = await readFile(join(tree.root, path)).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new SutureError("file-not-found", `Cannot read ${join(tree.root, path)}: ${cause.message}`, { path }, { cause });
  });
  originals.set(path, content);
  return content;
}

/** By looking, else by patch(1) without fuzz, then with its default. Undefined where a file that is no source does not fit. */
async function patchContent(application: Application, change: FileChange, path: string, content: Uint8Array): Promise<Uint8Array | undefined> {
  if (change.hunks.length === 0) return content;
  const asStated = applyExactHunks(content, change.hunks);
  if (asStated) return asStated;
  const exact = await runPatch(application.tree.scratch, change, content, ["--fuzz=0"]);
  if (exact.patched) return exact.patched;
  const fuzzy = await runPatch(application.tree.scratch, change, content, []);
  if (fuzzy.patched) {
    application.notes.push(`${change.diff} fits ${path} only with fuzz: ${fuzzLines(fuzzy.report)}`);
    return fuzzy.patched;
  }
  if (!isSourceName(path)) return undefined;
  throw hunkFailed(change, path, fuzzy.report, exact.report);
}

interface PatchRun {
  readonly patched?: Uint8Array;
  readonly report: string;
}

async function runPatch(scratch: string, change: FileChange, content: Uint8Array, fuzz: readonly string[]): Promise<PatchRun> {
  const text = formatPatch({ oldFileName: "in", newFileName: "in", oldHeader: "", newHeader: "", hunks: [...change.hunks] });
  const [input, output] = [join(scratch, "in"), join(scratch, "out")];
  await rm(output, { force: true });
  await writeFile(input, content);
  const run = await runProgram("patch",
    ["--unified", "--forward", ...fuzz, "--reject-file=-", `--output=${output}`, input],
    { directory: scratch, input: encodeText(text), environment: { POSIXLY_CORRECT: undefined } });
  const report = run.output.toString() + run.errors;
  return run.status === 0 ? { patched: await readFile(output), report } : { report };
}

const fuzzLines = (report: string): string =>
  report.split("\n").filter((line) => line.includes("with fuzz")).join("; ").replaceAll(/\.(?=;|$)/g, "");

function hunkFailed(change: FileChange, path: string, report: string, exactReport: string): SutureError {
  const failed = [...report.matchAll(/Hunk #(\d+) (?:FAILED|ignored|skipped) at (\d+)/g)];
  const hunk = Number(failed[0]?.[1] ?? 1);
  const line = Number(failed[0]?.[2] ?? change.hunks[hunk - 1]?.oldStart ?? 0);
  const isReversed = /previously applied/.test(report + exactReport);
  const reason = isReversed
    ? "it seems to be applied already; --source is the tree that built the running program"
    : `hunk ${hunk} of ${change.hunks.length}, at line ${line}, does not fit`;
  return doesNotApply(change, path, reason, { hunk, line });
}

const doesNotApply = (change: FileChange, path: string, reason: string, data: Record<string, number> = {}): SutureError =>
  new SutureError("diff-does-not-apply", `Cannot apply ${change.diff} to ${path}: ${reason}; nothing was changed`,
    { diff: change.diff, file: path, ...data });
