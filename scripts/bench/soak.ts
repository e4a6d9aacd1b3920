// Applies and reverts again and again under eight threads that call the functions without a pause and look at every
// answer. Another patch stays in the process all the while, so that the ledger does, too. What must not grow: the target's
// memory, the number of its mappings, the ledger.

import { readFile } from "node:fs/promises";
import { applyPatch, revertPatch, Tracer, type Tracer as Engine } from "../../native/mod.ts";
import { compileTarget, startTarget, type Target } from "../../test/support/mod.ts";
import { formatCount, formatTable } from "../table.ts";
import type { Benchmark } from "./benchmark.ts";
import { buildPatch, type BuiltPatch } from "./patches.ts";

export interface SoakResult {
  readonly rounds: number;
  readonly seconds: number;
  /** Of the functions under change, over all rounds. `wrong`: neither the old nor the new, or one of each. */
  readonly answers: { readonly old: number; readonly new: number; readonly wrong: number };
  /** Before the first round, at some tenths of the way, and after the last. */
  readonly samples: readonly MemorySample[];
}

export interface MemorySample {
  readonly round: number;
  readonly residentKilobytes: number;
  readonly mappings: number;
  readonly ledgerBytes: number;
}

export const soak: Benchmark = {
  name: "soak",
  summary: "applies and reverts for long, and counts wrong answers and memory",
  run: async ({ rounds }, say) => {
    await using tracer = await Tracer.start();
    const result = await runSoak(tracer, rounds, ({ round, residentKilobytes, mappings }, { wrong }) =>
      say(`${formatCount(round)} of ${formatCount(rounds)} rounds, ${wrong} wrong answers, ${residentKilobytes} kB, ${mappings} mappings`));
    return { text: describe(result), raw: result };
  },
};

type OnTenth = (sample: MemorySample, soFar: SoakResult["answers"]) => void;

export async function runSoak(tracer: Engine, rounds: number, onTenth: OnTenth = () => undefined): Promise<SoakResult> {
  const compiled = await compileTarget("spins-in-pairs.c");
  const pair = await buildPatch(tracer, compiled, "spins-in-pairs.patch");
  const resident = await buildPatch(tracer, compiled, "spins-in-pairs-resident.patch");
  await using target = await startTarget(compiled.program);
  const { pid } = target;
  await applyPatch(tracer, resident.image, pid);
  // The first round copies pages of the program; what grows from then on grows for ever.
  await turn(tracer, pair, pid);
  await askForAnswers(target);

  const samples = [await sampleMemory(pid, 0)];
  const answers = { old: 0, new: 0, wrong: 0 };
  const started = performance.now();
  for (let done = 1; done <= rounds; done++) {
    await turn(tracer, pair, pid);
    if (done !== rounds && done % Math.ceil(rounds / 10) !== 0) continue;
    add(answers, await askForAnswers(target));
    const sample = await sampleMemory(pid, done);
    samples.push(sample);
    onTenth(sample, answers);
  }
  const seconds = (performance.now() - started) / 1000;
  if (target.exit() !== undefined) throw new Error("The target has ended");
  return { rounds, seconds, answers, samples };
}

async function turn(tracer: Engine, { image, name }: BuiltPatch, pid: number): Promise<void> {
  await applyPatch(tracer, image, pid);
  await revertPatch(tracer, name, pid);
}

type Answers = SoakResult["answers"];

async function askForAnswers(target: Target): Promise<Answers> {
  const from = target.lines.length;
  target.write("answers\n");
  const [, old, fresh, wrong] = (await target.line(/^answers \d+ \d+ \d+$/, from)).split(" ").map(Number);
  return { old: old ?? 0, new: fresh ?? 0, wrong: wrong ?? 0 };
}

function add(to: { -readonly [Key in keyof Answers]: number }, more: Answers): void {
  for (const key of ["old", "new", "wrong"] as const) to[key] += more[key];
}

async function sampleMemory(pid: number, round: number): Promise<MemorySample> {
  const maps = (await readFile(`/proc/${pid}/maps`, "utf8")).trim().split("\n");
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const ledger = maps.filter((line) => line.includes("/memfd:suture-ledger"));
  return {
    round,
    residentKilobytes: Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN),
    mappings: maps.length,
    ledgerBytes: ledger.reduce((sum, line) => sum + lengthOf(line), 0),
  };
}

function lengthOf(mapping: string): number {
  const [start = "", end = ""] = mapping.split(" ")[0]?.split("-") ?? [];
  return Number(BigInt(`0x${end}`) - BigInt(`0x${start}`));
}

function describe({ rounds, seconds, answers, samples }: SoakResult): string {
  const memory = samples.map(({ round, residentKilobytes, mappings, ledgerBytes }) => [formatCount(round), residentKilobytes, mappings, ledgerBytes]);
  return [
    `${formatCount(rounds)} rounds in ${seconds.toFixed(0)} s, ${(rounds / seconds).toFixed(1)} rounds/s; answers: ` +
      `${formatCount(answers.old)} old, ${formatCount(answers.new)} new, ${formatCount(answers.wrong)} wrong`,
    "",
    formatTable([["after round", "VmRSS, kB", "mappings", "ledger, bytes"], ...memory]),
  ].join("\n");
}
