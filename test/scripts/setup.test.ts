import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const setup = fileURLToPath(new URL("../../scripts/setup.mjs", import.meta.url));
let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "suture-setup-"));
  await chmod(directory, 0o755);
});
afterEach(() => rm(directory, { recursive: true }));

/** The set-up of somebody who is not root, on a machine whose dpkg-query answers like this. */
async function runSetup(installed: string): Promise<{ code: number | null; out: string; error: string }> {
  const tool = join(directory, "dpkg-query");
  await writeFile(tool, `#!/bin/sh\nprintf '${installed}'\nexit 1\n`, { mode: 0o755 });
  const isRoot = process.getuid?.() === 0;
  const child = spawn(process.execPath, [setup], {
    // The lock is taken already, for a set-up that is not to do anything.
    env: { PATH: `${directory}:/usr/bin:/bin`, HOME: directory, SUTURE_SETUP_LOCKED: "1" },
    ...(isRoot ? { uid: 65534, gid: 65534 } : {}),
  });
  let out = "";
  let error = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (error += text));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, error })));
}

describe("setup", () => {
  it("says in one line what somebody who is not root has to type", async () => {
    const { code, error } = await runSetup("gcc installed\\ng++ installed\\ncmake config-files\\n");
    expect(code).toBe(1);
    const [line = "", ...more] = error.trim().split("\n");
    expect(more).toEqual([]);
    expect(line).toMatch(/^Cannot set up: Debian packages are missing; type: sudo apt-get update && sudo apt-get install --yes --no-install-recommends /);
    expect(line).toContain(" cmake ");
    expect(line).not.toMatch(/ g(cc|\+\+)( |$)/);
  });
});
