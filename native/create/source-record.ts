// What the program itself says of its sources: each of its units names the files that it has code or declarations of. A touched file that
// a unit names is part of it, whatever compile commands say; so no copy of what changed stays behind in a unit that was not found.
// (That a unit does not name a file says nothing: of macros, of rows of data and of what was folded away nothing is left to name.)
//
// Refused: a unit that has something of a touched file and that no compile command makes, or whose command does not read that file.

import { basename, join, relative, resolve } from "node:path";

import { SutureError } from "../errors.ts";
import type { SourceRecord } from "../patchability/mod.ts";
import type { DebugUnit } from "../tracer.ts";
import { isInside } from "./program.ts";
import type { UnitIdentity } from "./program.ts";
import { pathBelow, realPath } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";

/** A unit of the compile commands, and how much of the diffs it was found to hold. */
export interface FoundUnit extends UnitIdentity {
  readonly touched: readonly string[];
  /** A linker may put code of others into it. */
  readonly isLinkedAnew: boolean;
}

/** A refusal of what would stay behind, if there is any. `paths`: the touched files. */
export function findUnfound(record: SourceRecord, tree: ShadowTree, found: readonly FoundUnit[], paths: readonly string[]): SutureError | undefined {
  const numbers = numbersNamed(record, paths);
  const [meaning, ownOf] = [new Meaning(record, tree, found, paths), byUnit(found, tree)];
  for (const unit of numbers.size === 0 ? [] : record.units) {
    const files = isMadeByLinker(unit) ? [] : unit.files.filter((number) => numbers.has(number));
    const path = files.map((number) => meaning.of(resolve("/", unit.directory, record.files[number] ?? ""))).find((each) => each !== undefined);
    if (path === undefined) continue;
    const own = ownOf(unit);
    if (own.length === 0) return isSplitAway(unit) ? withoutDescription(path) : withoutCommand(unit, path);
    // What link-time optimisation has moved is refused with the unit that it comes from.
    if (own.every(({ touched, isLinkedAnew }) => touched.length === 0 && !isLinkedAnew)) return readsAnother(unit, path);
  }
  return undefined;
}

/** Those that a unit of the program was compiled from, here or, by the spelled name, in another directory. */
function byUnit(found: readonly FoundUnit[], { root }: ShadowTree): (unit: DebugUnit) => readonly FoundUnit[] {
  const [byPath, byName] = [new Map<string, FoundUnit[]>(), new Map<string, FoundUnit[]>()];
  for (const each of found) {
    const path = resolve(each.directory, each.spelled);
    byPath.set(path, [...byPath.get(path) ?? [], each]);
    byName.set(each.spelled, [...byName.get(each.spelled) ?? [], each]);
  }
  return ({ directory, name }) => byPath.get(resolve(directory, name)) ?? (isInside(directory, root) ? [] : byName.get(name) ?? []);
}

/** By link-time optimisation, of code of all units: such programs are refused for what they are. */
const isMadeByLinker = ({ producer }: DebugUnit): boolean => producer.startsWith("GNU GIMPLE");

/** Of a unit whose description is in a file of its own (-gsplit-dwarf) that is missing, not even the name is known. */
const isSplitAway = ({ name }: DebugUnit): boolean => name === "";

function withoutDescription(path: string): SutureError {
  return new SutureError("no-debug-information",
    `Cannot build the patch: the program has code of ${path} in a unit whose description is elsewhere: it refers to .dwo files, which are not where it was linked; put those of the build back`, { file: path });
}

function withoutCommand({ name }: DebugUnit, path: string): SutureError {
  return new SutureError("no-compile-command",
    `Cannot build the patch: the program has code or declarations of ${path} in ${name}, which no compile command makes, and what it has would stay as it was; "suture capture -- make" records a whole build`, { file: path, unit: name });
}

function readsAnother({ name }: DebugUnit, path: string): SutureError {
  return new SutureError("source-mismatch",
    `Cannot build the patch: the program has code or declarations of ${path} in ${name}, whose compile command does not read that file; name the source tree and the compile commands that built the program, or patch what was made of ${path}`, { file: path, unit: name });
}

/** The numbers of files that are called like one of `paths`. */
function numbersNamed({ files }: SourceRecord, paths: readonly string[]): ReadonlySet<number> {
  const names = new Set(paths.map((path) => basename(path)));
  return new Set(files.flatMap((file, number) => (names.has(basename(file)) ? [number] : [])));
}

/** Which touched file the record means by a path. */
class Meaning {
  readonly #record: SourceRecord;
  readonly #tree: ShadowTree;
  readonly #found: readonly FoundUnit[];
  readonly #paths: ReadonlySet<string>;
  readonly #known = new Map<string, string | undefined>();
  #roots: readonly string[] | undefined;

  constructor(record: SourceRecord, tree: ShadowTree, found: readonly FoundUnit[], paths: readonly string[]) {
    this.#record = record;
    this.#tree = tree;
    this.#found = found;
    this.#paths = new Set(paths);
  }

  of(file: string): string | undefined {
    if (!this.#known.has(file)) this.#known.set(file, this.#find(file));
    return this.#known.get(file);
  }

  #find(file: string): string | undefined {
    const isTouched = (path: string | undefined): path is string => path !== undefined && this.#paths.has(path);
    const below = pathBelow(this.#tree.root, realPath(file));
    if (below !== undefined) return isTouched(below) ? below : undefined;
    this.#roots ??= builtRoots(this.#record.units, this.#tree, this.#found);
    return this.#roots.map((root) => pathBelow(root, file)).find(isTouched);
  }
}

/** What the record calls the root of the tree, where that was another one, or was mapped to another name. */
function builtRoots(units: readonly DebugUnit[], tree: ShadowTree, found: readonly FoundUnit[]): readonly string[] {
  const directories = new Map(found.map(({ spelled, directory }) => [spelled, relative(tree.root, realPath(directory))]));
  const roots = units.flatMap(({ name, directory }) => {
    const [below, built] = [directories.get(name), resolve("/", directory)];
    if (below === undefined || pathBelow(tree.root, built) !== undefined) return [];
    return below === "" ? [built] : join(built, "/").endsWith(`/${below}/`) ? [resolve(built, ...below.split("/").map(() => ".."))] : [];
  });
  return [...new Set(roots)];
}
