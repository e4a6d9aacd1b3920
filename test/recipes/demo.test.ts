import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compileTarget, startTarget } from "../support/mod.ts";
import { runSuture } from "../shell/run-suture.ts";

const diff = fileURLToPath(new URL("../targets/answer-server.patch", import.meta.url));

describe("recipes/demo.ts", () => {
  it("fixes a server under load and takes the fix back, with no request failed", async () => {
    const compiled = await compileTarget("answer-server.c");
    await using server = await startTarget(compiled.program);
    const port = server.readyLine.replace("ready ", "");
    const { exitCode, out, error } = await runSuture([
      "run", "recipes/demo.ts", "--pid", `${server.pid}`, "--port", port, "--source", compiled.sourceDirectory, "--target", compiled.program,
      "--compile-commands", compiled.compileCommands, "--patch", diff, "--seconds", "0.2", "--json",
    ]);
    expect({ exitCode, error: exitCode === 0 ? "" : error }).toEqual({ exitCode: 0, error: "" });
    expect(JSON.parse(out)).toMatchObject({
      result: "done",
      value: { answers: { before: "1900 has 366 days", patched: "1900 has 365 days", after: "1900 has 366 days" }, requests: { failed: 0 } },
    });
    // It says when a wait was interrupted.
    expect(server.errorText()).toBe("");
  }, 60_000);
});
