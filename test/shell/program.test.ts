import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { commandTable } from "../../shell/commands/table.ts";
import { runSuture, sutureProgram } from "./run-suture.ts";

const oneLine = /^error: [A-Z][^\n]*[^.\n]\n$/;

describe("suture --help", () => {
  it("names every subcommand and every exit code", async () => {
    const { exitCode, out, error } = await runSuture(["--help"]);
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: "" });
    for (const { name, summary } of commandTable) expect(out).toContain(`  ${name.padEnd(15)} ${summary}`);
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8]) expect(out).toMatch(new RegExp(`^  ${code}  \\w`, "m"));
  });

  it.each(commandTable.map(({ name }) => name))("of %s gives examples and exit codes, and is what help prints", async (name) => {
    const { exitCode, out } = await runSuture([name, "--help"]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(new RegExp(`^Usage: suture ${name} `));
    expect(out).toContain(`Examples:\n  suture ${name}`);
    expect(out).toContain("Exit codes:\n  0  done\n");
    expect(out).toContain("--json");
    expect((await runSuture(["help", name])).out).toBe(out);
  });

  it("--version prints the package's version", async () => {
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
    expect(await runSuture(["--version"])).toEqual({ exitCode: 0, out: `${version}\n`, error: "" });
  });
});

describe("suture refuses a wrong command line with exit code 2, one line and a way out", () => {
  it.each([
    [[], 'no command is named; see "suture --help"'],
    [["lst"], "unknown command 'lst'; did you mean list?"],
    [["nothing-like-it"], `unknown command 'nothing-like-it'; see "suture --help"`],
    [["help", "nothing-like-it"], `unknown command 'nothing-like-it'; see "suture --help"`],
    [["nothing-like-it", "--help"], `unknown command 'nothing-like-it'; see "suture --help"`],
    [["list", "--jsno"], "unknown option '--jsno'; did you mean --json?"],
    [["list", "extra"], "too many arguments"],
    [["apply"], "missing required argument 'image'; see \"suture apply --help\""],
    [["apply", "x.suture"], "Cannot apply x.suture: no process is named; add --pid PID"],
    [["apply", "x.suture", "--pid"], "argument missing"],
    [["apply", "x.suture", "--pid", "0"], `"0" is not a number from 1 to 4194304`],
    [["apply", "x.suture", "--pid", "1", "--timeout", "5"], `"5" is not one; write 5s, 200ms or 500us`],
    [["build", "a.patch", "--source", "."], "required option '--target <elf>' not specified"],
    [["build", "--source", ".", "--target", "x"], "neither a diff nor --set is given"],
    [["verify"], "Cannot verify: no process is named"],
    [["capture"], "missing required argument 'command'"],
    [["shell", "x"], `"x" is not a number`],
  ])("%j", async (words, found) => {
    const { exitCode, out, error } = await runSuture(words);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(error).toMatch(oneLine);
    expect(error).toContain(found);
  });
});

describe("suture with an output that", () => {
  const inShell = async (line: string) => spawnSync("sh", ["-c", line.replace("SUTURE", `"${process.execPath}" "${await sutureProgram()}"`)], { encoding: "utf8" });

  it("cannot be written says so, in one line and the exit code", async () => {
    expect(await inShell("SUTURE --help > /dev/full")).toMatchObject({ status: 5, stderr: expect.stringMatching(/^error: Cannot print the result: [^\n]+\n$/) as string });
  });

  it("nobody reads ends as ever", async () => {
    expect(await inShell("{ SUTURE --help; echo $? >&3; } 3>&2 | true")).toMatchObject({ stderr: "0\n" });
    expect(await inShell("{ SUTURE lst 2>&1; echo $? >&3; } 3>&2 | true")).toMatchObject({ stderr: "2\n" });
  });
});

describe("suture --json", () => {
  it.each([
    [["list", "--jsno", "--json"], "usage", 2],
    [["--json", "lst"], "usage", 2],
    [["inspect", "/nonexistent", "--json"], "file-not-found", 5],
    [["run", "/nonexistent.ts", "--json"], "file-not-found", 5],
  ])("prints the error of %j as one document, and its line on standard error", async (words, kind, code) => {
    const { exitCode, out, error } = await runSuture(words);
    const { error: found } = JSON.parse(out) as { error: { kind: string; message: string } };
    expect({ exitCode, kind: found.kind }).toEqual({ exitCode: code, kind });
    expect(error).toBe(`error: ${found.message}\n`);
  });
});
