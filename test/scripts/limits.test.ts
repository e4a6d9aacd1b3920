import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { collectLimits, entriesOf, formatLimits, limitsFile } from "../../scripts/limits.ts";

test("docs/LIMITS.md is what the tests say now (npm run limits)", () => {
  expect(readFileSync(limitsFile, "utf8")).toBe(formatLimits(collectLimits()));
});

// In two pieces, so that this file is none of those that state something.
const head = `import { lifted } from "../support/${"limits"}.ts";\n`;

test("entriesOf() reads what tests state", () => {
  const text = `${head}test(lifted("X6", "a library"), run);\n  refused(\n    "X12", "a \\"value\\"", "has another", attempt);`;
  expect(entriesOf("one.test.ts", text)).toEqual([
    { row: "X6", verdict: "lifted", situation: "a library", file: "one.test.ts" },
    { row: "X12", verdict: "refused", situation: 'a "value"', message: "has another", file: "one.test.ts" },
  ]);
});

test.each(['lifted("X99", "a row that is none")', 'lifted("X1", name)', 'refused("X1", "a refusal without its message", attempt)'])("entriesOf() refuses %s", (call) => {
  expect(() => entriesOf("one.test.ts", head + call)).toThrow("Cannot write the table of limits: one.test.ts");
});
