// Small programs for the Creator's tests: a C source is compiled and linked as a user's build would, then compiled
// both ways as the first half of the Creator does.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { describeObjects } from "../../native/create/create.ts";
import { readLinkedProgram } from "../../native/create/program.ts";
import type { LinkedProgram } from "../../native/create/program.ts";
import type { CreateOptions, ObjectPair } from "../../native/create/types.ts";
import { decodeImage, encodeImage } from "../../native/image/mod.ts";
import type { PatchImage } from "../../native/image/mod.ts";
import { openProgram } from "../../native/patchability/mod.ts";
import type { TracerClient } from "../../native/tracer.ts";

const run = promisify(execFile);

export interface Sources {
  /** File name to source, as it was. */
  readonly original: Readonly<Record<string, string>>;
  /** Files that the patch changes. */
  readonly patched: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  readonly link?: readonly string[];
  readonly compiler?: string;
  /** Flags of the pairs, where they differ from the program's. */
  readonly pairFlags?: readonly string[];
  readonly pairCompiler?: string;
  readonly output?: string;
  /** The option by which the pairs reach data of other modules, where the build may ask for that. */
  readonly indirectly?: string;
}

export interface Workshop extends AsyncDisposable {
  readonly directory: string;
  readonly path: string;
  readonly program: LinkedProgram;
  readonly pairs: readonly ObjectPair[];
  build(options?: Partial<CreateOptions>): Promise<PatchImage & { readonly bytes: Uint8Array; readonly path: string }>;
}

export async function openWorkshop(tracer: TracerClient, sources: Sources): Promise<Workshop> {
  const directory = await mkdtemp(join(tmpdir(), "suture-workshop-"));
  await writeAll(directory, sources.original);
  const path = await linkProgram(directory, sources);
  const pairs: ObjectPair[] = [];
  for (const name of Object.keys(sources.patched).filter(isUnit)) pairs.push(await compilePair(directory, name, sources));
  const program = readLinkedProgram(await openProgram(tracer, path));
  return {
    directory, path, program, pairs,
    build: async (options = {}) => {
      const bytes = encodeImage(await describeObjects(tracer, program, pairs, [{ name: "test", text: "" }], { source: directory, target: path, ...options }));
      const image = join(directory, "patch.suture");
      await writeFile(image, bytes);
      return { ...decodeImage(bytes), bytes, path: image };
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

async function writeAll(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
}

async function linkProgram(directory: string, { original, flags = ["-g", "-O2"], link = [], compiler = "gcc", output = "program" }: Sources): Promise<string> {
  const units = Object.keys(original).filter(isUnit);
  for (const name of units) await run(compilerOf(name, compiler), [...flags, "-c", name, "-o", `${name}.o`], { cwd: directory });
  await run(units.some(isCxx) ? "g++" : compiler, ["-Wl,--build-id", ...link, ...units.map((name) => `${name}.o`), "-o", output], { cwd: directory });
  return join(directory, output);
}

const isCxx = (name: string): boolean => name.endsWith(".cc");
const isUnit = (name: string): boolean => name.endsWith(".c") || isCxx(name);
const compilerOf = (name: string, compiler: string): string => (isCxx(name) && compiler === "gcc" ? "g++" : compiler);

async function compilePair(directory: string, name: string, sources: Sources): Promise<ObjectPair> {
  const { compiler: own = "gcc", flags = ["-g", "-O2"], pairFlags = flags, pairCompiler: compiler = own } = sources;
  const compile = async (side: string, extra: readonly string[]): Promise<Uint8Array> => {
    const output = join(directory, `${name}.${side}.o`);
    await run(compilerOf(name, compiler), [...pairFlags, ...extra, "-c", name, "-o", output], { cwd: directory });
    return new Uint8Array(await readFile(output));
  };
  const sections = ["-ffunction-sections", "-fdata-sections"];
  const plain = await compile("plain", []);
  const original = await compile("original", sections);
  const compilePatched = async (side: string, extra: readonly string[]): Promise<Uint8Array> => {
    await writeAll(directory, sources.patched);
    const object = await compile(side, extra);
    await writeAll(directory, sources.original);
    return object;
  };
  const patched = await compilePatched("patched", sections);
  const { indirectly } = sources;
  const far = indirectly === undefined ? undefined : { original: await compile("far", [...sections, indirectly]), patched: await compilePatched("far-patched", [...sections, indirectly]) };
  return { unit: name, spelled: name, directory, compiler: "gcc", flags: [], original, patched, plain: async () => plain, indirect: async () => far };
}
