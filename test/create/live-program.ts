// A program under test as its user has it: sources and compile commands in a folder, built, running, asked line by line; and
// patches for it that the Creator builds from diffs.

import { execFile, spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { isDeepStrictEqual, promisify } from "node:util";

import { createPatchImage } from "../../native/create/mod.ts";
import type { CreatedPatch } from "../../native/create/mod.ts";
import { recoverProcess } from "../../native/patch/mod.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { snapshotOf, waitUntil } from "../support/mod.ts";
import type { ProcessSnapshot } from "../support/mod.ts";

const run = promisify(execFile);

export interface LiveProgram extends AsyncDisposable {
  readonly pid: number;
  readonly path: string;
  readonly source: string;
  readonly ask: (line?: string) => Promise<string>;
  /** A patch that makes these changes of text; each must be there once. */
  readonly build: (name: string, changes: readonly Change[]) => Promise<CreatedPatch>;
  /**
   * Waits until the process is as it was. What calls that are over left on stacks can keep a reverted patch in memory for a
   * while; the process is asked in between, so that it uses its stacks.
   */
  readonly returnsTo: (before: ProcessSnapshot) => Promise<void>;
}

/** `file` may be left out where there is but one. */
export type Change = readonly [from: string, to: string, file?: string];

export interface ProgramOptions {
  /** Names in test/targets/; the first one has main(). */
  readonly files: readonly string[];
  readonly flags?: readonly string[];
  readonly link?: readonly string[];
  readonly compiler?: "gcc" | "clang";
}

const targets = new URL("../targets/", import.meta.url).pathname;

export async function startProgram(tracer: TracerClient, options: ProgramOptions): Promise<LiveProgram> {
  const source = await mkdtemp(join(tmpdir(), "suture-live-"));
  const texts = new Map<string, string>();
  for (const file of options.files) texts.set(file, await readFile(join(targets, file), "utf8"));
  for (const [file, text] of texts) await writeFile(join(source, file), text);
  const path = await buildProgram(source, options);
  const child = spawn(path, [], { stdio: ["pipe", "pipe", "pipe"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  if (await next() !== "ready") throw new Error(`${basename(path)} did not start`);
  return {
    pid: child.pid ?? 0, path, source,
    ask: (line = "ask") => { child.stdin.write(`${line}\n`); return next(); },
    build: async (name, changes) => createPatchImage(tracer, [{ name, text: await diffOf(source, texts, changes) }], { source, target: path, jobs: 2 }),
    returnsTo: async (before) => {
      await waitUntil("the process is as it was", async () => {
        child.stdin.write("ask\n");
        await next();
        await recoverProcess(tracer, child.pid ?? 0);
        return isDeepStrictEqual(await snapshotOf(child.pid ?? 0), before);
      }, { timeout: 20_000 });
    },
    [Symbol.asyncDispose]: async () => {
      await end(child);
      await rm(source, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

const isUnit = (file: string): boolean => /\.(c|cc)$/.test(file);
const compilers = { gcc: { c: "gcc", cc: "g++" }, clang: { c: "clang", cc: "clang++" } } as const;

async function buildProgram(directory: string, { files, flags = ["-g", "-O2"], link = [], compiler = "gcc" }: ProgramOptions): Promise<string> {
  const units = files.filter(isUnit);
  const commands = units.map((file) => ({ directory, file, arguments: [compilers[compiler][file.endsWith(".cc") ? "cc" : "c"], ...flags, "-pthread", "-c", file, "-o", `${file}.o`] }));
  await writeFile(join(directory, "compile_commands.json"), JSON.stringify(commands));
  for (const { arguments: [program = "", ...words] } of commands) await run(program, words, { cwd: directory });
  const linker = compilers[compiler][units.some((file) => file.endsWith(".cc")) ? "cc" : "c"];
  await run(linker, ["-pthread", "-Wl,--build-id", ...link, ...units.map((file) => `${file}.o`), "-o", "program"], { cwd: directory });
  return join(directory, "program");
}

async function diffOf(source: string, texts: ReadonlyMap<string, string>, changes: readonly Change[]): Promise<string> {
  const changed = new Map<string, string>();
  for (const [from, to, file = [...texts.keys()][0] ?? ""] of changes) {
    const text = changed.get(file) ?? texts.get(file) ?? "";
    if (text.split(from).length !== 2) throw new Error(`${file} does not have once: ${from}`);
    changed.set(file, text.replace(from, () => to));
  }
  const scratch = join(source, ".changed");
  await mkdir(scratch, { recursive: true });
  const diffs: string[] = [];
  for (const [file, text] of changed) {
    await writeFile(join(scratch, file), text);
    const { stdout } = await run("diff", ["-u", "--label", `a/${file}`, "--label", `b/${file}`, join(source, file), join(scratch, file)]).catch((error: { readonly stdout: string }) => error);
    diffs.push(stdout);
  }
  await rm(scratch, { recursive: true });
  return diffs.join("");
}
