// What a diff says, before anything is done with it: which files it changes, creates, deletes or renames. It is
// text from elsewhere, so names that would leave the source tree are refused here, before any file is opened.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parsePatch } from "diff";
import type { StructuredPatch, StructuredPatchHunk } from "diff";

import { printable } from "../elf/mod.ts";
import { explainUnreadable, SutureError } from "../errors.ts";
import { decodeText } from "./byte-text.ts";
import type { SourceDiff } from "./types.ts";

/** What one diff does to one file. Paths are relative to the source root. */
export interface FileChange {
  /** Name of the diff. */
  readonly diff: string;
  readonly act: "change" | "create" | "delete" | "rename" | "copy";
  /** Paths that the headers name, stripped, best guess first: which of them is meant depends on what exists. */
  readonly candidates: readonly string[];
  /** The new path of a rename or copy. */
  readonly destination?: string;
  /** Empty for a rename that changes nothing else, a change of mode, or a binary file. */
  readonly hunks: readonly StructuredPatchHunk[];
  readonly isBinary: boolean;
}

/** Reads a diff from a file; its name is the file's, without directory and ending. */
export async function readDiff(path: string): Promise<SourceDiff> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new SutureError("file-not-found", `Cannot read diff ${path}: ${explainUnreadable(cause)}`, { path }, { cause });
  });
  return { name: basename(path).replace(/\.(patch|diff)$/, ""), text: decodeText(bytes) };
}

/**
 * Takes a unified diff (plain, git, or one with prose around it) apart, file by file. `strip` leading components of its
 * paths are none of the tree's, as patch(1) has it with `-p`.
 */
export function parseDiff(diff: SourceDiff, strip = 1): readonly FileChange[] {
  const changes = parseUnified(diff)
    .filter((patch) => patch.hunks.length > 0 || patch.isRename || patch.isCopy || patch.isCreate || patch.isDelete || patch.isBinary)
    .map((patch) => toFileChange(diff.name, patch, strip));
  if (changes.length === 0) {
    throw new SutureError("diff-does-not-apply",
      `Cannot apply ${diff.name}: it holds no unified diff; make one with "git diff" or "diff -u"`, { diff: diff.name });
  }
  return changes;
}

function parseUnified(diff: SourceDiff): readonly StructuredPatch[] {
  try {
    return parsePatch(withoutMail(withoutCarriageReturns(diff.text)));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SutureError("diff-does-not-apply", `Cannot apply ${diff.name}: malformed diff: ${printable(reason)}`, { diff: diff.name }, { cause: cause as Error });
  }
}

/** patch(1) takes carriage returns away when the headers have them: the diff went through a mailer, not the file. */
const withoutCarriageReturns = (text: string): string =>
  /^--- .*\r$/m.test(text) ? text.replaceAll("\r\n", "\n") : text;

/**
 * `git format-patch` ends with "-- " and its version, which reads like one more removed line; and a mail's own
 * header lines may follow. Both are outside the hunks, so the hunks are counted through.
 */
function withoutMail(text: string): string {
  const kept: string[] = [];
  let oldLines = 0;
  let newLines = 0;
  let inSignature = false;
  for (const line of text.split("\n")) {
    if (oldLines > 0 || newLines > 0) {
      if (!line.startsWith("+") && !line.startsWith("\\")) oldLines--;
      if (!line.startsWith("-") && !line.startsWith("\\")) newLines--;
      kept.push(line);
      continue;
    }
    const hunk = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (hunk) {
      oldLines = Number(hunk[1] ?? 1);
      newLines = Number(hunk[2] ?? 1);
    }
    if (line === "-- " || line === "--") inSignature = true;
    else if (/^(diff |Index: |--- \S|\+\+\+ \S|@@ )/.test(line)) inSignature = false;
    if (!inSignature) kept.push(line);
  }
  return kept.join("\n");
}

function toFileChange(diff: string, patch: StructuredPatch, strip: number): FileChange {
  const old = stripName(patch.oldFileName, strip);
  const changed = stripName(patch.newFileName, strip);
  const names = [old, changed, stripName(patch.index, strip)].filter((name) => name !== undefined);
  for (const name of names) refuseEscape(diff, name);
  const act = actOf(patch);
  if (names.length === 0) throw nothingToStrip(diff, patch, strip);
  const isMove = act === "rename" || act === "copy";
  return {
    diff,
    act,
    candidates: isMove && old !== undefined ? [old] : [...new Set(names)].sort(byPatchPreference),
    ...(isMove && changed !== undefined ? { destination: changed } : {}),
    hunks: patch.hunks,
    isBinary: patch.isBinary ?? false,
  };
}

function actOf(patch: StructuredPatch): FileChange["act"] {
  if (patch.isRename) return "rename";
  if (patch.isCopy) return "copy";
  if (patch.isCreate || isAbsent(patch.oldFileName, patch.oldHeader)) return "create";
  if (patch.isDelete || isAbsent(patch.newFileName, patch.newHeader)) return "delete";
  return "change";
}

/** A side that does not exist: /dev/null, or a time stamp at the epoch, which is how `diff -N` says it. */
const isAbsent = (name: string | undefined, header: string | undefined): boolean =>
  name === "/dev/null" || /^(1970-01-01|1969-12-31) \d\d:\d\d:\d\d(\.0*)?( |$)/.test(header ?? "");

function nothingToStrip(diff: string, patch: StructuredPatch, strip: number): SutureError {
  const name = patch.newFileName ?? patch.oldFileName ?? patch.index ?? "a file without a name";
  const wanted = strip === 1 ? "no leading directory" : `not ${strip} leading directories`;
  return new SutureError("diff-does-not-apply",
    `Cannot apply ${diff}: ${printable(name)} has ${wanted} to strip; paths are read as by "patch -p${strip}", and --strip says another number`,
    { diff, file: name, strip });
}

/** `-pNUMBER`: so many components go. Undefined where there are not as many to take away. */
function stripName(name: string | undefined, strip: number): string | undefined {
  if (name === undefined || name === "/dev/null") return undefined;
  if (name.startsWith("/")) return name;
  const stripped = new RegExp(`^(?:[^/]+/+){${strip}}(.+)$`).exec(name)?.[1];
  return stripped?.replaceAll(/(?<=^|\/)(\.?\/)+/g, "");
}

/** Of several names patch(1) takes the one with the fewest components, the shortest last one, the shortest. */
const byPatchPreference = (a: string, b: string): number =>
  a.split("/").length - b.split("/").length || basename(a).length - basename(b).length || a.length - b.length;

function refuseEscape(diff: string, name: string): void {
  const leaves = name.startsWith("/") || name.split("/").includes("..");
  if (!leaves && !/[\0\n]/.test(name)) return;
  throw new SutureError("diff-does-not-apply",
    `Cannot apply ${diff}: ${JSON.stringify(name)} leads out of the source tree; nothing was changed`, { diff, file: name });
}
