import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startTarget, waitUntil } from "../support/mod.ts";
import { helperProgram, runSuture, sutureProgram } from "./run-suture.ts";

const script = (...lines: readonly string[]): { readonly input: string } => ({ input: lines.map((line) => `${line}\n`).join("") });

describe("suture shell reading a script", () => {
  it("prints no prompt and ends with 0", async () => {
    expect(await runSuture(["shell"], script("", "# nothing", "help list"))).toMatchObject({
      exitCode: 0, error: "", out: expect.stringMatching(/^Usage: list /),
    });
  });

  it("goes on after an error and ends with the code of the first", async () => {
    const { exitCode, out, error } = await runSuture(["shell"], script("lst", "inspect /nonexistent", `"open`, "help list"));
    expect(exitCode).toBe(2);
    expect(out).toContain("Usage: list ");
    expect(error.split("\n")).toEqual([
      "error: Cannot read the command line: unknown command 'lst'; did you mean list?",
      "error: Cannot read patch image /nonexistent: no such file",
      `error: Cannot read the line: a quote is not closed in "open`,
      "",
    ]);
  });

  it("ends at exit", async () => {
    expect(await runSuture(["shell"], script("exit", "lst"))).toEqual({ exitCode: 0, out: "", error: "" });
  });

  it("prints JSON for every line when it was started with --json", async () => {
    const { out } = await runSuture(["shell", "--json"], script("lst", "apply x"));
    expect(out.trim().split("\n").map((line) => (JSON.parse(line) as { error: { kind: string } }).error.kind)).toEqual(["usage", "usage"]);
  });

  it("takes the attached process as the one to work on", async () => {
    await using target = await startTarget("sleep", { parameters: ["60"], ready: null });
    const { exitCode, out } = await runSuture(["shell", `${target.pid}`], script("threads", "detach", "threads", `attach ${target.pid}`, "threads --json"));
    const [head, row, attached, json] = out.trim().split("\n");
    expect(exitCode).toBe(2);
    expect(head).toBe("TID    STATE     NAME".replace("TID   ", "TID".padEnd(`${target.pid}`.length + 1)));
    expect(row).toBe(`${target.pid}  sleeping  sleep`);
    expect(attached).toMatch(/\/sleep, 1 thread$/);
    expect(JSON.parse(json ?? "")).toEqual({ pid: target.pid, threads: [{ tid: target.pid, name: "sleep", state: "S" }] });
  });

  it("refuses a process that does not exist, and stays unattached", async () => {
    const { exitCode, error } = await runSuture(["shell"], script("attach 4194304", "threads"));
    expect(exitCode).toBe(3);
    expect(error).toMatch(/there is no such process\nerror: Cannot list threads: no process is named/);
  });
});

describe("suture shell at a terminal", () => {
  it("prompts with the attached process, and remembers the lines", async () => {
    const home = await mkdtemp(join(tmpdir(), "suture-home-"));
    await using target = await startTarget("sleep", { parameters: ["60"], ready: null });
    try {
      const screen = await typeAtTerminal(`${process.execPath} ${await sutureProgram()} shell`, home, [
        ["suture> ", "lst\r"],
        ["did you mean list?", `attach ${target.pid}\r`],
        [`suture ${target.pid}> `, "thr\tx\u007f\r"],
        ["sleeping  sleep", "\u0004"],
      ]);
      expect(screen).toContain(`suture ${target.pid}> `);
      const history = await readFile(join(home, ".local", "state", "suture", "history"), "utf8");
      expect(history.split("\n").map((line) => line.trim())).toEqual(["threads", `attach ${target.pid}`, "lst", ""]);
    } finally {
      await rm(home, { recursive: true });
    }
  });
});

/** Types each answer once its prompt has been seen; gives the whole screen when the program has ended. */
async function typeAtTerminal(command: string, home: string, dialogue: readonly (readonly [prompt: string, answer: string])[]): Promise<string> {
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: { ...process.env, HOME: home, XDG_STATE_HOME: "", SUTURE_TRACER: helperProgram, TERM: "xterm" },
  });
  const ended = once(child, "close");
  let screen = "";
  let seen = 0;
  child.stdout.setEncoding("utf8").on("data", (text: string) => (screen += text));
  try {
    for (const [prompt, answer] of dialogue) {
      await waitUntil(`the screen shows "${prompt}"`, () => screen.includes(prompt, seen));
      seen = screen.indexOf(prompt, seen) + prompt.length;
      // One key after the other, as from a keyboard: what is pasted in one piece is read differently.
      for (const key of answer) await new Promise((written) => child.stdin.write(key, () => setTimeout(written, 10)));
    }
    await ended;
  } finally {
    child.kill();
  }
  return screen;
}
