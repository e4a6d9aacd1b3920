// A program built from a Debian source package with a chosen part of its patches, under bear, so that it has a
// compile_commands.json. Built once for each choice, in the place where it stays: debug information names that place.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { withFileLock } from "../file-lock.ts";
import { patchFile, versionDirectory, type DebianSource } from "./source.ts";

const run = promisify(execFile);

export interface BuildPlan {
  /** Patches of the package, in this order. */
  readonly patches: readonly string[];
  /** Commands before the build, such as configure. */
  readonly prepare?: readonly (readonly string[])[];
  /** The build itself, run under bear. */
  readonly build: readonly string[];
}

export interface BuiltSource {
  /** The source tree as it was built, with `compile_commands.json`; `--source` of a patch. */
  readonly tree: string;
  readonly compileCommands: string;
}

export async function buildDebianSource(source: DebianSource, plan: BuildPlan): Promise<BuiltSource> {
  const home = join(await versionDirectory(source.name, source.version), "builds");
  await mkdir(home, { recursive: true });
  const tree = join(home, await hashPlan(source, plan));
  const built = { tree, compileCommands: join(tree, "compile_commands.json") };
  return withFileLock(`${tree}.lock`, async () => {
    if (await exists(`${tree}.done`)) return built;
    // What a build that died has left behind.
    await rm(tree, { recursive: true, force: true });
    await cp(source.directory, tree, { recursive: true, preserveTimestamps: true });
    for (const patch of plan.patches) await runIn(tree, ["patch", "-p1", "-s", "-N", "-i", patchFile(source, patch)]);
    for (const command of plan.prepare ?? []) await runIn(tree, command);
    await runIn(tree, ["bear", "--output", built.compileCommands, "--", ...plan.build]);
    await writeFile(`${tree}.done`, `${plan.patches.join("\n")}\n`);
    return built;
  });
}

async function hashPlan(source: DebianSource, plan: BuildPlan): Promise<string> {
  const { stdout: compiler } = await run("gcc", ["--version"]);
  return createHash("sha256").update(JSON.stringify([source.version, plan, compiler])).digest("hex").slice(0, 12);
}

async function runIn(cwd: string, [command = "", ...words]: readonly string[]): Promise<void> {
  try {
    await run(command, words, { cwd, maxBuffer: 1 << 28 });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-15).join("\n");
    throw new Error(`Cannot build in ${cwd}: ${[command, ...words].join(" ")} failed:\n${said}`, { cause: error });
  }
}

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);
