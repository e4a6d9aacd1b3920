// What the program itself says of its sources: each of its units names the files that it has code or declarations of. A touched file that
// a unit names is part of it, whatever compile commands say; so no copy of what changed stays behind in a unit that was not found.
// (That a unit does not name a file says nothing: of macros, of rows of data and of what was folded away nothing is left to name.)
//
// Refused: a unit that has something of a touched file and that no compile command makes, or whose command does not read that file.

import { basename, join, posix, relative, resolve } from "node:path";

import { SutureError } from "../errors.ts";
import type { SourceRecord } from "../patchability/mod.ts";
import type { DebugUnit } from "../tracer.ts";
import { isMadeIn } from "./program.ts";
import type { UnitIdentity } from "./program.ts";
import { pathBelow, realPath } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";

/** A unit of the compile commands, and how much of the diffs it was found to hold. */
export interface FoundUnit extends UnitIdentity {
  readonly touched: readonly string[];
}

/** A refusal of what would stay behind, if there is any. `paths`: the touched files. */
export function findUnfound(record: SourceRecord, tree: ShadowTree, found: readonly FoundUnit[], paths: readonly string[]): SutureError | undefined {
  const numbers = numbersOf(record, tree, found, paths);
  for (const unit of numbers.size === 0 ? [] : record.units) {
    if (isMadeByLinker(unit)) continue;
    const path = unit.files.map((file) => numbers.get(file)).find((each) => each !== undefined);
    if (path === undefined) continue;
    const own = found.filter((each) => isMadeIn(unit, each, tree.root));
    if (own.length === 0) return withoutCommand(unit, path);
    if (own.every(({ touched }) => touched.length === 0)) return readsAnother(unit, path);
  }
  return undefined;
}

/** By link-time optimisation, of code of all units: such programs are refused for what they are. */
const isMadeByLinker = ({ producer }: DebugUnit): boolean => producer.startsWith("GNU GIMPLE");

function withoutCommand({ name }: DebugUnit, path: string): SutureError {
  return new SutureError("no-compile-command",
    `Cannot build the patch: the program has code or declarations of ${path} in ${name}, which no compile command makes, and what it has would stay as it was; "suture capture -- make" records a whole build`, { file: path, unit: name });
}

function readsAnother({ name }: DebugUnit, path: string): SutureError {
  return new SutureError("source-mismatch",
    `Cannot build the patch: the program has code or declarations of ${path} in ${name}, whose compile command does not read that file; name the source tree and the compile commands that built the program, or patch what was made of ${path}`, { file: path, unit: name });
}

/** Which of `paths` the numbers of files in the record mean. */
function numbersOf({ files, units }: SourceRecord, tree: ShadowTree, found: readonly FoundUnit[], paths: readonly string[]): ReadonlyMap<number, string> {
  const byName = new Map<string, string[]>();
  for (const path of paths) byName.set(basename(path), [...byName.get(basename(path)) ?? [], path]);
  const numbers = new Map<number, string>();
  let roots: readonly string[] | undefined;
  for (const [number, file] of files.entries()) {
    const named = byName.get(basename(file));
    if (named === undefined) continue;
    const below = pathBelow(tree.root, realPath(file));
    const path = below ?? (roots ??= builtRoots(units, tree, found)).map((root) => pathBelow(root, posix.resolve("/", file))).find((each) => each !== undefined && named.includes(each));
    if (path !== undefined && named.includes(path)) numbers.set(number, path);
  }
  return numbers;
}

/** What the record calls the root of the tree, where that was another one, or was mapped to another name. */
function builtRoots(units: readonly DebugUnit[], tree: ShadowTree, found: readonly FoundUnit[]): readonly string[] {
  const directories = new Map(found.map(({ spelled, directory }) => [spelled, relative(tree.root, realPath(directory))]));
  const roots = units.flatMap(({ name, directory }) => {
    const [below, built] = [directories.get(name), posix.resolve("/", directory)];
    if (below === undefined || pathBelow(tree.root, built) !== undefined) return [];
    return below === "" ? [built] : join(built, "/").endsWith(`/${below}/`) ? [resolve(built, ...below.split("/").map(() => ".."))] : [];
  });
  return [...new Set(roots)];
}
