// `suture build`: several diffs, and values to set, one patch. Needs a compiler and the program's file, never a process.

import { createHash } from "node:crypto";
import { createPatchImage, readDiff, SutureError, type CreatedPatch, type CreateProgress } from "../../native/mod.ts";
import { writeFileAtomically } from "../atomic-file.ts";
import { collect, parseCount } from "../options.ts";
import type { BuildResult } from "../results.ts";
import { defineCommand } from "./command.ts";

interface BuildOptions {
  readonly source?: string;
  readonly set?: readonly string[];
  readonly target: string;
  readonly compileCommands?: string;
  readonly output?: string;
  readonly name?: string;
  readonly description?: string;
  readonly jobs?: number;
  readonly cache: boolean;
}

export const build = defineCommand<[diffs: readonly string[]], BuildOptions>({
  configure: (command) => command
    .argument("[diffs...]", "source diffs, as patch -p1 reads them; together they make one patch")
    .option("--source <directory>", "the source tree that built the program, as it was then; needed for diffs")
    .requiredOption("--target <elf>", "the program or library as it runs")
    .option("--set <setting>", "'variable=VALUE if VALUE' in the same stop: [FILE:]VARIABLE[.MEMBER][+OFFSET], VALUE a number or hex:BYTES; may be given several times", collect)
    .option("--compile-commands <file>", "how the program was compiled (default: compile_commands.json in the source tree)")
    .option("-o, --output <file>", "the image to write (default: NAME.suture)")
    .option("--name <name>", "what the patch is called (default: the first diff's file name)")
    .option("--description <text>", "one line about the patch")
    .option("--jobs <number>", "compilations at a time (default: one for each core)", parseCount)
    .option("--no-cache", "neither use nor keep objects of other builds"),
  examples: [
    "build fix.patch --source redis-7.0.15 --target /usr/bin/redis-server",
    "build CVE-1.patch CVE-2.patch --source . --target src/server --name security -o security.suture",
    "build --set 'limits.most=200 if 100' --target src/server --name limits",
  ],
  exitCodes: [0, 2, 5],
  async run({ session, progress, warn }, [paths], { output, source, set = [], target, compileCommands, name, description, jobs, cache }) {
    if (paths.length + set.length === 0) throw new SutureError("usage", "Cannot build a patch: neither a diff nor --set is given");
    if (paths.length > 0 && source === undefined) throw new SutureError("usage", "Cannot build a patch from a diff: add --source DIRECTORY, the tree that built the program");
    const diffs = await Promise.all(paths.map(readDiff));
    const created = await createPatchImage(await session.tracer(), diffs, {
      source: source ?? ".",
      target,
      values: set,
      ...(compileCommands === undefined ? {} : { compileCommands }),
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
      ...(jobs === undefined ? {} : { jobs }),
      ...(cache ? {} : { objectCache: null }),
      onProgress: (step) => {
        const line = describeStep(step);
        if (line !== undefined) progress(line);
      },
    });
    const file = output ?? `${created.manifest.name}.suture`;
    await writeFileAtomically(file, created.image);
    for (const warning of warningsOf(created)) warn(warning);
    return { result: { type: "built", built: summarize(created, file) } };
  },
});

function describeStep(step: CreateProgress): string | undefined {
  switch (step.step) {
    case "units": return `${step.units.length} to compile both ways: ${step.units.join(", ")}`;
    case "compiled": return `[${step.done}/${step.of}] ${step.unit} (${step.side}) ${(step.milliseconds / 1000).toFixed(1)} s`;
    case "proved": return `proved ${step.unit}: ${step.functions} functions are those of the program`;
    case "compared": return `compared ${step.unit}: ${describeChanges(step.changed, step.added)}`;
    case "assembled": return undefined;
  }
}

function describeChanges(changed: readonly string[], added: readonly string[]): string {
  const parts = [
    changed.length > 0 ? `changed ${changed.join(", ")}` : "",
    added.length > 0 ? `new ${added.join(", ")}` : "",
  ].filter(Boolean);
  return parts.length === 0 ? "nothing differs" : parts.join("; ");
}

const warningsOf = ({ manifest }: CreatedPatch): readonly string[] =>
  manifest.objects.flatMap(({ functions }) =>
    functions.flatMap(({ name, warnings }) => warnings.map((warning) => `${name}: ${warning}`)));

function summarize({ manifest, image, milliseconds }: CreatedPatch, output: string): BuildResult {
  const functions = manifest.objects.flatMap(({ module, functions }) =>
    functions.map(({ name, unit, oldEntry, reason, warnings }) => ({ name, unit, module: module.name, old: oldEntry, reason, warnings })));
  const values = manifest.objects.flatMap((object) => object.values.map(({ name }) => name));
  const added = manifest.objects.flatMap((object) => object.added.map(({ name, unit }) => ({ name, unit })));
  return {
    result: "built",
    patch: { name: manifest.name, digest: createHash("sha256").update(image).digest("hex") },
    output,
    functions,
    added,
    values,
    units: [...new Set([...functions, ...added].map(({ unit }) => unit))],
    milliseconds: Math.round(milliseconds),
  };
}
