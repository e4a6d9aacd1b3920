// Sources that somebody edits while a build runs: an image made of some before and others after would be of no tree at all. Before it is handed
// out, every file that it is made of is looked at once more. Where one may have changed since, the texts that it is part of are made again: only a text
// that is another one refuses, so that a file saved in the moment in which the build began, or in a comment, stops nobody.
//
// Refused: files of the diffs that are others now, texts that are others now, changes of files that a compiler reads by itself.

import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { SutureError } from "../errors.ts";
import type { TouchedFile } from "./apply-diff.ts";
import { mapParallel } from "./parallel.ts";
import type { Preprocessor, Reading } from "./preprocess.ts";
import { pathInTree } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";

export interface SourceWatch {
  /** A compiler is about to read these itself: nobody will know what it read, only whether they were changed. */
  expectReader(paths: readonly string[]): Promise<void>;
  /** Refuses where what was read is no longer what is there. What it gives refuses what changes after that, as long as other work goes on. */
  refuseEdited(jobs: number | undefined): Promise<() => void>;
}

/** File systems note times in steps of a tick. */
export const tick = 20;

/** Where the user's sources are, and which other names they have here. */
export type WatchedTree = Pick<ShadowTree, "root" | "spelledRoot" | "shadow">;

export function watchSources(tree: WatchedTree, touched: readonly TouchedFile[], preprocessor: Preprocessor): SourceWatch {
  const expected = new Map<string, string>();
  return {
    async expectReader(paths) {
      const own = paths.map((path) => inUsersTree(tree, path));
      // Written twice in a tick, a file would look as if it had been written once.
      if (own.some((path) => readState(path).changed > Date.now() - tick)) await setTimeout(tick);
      for (const path of own) if (!expected.has(path)) expected.set(path, readState(path).state);
    },
    async refuseEdited(jobs) {
      const states = new States(tree, touched);
      const edited = touched.find((file) => isEdited(tree, file))?.path
        ?? [...expected].find(([path, state]) => readState(path).state !== state)?.[0]
        ?? await findOther(preprocessor, states, jobs);
      if (edited !== undefined) throw editedMeanwhile(tree, edited);
      return () => {
        const later = states.findChanged();
        if (later !== undefined) throw editedMeanwhile(tree, later);
      };
    },
  };
}

/** Files of the shadow are the build's own; they stand for those of the user. */
const inUsersTree = ({ root, shadow }: WatchedTree, path: string): string => (path.startsWith(`${shadow}/`) ? join(root, path.slice(shadow.length)) : path);

function isEdited({ root }: WatchedTree, { path, original }: TouchedFile): boolean {
  const now = readIfThere(join(root, path));
  return now === undefined || original === undefined ? now !== original : Buffer.compare(now, original) !== 0;
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

interface State {
  readonly state: string;
  /** Milliseconds since 1970. */
  readonly changed: number;
}

function readState(path: string): State {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (found === undefined) return { state: "", changed: 0 };
  const { dev, ino, size, mtimeNs, ctimeNs } = found;
  return { state: [dev, ino, size, mtimeNs, ctimeNs].join(" "), changed: Number(mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / 1e6 };
}

interface PlacedState extends State {
  readonly path: string;
  /** The directory's change, where that came later. */
  readonly latest: number;
}

/** Of files and the directories in which they lie, each looked at once. */
class States {
  readonly #tree: WatchedTree;
  readonly #files = new Map<string, PlacedState>();
  readonly #directories = new Map<string, number>();
  /** By the diffs: they are not there. */
  readonly #created: ReadonlySet<string>;

  constructor(tree: WatchedTree, touched: readonly TouchedFile[]) {
    this.#tree = tree;
    this.#created = new Set(touched.filter(({ original }) => original === undefined).map(({ path }) => join(tree.root, path)));
  }

  /** When something was done to the file, or to its neighbours: one that is gone, or was put in its place, is seen there. */
  changedAt(path: string): number {
    return (this.#files.get(path) ?? this.#look(path)).latest;
  }

  /** Those that are gone are the last. */
  order(path: string): number {
    const { state, changed, path: own } = this.#files.get(path) ?? this.#look(path);
    return state === "" && !this.#created.has(own) ? Infinity : changed;
  }

  #look(named: string): PlacedState {
    const path = inUsersTree(this.#tree, named);
    const directory = dirname(path);
    const around = this.#directories.get(directory) ?? readState(directory).changed;
    this.#directories.set(directory, around);
    const state = readState(path);
    const placed = { ...state, path, latest: Math.max(state.changed, around) };
    this.#files.set(named, placed);
    return placed;
  }

  findChanged(): string | undefined {
    return [...this.#files.values()].find(({ path, state }) => readState(path).state !== state)?.path;
  }
}

/** A file of a text that is another one now. */
async function findOther(preprocessor: Preprocessor, states: States, jobs: number | undefined): Promise<string | undefined> {
  const doubtful = preprocessor.readings().filter(({ files, begun }) => files.reduce((latest, file) => Math.max(latest, states.changedAt(file)), 0) >= begun - tick);
  const others = await mapParallel(doubtful, jobs, async (reading) => (await preprocessor.isSame(reading) ? [] : [reading]));
  const [other] = others.flat();
  return other === undefined ? undefined : lastChanged(other, states);
}

const lastChanged = ({ files }: Reading, states: States): string | undefined =>
  files.toSorted((one, two) => states.order(two) > states.order(one) ? 1 : -1)[0];

function editedMeanwhile(tree: WatchedTree, path: string): SutureError {
  const own = inUsersTree(tree, path);
  const [below, way] = [pathInTree(tree, own), "let the sources be as they were when the program was built, and build again"];
  const file = below ?? own;
  return new SutureError("source-mismatch", `Cannot build the patch: ${file} changed while the build ran; ${below === undefined ? "build again" : way}`, { file });
}
