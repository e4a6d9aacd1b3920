// Does the code of a unit depend on the numbers of its lines? Mostly not: then the patched unit is compiled as its author
// wrote it, and its debug information has the lines of the patched source. Where it does (`__LINE__` in assertions), the unit is
// compiled with the numbers that the original has (line-pinning.ts), and the true ones come from a compilation apart.

import { inShadow } from "./invocation.ts";
import type { Preprocessor } from "./preprocess.ts";
import type { ShadowTree } from "./source-tree.ts";
import type { TranslationUnit } from "./units.ts";

/** Instrumentation that tells a run-time library, or a later compilation, about lines. */
const recordsLines = /^(-fsanitize|-fopenmp|-fopenacc|-fprofile|-fcoverage|-ftest-coverage|-fbranch|-fauto-profile|--coverage)/;
/** What preprocessing leaves to the compiler. */
const asksCompiler = /__builtin_(?:LINE|source_location)\b/;

export interface NumberedSources {
  readonly tree: ShadowTree;
  readonly preprocessor: Preprocessor;
}

/** `pinned` and `plain` differ in nothing but the numbers of lines. */
export async function dependsOnLineNumbers({ invocation }: TranslationUnit, pinned: NumberedSources, plain: NumberedSources): Promise<boolean> {
  if (invocation.recorded.some((word) => word.kind === "option" && recordsLines.test(word.flag))) return true;
  const [one, other] = await Promise.all([pinned, plain].map(({ tree, preprocessor }) => preprocessor.text(inShadow(invocation, tree))));
  return one === undefined || one !== other || asksCompiler.test(one);
}
