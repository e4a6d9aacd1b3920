// The kinds of checks that `npm test` runs: each one a command whose output is shown as it comes, and a count of what
// passed and what failed. A runner that ends before it has counted is one failure more.

import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { $ } from "zx";

export interface Count {
  readonly passed: number;
  readonly failed: number;
  /** What failed, each with its reason: named again after everything, where it is looked for. */
  readonly failures?: readonly string[];
}

export const root = fileURLToPath(new URL("../..", import.meta.url));

type Command = readonly [program: string, ...words: string[]];

/** Passes or fails as a whole. */
export async function runCommand(command: Command): Promise<Count> {
  const { exitCode } = await show(command);
  return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** A program of doctest's: its test cases. */
export async function runDoctest(command: Command): Promise<Count> {
  const { exitCode, stdout } = await show(command);
  const [, passed, failed] = /test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed/.exec(stdout.replace(/\x1b\[[0-9;]*m/g, "")) ?? [];
  return withoutSilentFailure({ passed: Number(passed ?? 0), failed: Number(failed ?? 0) }, exitCode === 0);
}

/** One of vitest's projects. */
export async function runVitest(project: string): Promise<Count> {
  const report = join(tmpdir(), `suture-vitest-${process.pid}-${project}.json`);
  const vitest = join(root, "node_modules/.bin/vitest");
  try {
    const { exitCode } = await show([vitest, "run", "--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`]);
    return withoutSilentFailure(await readVitestReport(report), exitCode === 0);
  } finally {
    await rm(report, { force: true });
  }
}

/** The part of vitest's report that is read here. */
interface VitestReport {
  readonly numPassedTests?: number;
  readonly numFailedTests?: number;
  readonly testResults?: readonly VitestFile[];
}

interface VitestFile {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly { readonly status: string; readonly fullName: string; readonly failureMessages?: readonly string[] }[];
}

async function readVitestReport(path: string): Promise<Count> {
  const text = await readFile(path, "utf8").catch(() => "{}");
  const { numPassedTests = 0, numFailedTests = 0, testResults = [] } = JSON.parse(text) as VitestReport;
  return { passed: numPassedTests, failed: numFailedTests, failures: testResults.flatMap(failuresOf) };
}

/** A file that fails before its first test has a message of its own. */
function failuresOf({ name, status, message, assertionResults }: VitestFile): string[] {
  const file = relative(root, name);
  const tests = assertionResults.filter((test) => test.status === "failed")
    .map(({ fullName, failureMessages = [] }) => `${file}: ${fullName}\n${failureMessages.map(withoutRunner).join("\n")}`);
  return status === "failed" && tests.length === 0 ? [`${file}\n${message}`] : tests;
}

/** A failure's stack without the test runner's own frames. */
const withoutRunner = (message: string): string => message.split("\n").filter((line) => !line.includes("node_modules")).join("\n");

const withoutSilentFailure = (count: Count, isSuccess: boolean): Count =>
  ({ ...count, failed: isSuccess || count.failed > 0 ? count.failed : 1 });

async function show(command: Command): Promise<{ readonly exitCode: number; readonly stdout: string }> {
  const running = $({ cwd: root, quiet: true, nothrow: true, stdio: ["ignore", "pipe", "inherit"] })`${command}`;
  running.stdout.pipe(process.stdout, { end: false });
  const { exitCode, stdout } = await running;
  return { exitCode: exitCode ?? 1, stdout };
}
