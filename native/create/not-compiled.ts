// What a diff changes and no compiler reads: the build's own files, the inputs of generators, documents. A patch is made
// of what compilers make of sources with the recorded flags, so none of these can be part of it. Most do not matter;
// the user is told of them all the same, because some would have mattered.
//
// Refuses a diff that changes what a compiled source was made from (its `#line` directives say so) and not that source:
// the patch would lack that part of the fix without a word.

import { readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { SutureError } from "../errors.ts";
import type { AppliedDiffs } from "./apply-diff.ts";
import { originsIn } from "./directives.ts";
import { isSourceName } from "./source-tree.ts";
import type { ShadowTree } from "./source-tree.ts";

/** Touched files that no unit reads, as lines for the user. `made`: the main files that were made from others. */
export function reportNotCompiled(tree: ShadowTree, { touched, leftOut }: AppliedDiffs, read: ReadonlySet<string>, made: readonly string[]): readonly string[] {
  const paths = [...touched.map(({ path }) => path), ...leftOut].filter((path) => !isSourceName(path) && !read.has(path));
  const changed = new Set(touched.map(({ path }) => path));
  refuseGeneratorInputs(tree, paths, made.filter((path) => !changed.has(path)));
  const buildFiles = paths.filter((path) => isBuildFile(basename(path)));
  const others = paths.filter((path) => !buildFiles.includes(path));
  return [
    ...(buildFiles.length === 0 ? [] : [`Left out, as a patch is compiled with the flags that built the running program: ${buildFiles.join(", ")}; build the program anew if the fix needs other flags`]),
    ...(others.length === 0 ? [] : [`Left out, being no source that is compiled: ${others.join(", ")}`]),
  ];
}

const buildFile =
  /^(?:GNUmakefile|[Mm]akefile(?:\..+)?|CMakeLists\.txt|CMakePresets\.json|configure(?:\.(?:ac|in))?|auto|meson\.build|meson_options\.txt|meson\.options|BUILD(?:\.bazel)?|WORKSPACE|SConstruct|SConscript|Kconfig|Kbuild|wscript|.+\.(?:mk|mak|cmake|am|ac|m4|pro|pri|gyp|gypi|gn|ninja|bazel))$/;

export const isBuildFile = (name: string): boolean => buildFile.test(name);

function refuseGeneratorInputs(tree: ShadowTree, paths: readonly string[], sources: readonly string[]): void {
  const inputs = new Map(paths.map((path) => [basename(path), path]));
  if (inputs.size === 0) return;
  for (const source of sources) {
    const input = [...madeFrom(tree, source, [...inputs.keys()])].map((name) => inputs.get(name)).find((path) => path !== undefined);
    if (input === undefined) continue;
    throw new SutureError("not-patchable",
      `Cannot build a patch: the diff changes ${input}, from which ${source} was made, and not ${source}; run the generator on the changed file, and patch with the diff of what it makes`,
      { file: input, unit: source });
  }
}

/** Base names of the files that `#line` directives of a source name; none where it holds none of the names in question. */
function madeFrom(tree: ShadowTree, source: string, names: readonly string[]): ReadonlySet<string> {
  try {
    const bytes = readFileSync(join(tree.root, source));
    if (!names.some((name) => bytes.includes(name))) return new Set();
    return new Set(originsIn(bytes.toString("latin1")).map((name) => basename(Buffer.from(name, "latin1").toString())));
  } catch {
    return new Set(); // outside of the tree, or gone: nothing that a diff could mean
  }
}
