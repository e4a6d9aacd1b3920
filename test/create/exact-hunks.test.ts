import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { formatPatch, parsePatch, structuredPatch } from "diff";
import type { StructuredPatchHunk } from "diff";
import { afterAll, expect, test } from "vitest";

import { applyExactHunks } from "../../native/create/exact-hunks.ts";
import { seededNumbers } from "../elf/toolchain.ts";

const directory = mkdtempSync(join(tmpdir(), "suture-hunks-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const hunksOf = (before: string, after: string, context: number): readonly StructuredPatchHunk[] =>
  parsePatch(formatPatch(structuredPatch("in", "in", before, after, "", "", { context })))[0]?.hunks ?? [];

const ours = (content: string, hunks: readonly StructuredPatchHunk[]): string | undefined => {
  const patched = applyExactHunks(Buffer.from(content), hunks);
  return patched && Buffer.from(patched).toString();
};

function byPatch(content: string, hunks: readonly StructuredPatchHunk[]): string | undefined {
  const [input, output] = [join(directory, "in"), join(directory, "out")];
  rmSync(output, { force: true });
  writeFileSync(input, content);
  const text = formatPatch({ oldFileName: "in", newFileName: "in", oldHeader: "", newHeader: "", hunks: [...hunks] });
  const run = spawnSync("patch", ["--unified", "--forward", "--fuzz=0", "--reject-file=-", `--output=${output}`, input], { input: text, cwd: directory });
  return run.status === 0 ? readFileSync(output, "utf8") : undefined;
}

// Few different lines, so that most of a hunk fits in many places.
test("what applyExactHunks() answers is what patch(1) makes of it", () => {
  const numbers = seededNumbers(20261127);
  const below = (limit: number): number => numbers.next().value % limit;
  const edited = (lines: readonly string[], edits: number): string[] => {
    const result = [...lines];
    for (let edit = 0; edit < edits; edit++) result.splice(below(result.length + 1), below(3), ...Array.from({ length: below(3) }, () => `line ${below(4)}`));
    return result;
  };
  const text = (lines: readonly string[]): string => lines.join("\n") + (lines.length > 0 && below(8) > 0 ? "\n" : "");
  let answered = 0;
  for (let round = 0; round < 300; round++) {
    const lines = Array.from({ length: below(40) }, () => `line ${below(4)}`);
    const before = text(lines);
    const hunks = hunksOf(before, text(edited(lines, 1 + below(3))), 1 + below(3));
    // Half of the time the file is not quite the one that the diff was made of.
    const content = below(2) === 0 ? before : text(edited(lines, 1));
    const patched = hunks.length > 0 ? ours(content, hunks) : undefined;
    if (patched === undefined) continue;
    answered++;
    expect(patched, JSON.stringify({ content, hunks })).toBe(byPatch(content, hunks));
  }
  expect(answered).toBeGreaterThan(50);
});

const twelve = Array.from({ length: 12 }, (_, index) => `int line${index + 1};\n`).join("");
const fix = hunksOf(twelve, twelve.replace("line6;", "line6 = 6;"), 3);

test("applyExactHunks() answers where every hunk lies as it says, whatever bytes the lines hold", () => {
  expect(ours(twelve, fix)).toBe(twelve.replace("line6;", "line6 = 6;"));
  const bytes = Buffer.from(twelve.replace("line12", "line\xe9"), "latin1");
  expect(Buffer.from(applyExactHunks(bytes, fix) ?? []).toString("latin1")).toBe(bytes.toString("latin1").replace("line6;", "line6 = 6;"));
});

test("applyExactHunks() leaves to patch(1) what has to be searched for, what does not fit, and ends of files without a line feed", () => {
  expect(ours(`int first;\n${twelve}`, fix)).toBeUndefined();
  expect(ours(twelve.replace("line4", "row4"), fix)).toBeUndefined();
  expect(ours(twelve.slice(0, -40), fix)).toBeUndefined();
  const last = hunksOf(twelve, twelve.replace("line12;\n", "line12;"), 3);
  expect(ours(twelve, last)).toBeUndefined();
});
