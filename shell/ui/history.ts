// The lines of earlier sessions, newest first as readline keeps them. Losing them is no error: a home that cannot be
// written to is no reason to bother anybody.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const mostLines = 1000;

export const historyPath = (environment: NodeJS.ProcessEnv, home: string): string =>
  join(environment["XDG_STATE_HOME"] || join(home, ".local", "state"), "suture", "history");

export async function readHistory(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "").slice(0, mostLines);
}

export async function writeHistory(path: string, lines: readonly string[]): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, `${lines.slice(0, mostLines).join("\n")}\n`, { mode: 0o600 });
  } catch {
    // The next session starts without it.
  }
}
