// The README's first command, as a new user types it.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("npm run demo", () => {
  it("fixes a server under load, takes the fix back, and loses no request", async () => {
    const { stdout } = await promisify(execFile)("npm", ["run", "--silent", "demo"], { cwd: root });
    expect(stdout).toMatch(/^requests failed +0$/m);
    expect(stdout).toMatch(/^answers of the old functions +[\d,]*[1-9][\d,]* +0 +[\d,]*[1-9][\d,]*$/m);
    expect(stdout).toMatch(/^answers of the fix +0 +[\d,]*[1-9][\d,]* +0$/m);
    expect(stdout).toMatch(/^working threads held, µs +[\d.]+ +[\d.]+$/m);
  });
});
