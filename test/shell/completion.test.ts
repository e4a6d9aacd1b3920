// What the Tab key offers: to bash, by the script that it sources, and at the shell's own prompt.

import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completeLine } from "../../shell/commands/complete-line.ts";
import { commandTable } from "../../shell/commands/table.ts";
import { scratchDirectory } from "./patched-program.ts";
import { runSuture } from "./run-suture.ts";

const run = promisify(execFile);
let scratch: Awaited<ReturnType<typeof scratchDirectory>>;
beforeAll(async () => {
  scratch = await scratchDirectory();
  await mkdir(join(scratch.path, "fixes"));
  await writeFile(join(scratch.path, "fix.suture"), "");
  await writeFile(join(scratch.path, ".hidden"), "");
});
afterAll(async () => scratch[Symbol.asyncDispose]());

describe("suture completion bash", () => {
  let script: string;
  beforeAll(async () => {
    const { exitCode, out } = await runSuture(["completion", "bash"]);
    expect(exitCode).toBe(0);
    script = join(scratch.path, "completion");
    await writeFile(script, out);
  });

  /** What bash would offer for the last of the words. */
  async function offered(...words: readonly string[]): Promise<string> {
    const { stdout } = await run("bash", ["-c", `. ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _suture; echo "\${COMPREPLY[*]}"`, "bash", "suture", ...words]);
    return stdout.trim();
  }

  it.each([
    [["re"], "revert recover"], [["help", "rev"], "revert"], [["--json", "ver"], "verify"],
    [["apply", "fix.suture", "--dr"], "--dry-run"], [["shell", "--j"], "--json"], [["apply", "fi"], ""],
  ])("%j: %s", async (words, wanted) => expect(await offered(...words)).toBe(wanted));

  it("offers process ids where one belongs", async () => {
    expect((await offered("apply", "x", "--pid", `${process.pid}`)).split(" ")).toContain(`${process.pid}`);
  });

  it("refuses a shell that it does not know", async () => {
    expect(await runSuture(["completion", "tcsh"])).toMatchObject({ exitCode: 2, error: expect.stringContaining("Allowed choices are bash") as string });
  });
});

describe("completeLine()", () => {
  const complete = (line: string) => completeLine(line, { commands: commandTable, patches: async () => ["acl-fix", "limits"] });

  it.each([
    ["thr", ["threads "], "thr"], ["help pat", ["patchability "], "pat"], ["apply fix.suture --max", ["--max-stop "], "--max"],
    ["revert ", ["acl-fix ", "limits "], ""], ["revert --pid 7 a", ["acl-fix "], "a"], ["build --name ", [], ""], ["symbols ACL", [], "ACL"], ["nothing x", [], "x"],
  ])("%j", async (line, candidates, typed) => expect(await complete(line)).toEqual([candidates, typed]));

  it("goes through directories", async () => {
    expect(await complete(`apply ${scratch.path}/fi`)).toEqual([expect.arrayContaining([`${scratch.path}/fixes/`, `${scratch.path}/fix.suture `]), `${scratch.path}/fi`]);
    expect((await complete(`build x --source ${scratch.path}/.h`))[0]).toEqual([`${scratch.path}/.hidden `]);
  });
});
