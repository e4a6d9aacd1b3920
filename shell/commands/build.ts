// `suture build`: several diffs, a new version's tree, or files of replacement functions; and values to set; one patch. Needs
// a compiler and the program's file, never a process.

import { createHash } from "node:crypto";
import type { Command } from "commander";
import {
  createPatchImage, createReplacementImage, diffSourceTrees, patchNameProblem, readDiff, splitShellWords, SutureError,
  type CreatedPatch, type CreateProgress, type Replacement, type TracerClient,
} from "../../native/mod.ts";
import { writeFileAtomically } from "../atomic-file.ts";
import { collect, parseCount, parseStrip } from "../options.ts";
import { parseProgressMode, type Progress, type ProgressMode, type Weight } from "../progress.ts";
import type { BuildResult } from "../results.ts";
import { defineCommand } from "./command.ts";

interface BuildOptions {
  readonly source?: string;
  readonly set?: readonly string[];
  readonly target: readonly [string, ...string[]];
  readonly newSource?: string;
  readonly replace?: readonly string[];
  readonly flags?: string;
  readonly strip?: number;
  readonly debugFile?: string;
  readonly compileCommands?: string;
  readonly allowLayout?: readonly string[];
  readonly output?: string;
  readonly name?: string;
  readonly description?: string;
  readonly proof: boolean;
  readonly jobs?: number;
  readonly cache: boolean;
  readonly progress: ProgressMode;
}

const configure = (command: Command): Command => command
  .argument("[inputs...]", "source diffs, which together make one patch; or, with --replace, the C files that hold the replacements")
  .option("--source <directory>", "the source tree that built the program, as it was then")
  .requiredOption("--target <elf>", "the program or library as it runs; given several times, one patch for all of these modules of a process", collect)
  .option("-p, --strip <number>", "leading directories of the diffs' paths to leave out, as of patch -p (default: 1)", parseStrip)
  .option("--new-source <directory>", "a new version's source tree, instead of diffs: the patch is what makes the one into the other")
  .option("--replace <old=new>", "function `new` of a C file takes the place of `old`, or of UNIT:old; may be given several times, one file for each unit", collect)
  .option("--set <setting>", "'variable=VALUE if VALUE' in the same stop: [FILE:]VARIABLE[.MEMBER][+OFFSET], VALUE a number or hex:BYTES; may be given several times", collect)
  .option("--flags <flags>", "with --replace: compiler and flags for the C files, as in \"gcc -O2\", instead of those of the unit of `old`")
  .option("--compile-commands <file>", "how the program was compiled (default: compile_commands.json in the source tree)")
  .option("--debug-file <file>", "the program's separate debug file (default: looked for by build-id, debug link, and on the servers of DEBUGINFOD_URLS)")
  .option("--allow-layout <name>", "let a structure or enumeration change (\"struct client\"), because no old object can meet the new code; may be given several times", collect)
  .option("-o, --output <file>", "the image to write (default: NAME.suture)")
  .option("--name <name>", "what the patch is called (default: the first input's file name)")
  .option("--description <text>", "one line about the patch")
  .option("--no-proof", "go on where source, flags or compiler are not those of the program: what cannot be told by names is refused, and the image says so")
  .option("--jobs <number>", "compilations at a time (default: one for each core)", parseCount)
  .option("--no-cache", "neither use nor keep objects of other builds")
  .option("--progress <way>", "on standard error: line (one, written over), lines, json (one document for each step), none; auto: json with --json, line on a terminal, else lines", parseProgressMode, "auto");

export const build = defineCommand<[inputs: readonly string[]], BuildOptions>({
  configure,
  examples: [
    "build fix.patch --source redis-7.0.15 --target /usr/bin/redis-server",
    "build CVE-1.patch CVE-2.patch --source . --target src/server --name security -o security.suture",
    "build fix.patch --source . --target src/server --target src/libstore.so",
    "build --set 'limits.most=200 if 100' --target src/server --name limits",
    "build --new-source redis-7.0.16 --source redis-7.0.15 --target /usr/bin/redis-server",
    "build --replace src/acl.c:ACLCheck=fixed_check fix.c --source redis-7.0.15 --target /usr/bin/redis-server",
  ],
  exitCodes: [0, 2, 5],
  async run({ session, openProgress, warn }, [inputs], options) {
    checkInputs(inputs, options);
    const tracer = await session.tracer();
    using progress = openProgress(options.progress);
    const created = await create(tracer, inputs, options, progress);
    const file = options.output ?? `${created.manifest.name}.suture`;
    await writeFileAtomically(file, created.image);
    progress[Symbol.dispose]();
    for (const warning of warningsOf(created)) warn(warning);
    return { result: { type: "built", built: summarize(created, file) } };
  },
});

