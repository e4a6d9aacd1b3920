// Compiles the small programs of test/targets (or sources of a test's own) once for each set of flags. The results are
// shared between tests and runs: never change a file beside a compiled target; copy it first.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheDirectory } from "./cache.ts";

const run = promisify(execFile);
const targets = fileURLToPath(new URL("../targets/", import.meta.url));

export interface CompileOptions {
  /** For compiling; default `-g -O2`. */
  readonly flags?: readonly string[];
  /** For linking only: `-no-pie`, `-shared`, `-lm`; `-pthread` is always there. */
  readonly link?: readonly string[];
  /** Default: gcc, and g++ when a source is C++. */
  readonly compiler?: string;
  /** Further sources, as the first: names in test/targets or absolute paths. */
  readonly sources?: readonly string[];
}

export interface CompiledTarget {
  /** The program, or the library when linked with `-shared`. */
  readonly program: string;
  /** Absolute path of the (first) source. */
  readonly source: string;
  /** Where the sources lie: `--source` of a build. */
  readonly sourceDirectory: string;
  /** `compile_commands.json` with one entry for each source. */
  readonly compileCommands: string;
  /** Holds the above. */
  readonly directory: string;
}

/** `compileTarget("answer-server.c")`; a path instead of a name compiles that file. */
export async function compileTarget(name: string, options: CompileOptions = {}): Promise<CompiledTarget> {
  const plan = planCompilation(name, options);
  const directory = join(await cacheDirectory("targets"), await hashPlan(plan));
  const result = {
    program: join(directory, plan.output),
    source: plan.first,
    sourceDirectory: dirname(plan.first),
    compileCommands: join(directory, "compile_commands.json"),
    directory,
  };
  if (await exists(result.program)) return result;
  await compileInto(directory, plan);
  return result;
}

interface Plan {
  readonly first: string;
  readonly sources: readonly string[];
  readonly compiler: string;
  readonly flags: readonly string[];
  readonly link: readonly string[];
  readonly output: string;
}

function planCompilation(name: string, { flags = ["-g", "-O2"], link = [], compiler, sources = [] }: CompileOptions): Plan {
  const first = resolve(targets, name);
  const all = [first, ...sources.map((source) => resolve(targets, source))];
  const isCxx = all.some((source) => /\.(cc|cpp|cxx)$/.test(source));
  const stem = basename(name).replace(/\.[^.]*$/, "");
  return {
    first,
    sources: all,
    compiler: compiler ?? (isCxx ? "g++" : "gcc"),
    flags: ["-pthread", ...flags],
    link: ["-pthread", ...link],
    output: link.includes("-shared") ? `${stem}.so` : stem,
  };
}

/** Paths count, because debug information holds them. Headers beside a source do not: keep targets in one file each. */
async function hashPlan(plan: Plan): Promise<string> {
  const contents = await Promise.all(plan.sources.map((source) => readFile(source)));
  const hash = createHash("sha256").update(JSON.stringify(plan)).update(await compilerVersion(plan.compiler));
  for (const content of contents) hash.update(content);
  return hash.digest("hex").slice(0, 16);
}

const versions = new Map<string, Promise<string>>();

function compilerVersion(compiler: string): Promise<string> {
  const known = versions.get(compiler) ?? run(compiler, ["--version"]).then(({ stdout }) => stdout);
  versions.set(compiler, known);
  return known;
}

/**
 * Compiles beside the final place and moves the directory there as a whole, so that nobody finds half of it. The
 * commands name the final place: what they say stays true.
 */
async function compileInto(directory: string, plan: Plan): Promise<void> {
  const scratch = await mkdtemp(`${directory}.`);
  const objects = plan.sources.map((source) => `${basename(source).replace(/\.[^.]*$/, "")}.o`);
  const commands = plan.sources.map((source, index) => [plan.compiler, ...plan.flags, "-c", "-o", objects[index] ?? "", source]);
  try {
    for (const [compiler = "", ...parameters] of commands) await run(compiler, parameters, { cwd: scratch });
    await run(plan.compiler, ["-o", plan.output, ...objects, ...plan.link], { cwd: scratch });
    const entries = commands.map((words, index) => ({ directory, file: plan.sources[index], arguments: words, output: objects[index] }));
    await writeFile(join(scratch, "compile_commands.json"), JSON.stringify(entries, null, 2));
    await moveUnlessThere(scratch, directory);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Somebody else may have compiled the same meanwhile; theirs is as good as ours. */
async function moveUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!(await exists(to))) throw error;
  }
}

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);
