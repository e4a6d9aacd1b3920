// Holds the imports of a checkout against the layers.

import { findCycles, type Cycle } from "./cycles.ts";
import { readImports, type Import } from "./imports.ts";
import { brokenRule } from "./rules.ts";

const directories = ["native", "recipes", "shell", "lsp", "scripts", "test"] as const;

export interface LayerReport {
  readonly imports: number;
  /** One line each: `file:line imports X: rule`. */
  readonly violations: readonly string[];
}

export async function checkLayers(root: string): Promise<LayerReport> {
  const imports = await readImports(root, directories);
  const broken = imports.flatMap((found) => describe(found, brokenRule(found)) ?? []);
  const cycles = findCycles(imports).flatMap((cycle) => cycle.slice(0, 1).flatMap((first) => describe(first, describeCycle(cycle)) ?? []));
  return { imports: imports.length, violations: [...broken, ...cycles] };
}

const describe = ({ file, line, spelled, target }: Import, rule: string | undefined): string | undefined =>
  rule === undefined ? undefined : `${file}:${line} imports ${target ?? spelled}: ${rule}`;

const describeCycle = (cycle: Cycle): string =>
  `import cycle ${[...cycle.map(({ file }) => file), cycle[0]?.file].join(" -> ")}`;
