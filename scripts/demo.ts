// `npm run demo`: a server under load gets a fix without losing a request, and gives it back. Everything that is shown
// comes from the server's own answers and from the program's JSON. Ends with code 1 when anything is not as it should be.

import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TransactionResult } from "../native/mod.ts";
import type { BuildResult, CaptureResult } from "../shell/results.ts";
import { startTarget } from "../test/support/mod.ts";
import { Load, type Question, type Tally } from "./demo/load.ts";
import { suture } from "./suture.ts";
import { formatCount, formatTable } from "./table.ts";

const targets = fileURLToPath(new URL("../test/targets/", import.meta.url));
const patch = join(targets, "answer-server.patch");
const connections = 8;
const sleepers = 16;

/** What answer-server.patch is about, and one year that it leaves alone. */
const questions: readonly Question[] = [
  { ask: "ask 1900", before: "1900 has 366 days", after: "1900 has 365 days" },
  { ask: "ask 2024", before: "2024 has 366 days", after: "2024 has 366 days" },
  { ask: "ask banana", before: "0 has 366 days", after: 'error: "banana" is not a year' },
];

const complaints: string[] = [];
const directory = await mkdtemp(join(tmpdir(), "suture-demo-"));
try {
  await demonstrate();
} catch (error) {
  complaints.push(error instanceof Error ? error.message : String(error));
} finally {
  await rm(directory, { recursive: true, force: true });
}
for (const complaint of complaints) console.error(`demo: ${complaint}`);
process.exitCode = complaints.length === 0 ? 0 : 1;

async function demonstrate(): Promise<void> {
  const server = await compileServer();
  await using target = await startTarget(server, { parameters: ["0", "--threads", String(connections), "--sleepers", String(sleepers), "--traceable"] });
  const port = Number(target.readyLine.split(" ")[1]);
  say(`started answer-server: pid ${target.pid}, port ${port}, ${connections} threads at work, ${sleepers} asleep`);
  const load = Load.start(port, connections, questions);
  try {
    const before = await watch(load, "before");
    const built = await buildPatch(server);
    const applied = await suture<TransactionResult>(["apply", built.output, "--pid", String(target.pid)]);
    say(`applied ${applied.patch.name}: ${namesOf(applied)} now lead to the fix`);
    const patched = await watch(load, "after");
    const reverted = await suture<TransactionResult>(["revert", applied.patch.name, "--pid", String(target.pid)]);
    say(`reverted ${reverted.patch.name}: ${namesOf(reverted)} are the old ones again`);
    const after = await watch(load, "before");
    await load.stop();
    judge(load, target.exit() === undefined, target.errorText());
    print({ load, built, applied, reverted, phases: [before, patched, after] });
  } finally {
    await load.stop();
  }
}

async function compileServer(): Promise<string> {
  await copyFile(join(targets, "answer-server.c"), join(directory, "answer-server.c"));
  const command = ["gcc", "-g", "-O2", "-pthread", "-o", "answer-server", "answer-server.c"];
  const { units } = await suture<CaptureResult>(["capture", "--", ...command], { cwd: directory });
  say(`compiled: ${command.join(" ")} (${units} unit in compile_commands.json)`);
  return join(directory, "answer-server");
}

async function buildPatch(server: string): Promise<BuildResult> {
  const built = await suture<BuildResult>(["build", patch, "--source", directory, "--target", server, "-o", join(directory, "fix.suture")]);
  const added = built.added.length === 0 ? "" : `, new: ${built.added.map(({ name }) => name).join(", ")}`;
  say(`built ${built.patch.name} from its diff in ${seconds(built.milliseconds)}: ${built.functions.map(({ name }) => name).join(", ")}${added}`);
  return built;
}

/** A second of load; every answer to what was asked in it must be the expected one. */
async function watch(load: Load, expected: "before" | "after"): Promise<Tally> {
  const tally = await load.watch(1000);
  const other = expected === "before" ? tally.after : tally.before;
  for (const question of questions.filter(({ before, after }) => before !== after)) say(`  ${question.ask} -> ${question[expected]}`);
  if (tally[expected] === 0) complaints.push("no request was answered for a second");
  if (other > 0) complaints.push(`${other} answers were not those of the ${expected === "before" ? "old" : "patched"} functions`);
  return tally;
}

function judge({ failures }: Load, isAlive: boolean, errorText: string): void {
  complaints.push(...failures.slice(0, 5).map((failure) => `failed request: ${failure}`));
  if (!isAlive) complaints.push("the server has ended");
  if (errorText !== "") complaints.push(`the server complained: ${errorText.trim()}`);
}

interface Figures {
  readonly load: Load;
  readonly built: BuildResult;
  readonly applied: TransactionResult;
  readonly reverted: TransactionResult;
  readonly phases: readonly [Tally, Tally, Tally];
}

function print({ load, built, applied, reverted, phases: [before, patched, after] }: Figures): void {
  console.log();
  console.log(formatTable([
    ["", "before", "patched", "reverted"],
    ["answers of the old functions", ...[before, patched, after].map((tally) => formatCount(tally.before))],
    ["answers of the fix", ...[before, patched, after].map((tally) => formatCount(tally.after))],
  ]));
  console.log();
  console.log(formatTable([
    ["", "apply", "revert"],
    ["working threads held, µs", applied.stop.workingMicroseconds, reverted.stop.workingMicroseconds],
    ["sleeping threads held, µs", applied.stop.sleepingMicroseconds, reverted.stop.sleepingMicroseconds],
    ["attempts", applied.stop.attempts, reverted.stop.attempts],
  ]));
  console.log();
  console.log(formatTable([
    ["requests served", formatCount(load.served)],
    ["requests failed", formatCount(load.failures.length)],
    ["patch built in", seconds(built.milliseconds)],
  ]));
}

function namesOf({ processes }: TransactionResult): string {
  return processes.flatMap(({ functions }) => functions.map(({ name }) => name)).join(", ");
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

function say(line: string): void {
  console.log(line);
}
