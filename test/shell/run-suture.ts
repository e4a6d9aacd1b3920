// Runs the real program, bundled from the sources as they are now, and hands back what it printed and how it ended.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { bundleProgram } from "../../scripts/bundle.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bundle = join(root, "node_modules", ".cache", `suture-${process.pid}`);

/** The bundle under test lies elsewhere than the helper. */
export const helperProgram = process.env["SUTURE_TRACER"] ?? join(root, "dist", "suture-tracer");

export interface Run {
  readonly exitCode: number | null;
  readonly out: string;
  readonly error: string;
}

export interface RunOptions {
  /** For standard input; closed at once when there is none. */
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Somebody else, when the test is root. */
  readonly uid?: number;
  /** Called with the program's pid once it runs. */
  readonly onStart?: (pid: number) => void;
}

// Each test file has a bundle of its own, and takes it away.
afterAll(() => rm(bundle, { recursive: true, force: true }));

let bundled: Promise<string> | undefined;

/** The bundled program's main file. */
export async function sutureProgram(): Promise<string> {
  bundled ??= bundleProgram(bundle);
  await bundled;
  return join(bundle, "suture.js");
}

export async function runSuture(words: readonly string[], { input = "", cwd = root, env = {}, uid, onStart }: RunOptions = {}): Promise<Run> {
  const child = spawn(process.execPath, [await sutureProgram(), ...words], {
    cwd,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    env: { ...process.env, SUTURE_TRACER: helperProgram, ...env },
  });
  if (child.pid !== undefined) onStart?.(child.pid);
  let out = "";
  let error = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (error += text));
  child.stdin.on("error", () => undefined).end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (exitCode) => resolve({ exitCode, out, error }));
  });
}

/** How it ended: an exit code, or the signal that ended it. */
export async function endOfSuture(words: readonly string[], env: Readonly<Record<string, string>>): Promise<number | string | null> {
  const child = spawn(process.execPath, [await sutureProgram(), ...words], { stdio: "ignore", env: { ...process.env, SUTURE_TRACER: helperProgram, ...env } });
  const [code, signal] = await once(child, "close") as [number | null, string | null];
  return signal ?? code;
}
