// `npm test`: every check, one after the other; a step that fails does not keep the others from running. Ends with a
// summary, what failed and why, the line "N passed, N failed" over everything that counts, and code 1 when anything failed.
//
//   npm test -- types layers      only the steps that are named

import { join } from "node:path";
import { buildHelper, testHelper } from "./checks/native.ts";
import { root, runCommand, runVitest, type Count } from "./checks/runners.ts";
import { formatTable } from "./table.ts";

interface Step {
  readonly name: string;
  readonly title: string;
  /** A step that has to pass before this one makes sense. */
  readonly after?: string;
  readonly run: () => Promise<Count>;
}

const tool = (name: string): string => join(root, "node_modules/.bin", name);

const steps: readonly Step[] = [
  { name: "types", title: "types", run: () => runCommand([tool("tsc"), "--noEmit"]) },
  { name: "layers", title: "layers", run: () => runCommand([tool("tsx"), join(root, "scripts/check-layers.ts")]) },
  { name: "native", title: "helper: build, warnings are errors", run: () => buildHelper("plain") },
  { name: "native-tests", title: "helper: unit tests", after: "native", run: () => testHelper("plain") },
  { name: "sanitized", title: "helper: build with sanitizers", after: "native", run: () => buildHelper("sanitized") },
  { name: "sanitized-tests", title: "helper: unit tests with sanitizers", after: "sanitized", run: () => testHelper("sanitized") },
  { name: "fast", title: "tests", run: () => runVitest("fast") },
  { name: "real", title: "tests on real programs", run: () => runVitest("real") },
];

interface Outcome extends Count {
  readonly step: Step;
  readonly seconds: number;
  readonly skipped: boolean;
}

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`Cannot run ${unknown.join(", ")}: the steps are ${steps.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const outcomes: Outcome[] = [];
for (const step of steps.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) outcomes.push(await perform(step));
summarize();

async function perform(step: Step): Promise<Outcome> {
  const ground = outcomes.find((outcome) => outcome.step.name === step.after);
  if (ground && ground.failed > 0) return { step, passed: 0, failed: 1, seconds: 0, skipped: true };
  console.log(`\n== ${step.title}`);
  const started = Date.now();
  const count = await step.run();
  return { step, ...count, seconds: (Date.now() - started) / 1000, skipped: false };
}

function summarize(): void {
  const rows = outcomes.map(({ step, passed, failed, seconds, skipped }) =>
    [step.title, skipped ? "not run" : failed > 0 ? "FAILED" : "ok", passed, failed, `${seconds.toFixed(1)} s`]);
  console.log(`\n${formatTable([["", "", "passed", "failed", "time"], ...rows])}\n`);
  for (const failure of outcomes.flatMap(({ failures = [] }) => failures)) console.log(`FAILED ${failure}\n`);
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
