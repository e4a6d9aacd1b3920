// A small source tree in a directory of its own, with compile commands as a build would have recorded them, and diffs
// made by diff(1) from the texts before and after.

import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { compileObjectPairs } from "../../native/create/compile.ts";
import { decodeText } from "../../native/create/byte-text.ts";
import { readElf } from "../../native/elf/mod.ts";
import type { CreateOptions, CreateProgress, SourceDiff } from "../../native/create/types.ts";
import type { UnitFilter } from "../../native/create/units.ts";

export type Files = Readonly<Record<string, string>>;

export interface SourceTree extends Disposable {
  /** Holds the tree and whatever is beside it. */
  readonly directory: string;
  readonly root: string;
  write(files: Files): void;
  /** `compile_commands.json` with one entry each: the words after the compiler, relative to the root. */
  record(...commands: readonly string[]): void;
  /** What `diff -u` says about these files as they would be; null deletes. */
  diff(name: string, changed: Readonly<Record<string, string | null>>): SourceDiff;
  /** Path to content of every file of the tree. */
  contents(): ReadonlyMap<string, string>;
}

export function openSourceTree(files: Files, name = "tree"): SourceTree {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "suture-test-")));
  const root = join(directory, name);
  const tree: SourceTree = {
    directory,
    root,
    write: (more) => writeAll(root, more),
    record: (...commands) => writeAll(root, {
      "compile_commands.json": JSON.stringify(commands.map((command) => ({
        directory: root, command: `gcc ${command}`, file: command.split(" ").findLast((word) => /\.(c|cc|S)$/.test(word)),
      }))),
    }),
    diff: (diffName, changed) => makeDiff(directory, root, diffName, changed),
    contents: () => new Map(filesBelow(root).map((path) => [path, readFileSync(join(root, path), "latin1")])),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
  process.env["XDG_CACHE_HOME"] = join(directory, "cache"); // goes with the tree
  mkdirSync(root);
  tree.write(files);
  return tree;
}

function writeAll(root: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, "latin1");
  }
}

function makeDiff(directory: string, root: string, name: string, changed: Readonly<Record<string, string | null>>): SourceDiff {
  const [a, b] = [join(directory, "a"), join(directory, "b")];
  for (const [path, text] of Object.entries(changed)) {
    if (existsSync(join(root, path))) writeAll(a, { [path]: readFileSync(join(root, path), "latin1") });
    if (text !== null) writeAll(b, { [path]: text });
  }
  mkdirSync(a, { recursive: true });
  mkdirSync(b, { recursive: true });
  const bytes = outputOfDiff(directory);
  rmSync(a, { recursive: true });
  rmSync(b, { recursive: true });
  return { name, text: decodeText(bytes) };
}

function outputOfDiff(directory: string): Buffer {
  try {
    return execFileSync("diff", ["-urN", "a", "b"], { cwd: directory });
  } catch (failure) {
    return (failure as { readonly stdout: Buffer }).stdout; // diff ends with 1 when it finds something
  }
}

const filesBelow = (root: string): string[] => (readdirSync(root, { recursive: true }) as string[])
  .filter((path) => lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile());

export interface CompiledUnit {
  readonly unit: string;
  readonly spelled: string;
  readonly original: ReadonlyMap<string, string>;
  readonly patched: ReadonlyMap<string, string>;
  /** Sections that exist on one side only or differ. */
  readonly differing: readonly string[];
  readonly plain: ReadonlyMap<string, string>;
}

/** The pairs of a diff, as the content of their sections. */
export async function compileTree(
  tree: SourceTree, diffs: readonly SourceDiff[], options: Partial<CreateOptions> = {}, keep?: UnitFilter,
): Promise<{ units: readonly CompiledUnit[]; progress: readonly CreateProgress[] }> {
  const progress: CreateProgress[] = [];
  await using objects = await compileObjectPairs(
    { source: tree.root, target: "none", onProgress: (step) => progress.push(step), ...options }, diffs, keep);
  const units = await Promise.all(objects.pairs.map(async (pair) => {
    const [original, patched, plain] = [pair.original, pair.patched, await pair.plain()].map(sectionsOf);
    if (!original || !patched || !plain) throw new Error("three objects expected");
    const names = new Set([...original.keys(), ...patched.keys()]);
    const differing = [...names].filter((name) => original.get(name) !== patched.get(name));
    return { unit: pair.unit, spelled: pair.spelled, original, patched, plain, differing };
  }));
  return { units, progress };
}

/** What a program consists of when it runs: code, data and strings, by section. */
const sectionsOf = (object: Uint8Array): ReadonlyMap<string, string> => new Map(readElf(object).sections
  .filter(({ name, size }) => size > 0 && /^\.(text|rodata|data|bss)/.test(name))
  .map(({ name, bytes }) => [name, Buffer.from(bytes).toString("latin1")]));
