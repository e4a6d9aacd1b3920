// What the units of the compile commands may come to include, as their commands and their compilers' own places have it.

import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { openDirectiveReader } from "./directive-reader.ts";
import { findInclusions } from "./inclusions.ts";
import type { Beginning, Reach } from "./inclusions.ts";
import type { Invocation } from "./invocation.ts";
import { ownDirectories } from "./own-headers.ts";
import { hasUnseenFiles, includingOption, searchedDirectories, valuesOf } from "./search-path.ts";

/** In the order of the commands. `targets`, below `root`, have no links in them. */
export async function findReach(root: string, invocations: readonly Invocation[], targets: readonly string[]): Promise<readonly Reach[]> {
  const own = await ownDirectories(invocations);
  const directives = openDirectiveReader(root);
  const found = findInclusions({ units: invocations.map((invocation) => beginningOf(invocation, own)), directories: [...new Set(invocations.flatMap(searchedDirectories)), ...own], targets, directives });
  await directives.keep();
  return found;
}

function beginningOf(invocation: Invocation, own: readonly string[]): Beginning {
  const { arguments: words, directory, spelled } = invocation;
  const included = valuesOf(words, includingOption);
  const places = included.length === 0 ? [] : [directory, ...searchedDirectories(invocation), ...own];
  return {
    files: [resolve(directory, spelled), ...included.flatMap((name) => places.map((place) => resolve(place, name)).filter((path) => existsSync(path)))],
    definitions: [...valuesOf(words, /^-D$/), ...words.flatMap((word) => (word.kind === "option" && word.flag.startsWith("-Wp,") ? word.flag.split(",").filter((part) => part.startsWith("-D")).map((part) => part.slice(2)) : []))],
    isOpen: hasUnseenFiles(invocation),
  };
}