/** One way to say what the patch is made from, and all that it needs. */
function checkInputs(inputs: readonly string[], { source, newSource, replace, flags, set, target, debugFile, name = "patch" }: BuildOptions): void {
  const refuse = (found: string): never => { throw new SutureError("usage", `Cannot build a patch${found}`); };
  const single = replace === undefined ? set === undefined ? debugFile === undefined ? undefined : "--debug-file" : "--set" : "--replace";
  if (single !== undefined && target.length > 1) refuse(`: ${single} is about one module, and ${target.length} targets are named; build a patch for each`);
  const problem = patchNameProblem(name);
  if (problem !== undefined) refuse(` of the name ${JSON.stringify(name)}: ${problem}; choose another --name`);
  if (replace !== undefined) {
    if (newSource !== undefined) refuse(": --replace and --new-source are two different ways; choose one");
    if (set !== undefined) refuse(": --replace and --set make two patches; build one of each");
    if (inputs.length === 0) refuse(": --replace takes C files with the new functions, and none is named");
    if (source === undefined && flags === undefined) refuse(': how to compile the C file is not known; add --source DIRECTORY or --flags "gcc -O2"');
    return;
  }
  if (flags !== undefined) refuse(": --flags belongs to --replace; diffs are compiled with the recorded flags");
  if (newSource === undefined && inputs.length === 0) {
    if (set === undefined) refuse(": neither a diff nor --set is given");
    return;
  }
  if (source === undefined) refuse(" from a diff: add --source DIRECTORY, the tree that built the program");
  if (newSource !== undefined && inputs.length > 0) refuse(`: diffs (${inputs.join(", ")}) and --new-source are two different ways; choose one`);
}

async function create(tracer: TracerClient, inputs: readonly string[], options: BuildOptions, progress: Progress): Promise<CreatedPatch> {
  const { source = ".", newSource, replace, flags, allowLayout, compileCommands, ...rest } = options;
  const [target, ...moreTargets] = rest.target;
  const common = {
    target,
    ...defined("name", rest.name), ...defined("description", rest.description), ...defined("debugFile", rest.debugFile),
    ...defined("compileCommands", compileCommands), ...defined("allowedLayouts", allowLayout),
    onProgress: (step: CreateProgress) => progress.report(step, describeStep(step), weights[step.step]),
  };
  if (replace !== undefined) {
    return createReplacementImage(tracer, inputs, {
      ...common, replacements: replace.map(readReplacement), source: options.source, ...(flags === undefined ? {} : { command: splitShellWords(flags) }),
    });
  }
  const diffs = newSource === undefined ? await Promise.all(inputs.map(readDiff)) : [await diffSourceTrees(source, newSource)];
  return createPatchImage(tracer, diffs, { ...common, source, moreTargets, ...defined("values", rest.set), ...defined("strip", rest.strip), ...defined("jobs", rest.jobs), ...(rest.cache ? {} : { objectCache: null }), ...(rest.proof ? {} : { waivesProof: true }) });
}

/** An option that was not given is no property at all. */
const defined = <Name extends string, Value>(name: Name, value: Value | undefined): { readonly [Each in Name]?: Value } =>
  (value === undefined ? {} : { [name]: value }) as { readonly [Each in Name]?: Value };

function readReplacement(text: string): Replacement {
  const [, old, by] = /^(.+)=([^=]+)$/.exec(text) ?? [];
  if (old !== undefined && by !== undefined) return { old, by };
  throw new SutureError("usage", `Cannot read the replacement: "${text}" is not OLD=NEW, two names of functions`, { given: text });
}

const weights: Readonly<Partial<Record<CreateProgress["step"], Weight>>> = { note: "lasting", searching: "momentary", compiling: "momentary" };

function describeStep(step: CreateProgress): string | undefined {
  switch (step.step) {
    case "note": return `note: ${step.text}`;
    case "search": return `looking for the units of ${listSome(step.files)}`;
    case "searching": return `[${step.done}/${step.of}] looking for units that include ${listSome(step.files)}`;
    case "units": return `${step.units.length} to compile: ${step.units.join(", ")}`;
    case "compiling": return `[${step.done}/${step.of}] compiling ${step.unit}`;
    case "compiled": return `[${step.done}/${step.of}] compiled ${step.unit} ${step.side === "original" ? "as it was" : "as patched"}, ${(step.milliseconds / 1000).toFixed(1)} s`;
    case "proved": return `proved ${step.unit}: ${step.functions} functions are those of the program`;
    case "compared": return `compared ${step.unit}: ${describeChanges(step.changed, step.added)}`;
    case "assembled": return undefined;
  }
}

const mostListed = 5;
const listSome = (files: readonly string[]): string => files.slice(0, mostListed).join(", ") + (files.length > mostListed ? ` and ${files.length - mostListed} more` : "");

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
    notes: manifest.build?.notes ?? [],
    milliseconds: Math.round(milliseconds),
  };
}
