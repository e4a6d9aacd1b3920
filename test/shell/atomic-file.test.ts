import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeFileAtomically } from "../../shell/atomic-file.ts";

const run = promisify(execFile);
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "suture-atomic-"));
});
afterEach(async () => rm(directory, { recursive: true }));

describe("writeFileAtomically()", () => {
  it("writes a new file, and replaces an old one", async () => {
    const path = join(directory, "fix.suture");
    await writeFileAtomically(path, Buffer.from("one"));
    await writeFileAtomically(path, Buffer.from("two"));
    expect(await readFile(path, "utf8")).toBe("two");
    expect(await readdir(directory)).toEqual(["fix.suture"]);
  });

  it("says that the directory does not exist", async () => {
    const path = join(directory, "none", "fix.suture");
    await expect(writeFileAtomically(path, Buffer.from("x"))).rejects.toMatchObject({
      kind: "cannot-write", exitCode: 5, message: `Cannot write ${path}: its directory does not exist`,
    });
  });

  it("leaves nothing behind when it cannot finish", async () => {
    const path = join(directory, "fix.suture");
    await mkdir(path);
    await writeFile(join(path, "inside"), "");
    await expect(writeFileAtomically(path, Buffer.from("x"))).rejects.toMatchObject({ kind: "cannot-write" });
    expect(await readdir(directory)).toEqual(["fix.suture"]);
  });

  it("says that the disk is full, and gives back what it took of it", async (context) => {
    const full = join(directory, "full");
    await mkdir(full);
    const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", full]).then(() => true, () => false);
    if (!mounted) context.skip("mounting a file system of one page is not permitted here");
    try {
      const path = join(full, "fix.suture");
      await expect(writeFileAtomically(path, Buffer.alloc(100_000))).rejects.toMatchObject({
        kind: "cannot-write", message: `Cannot write ${path}: the disk is full; free some room, or name another place with --output`,
      });
      expect(await readdir(full)).toEqual([]);
    } finally {
      await run("umount", [full]);
    }
  });
});
