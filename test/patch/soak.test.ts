import { expect, test } from "vitest";
import { Tracer } from "../../native/tracer.ts";
import { runSoak } from "../../scripts/bench/soak.ts";

test("a patch comes and goes sixty times under eight threads at work: no wrong answer, and memory that does not grow", async () => {
  await using tracer = await Tracer.start();
  const { answers, samples } = await runSoak(tracer, 60);
  expect(answers.wrong).toBe(0);
  expect(answers.old).toBeGreaterThan(0);
  expect(answers.new).toBeGreaterThan(0);
  const [first] = samples;
  expect(samples).toHaveLength(11);
  for (const { mappings, ledgerBytes } of samples) expect({ mappings, ledgerBytes }).toEqual({ mappings: first?.mappings, ledgerBytes: first?.ledgerBytes });
  // Of the target's own: threads that had not run before touch their stacks.
  const grown = (samples.at(-1)?.residentKilobytes ?? Number.NaN) - (first?.residentKilobytes ?? Number.NaN);
  expect(grown).toBeLessThan(100);
}, 120_000);
