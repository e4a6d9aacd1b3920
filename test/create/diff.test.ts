import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { applyDiffs } from "../../native/create/apply-diff.ts";
import { decodeText, encodeText } from "../../native/create/byte-text.ts";
import { parseDiff } from "../../native/create/diff.ts";
import { createShadowTree } from "../../native/create/source-tree.ts";
import type { SourceDiff } from "../../native/create/types.ts";
import { openSourceTree } from "./source-tree.ts";
import type { Files, SourceTree } from "./source-tree.ts";

const lines = (count: number): string => Array.from({ length: count }, (_, index) => `int line${index + 1};\n`).join("");
const source = lines(12);
const changed = source.replace("line6;", "line6 = 6;");

async function apply(tree: SourceTree, ...diffs: readonly SourceDiff[]) {
  await using shadow = createShadowTree(tree.root);
  const applied = await applyDiffs(shadow, diffs);
  const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("latin1");
  return { ...applied, files: new Map(applied.touched.map(({ path, patched }) => [path, text(patched)])) };
}

async function refusal(tree: SourceTree, diff: SourceDiff) {
  const before = tree.contents();
  const error: unknown = await apply(tree, diff).then(() => undefined, (failure: unknown) => failure);
  expect(tree.contents()).toEqual(before);
  return error;
}

const hunk = (file: string, other = file): string => `--- ${file}\n+++ ${other}\n@@ -1 +1 @@\n-old\n+new\n`;
const textDiff = (text: string): SourceDiff => ({ name: "fix", text });

test("parseDiff() reads plain, git, Index and mailed diffs alike", () => {
  const mailed = "From: a\nSubject: b\n\n---\n x.c | 2 +-\n\ndiff --git a/x.c b/x.c\nindex 1..2 100644\n" + hunk("a/x.c", "b/x.c") + "-- \n2.39.5\n\n";
  const plain = `Only in b: y\n${hunk("redis.orig/x.c\t2020-01-01 00:00:00.0 +0000", "redis/x.c\t2020-01-01 00:00:00.0 +0000")}`;
  for (const text of [mailed, plain, `Index: a/x.c\n${"=".repeat(67)}\n${hunk("a/x.c")}`, hunk("a/x.c").replaceAll("\n", "\r\n")]) {
    expect(parseDiff(textDiff(text))).toMatchObject([{ act: "change", candidates: ["x.c"], hunks: [{ lines: ["-old", "+new"] }] }]);
  }
});

test("parseDiff() keeps a removed line that looks like the end of a mail", () => {
  const text = "--- a/x.c\n+++ b/x.c\n@@ -1,2 +1 @@\n int a;\n-- \n";
  expect(parseDiff(textDiff(text))[0]?.hunks[0]?.lines).toEqual([" int a;", "-- "]);
});

test("parseDiff() tells new, deleted and renamed files", () => {
  const text = "--- /dev/null\n+++ b/new.c\n@@ -0,0 +1 @@\n+x\n"
    + "--- a/old.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    + "diff --git a/from.c b/to.c\nsimilarity index 100%\nrename from from.c\nrename to to.c\n";
  expect(parseDiff(textDiff(text)).map(({ act, candidates, destination }) => [act, candidates[0], destination]))
    .toEqual([["create", "new.c", undefined], ["delete", "old.c", undefined], ["rename", "from.c", "to.c"]]);
});

test.each([
  ["a/../../etc/passwd.c"], ["a/src/../../x.c"], ["/etc/x.c"], ["a//../x.c"], ['"a/..\\057x.c"'],
])("parseDiff() refuses %s before anything is opened", (path) => {
  expect(() => parseDiff(textDiff(hunk(path)))).toThrow(expect.objectContaining({ kind: "diff-does-not-apply", message: expect.stringContaining("out of the source tree") }));
});

test.each([["", "no unified diff"], ["hello\n", "no unified diff"], ["--- a/x.c\n+++ b/x.c\n@@ -1,5 +1 @@\n-a\n", "malformed"], [hunk("x.c"), "no leading directory"]])(
  "parseDiff() says what is wrong with %j", (text, found) => {
    expect(() => parseDiff(textDiff(text))).toThrow(found);
  });

test("applyDiffs() applies several diffs in order, one on top of the other", async () => {
  using tree = openSourceTree({ "src/a.c": source });
  const first = tree.diff("first", { "src/a.c": changed });
  const second = { name: "second", text: first.text.replaceAll("line6 = 6", "line6 = 66").replace("-int line6;", "-int line6 = 6;") };
  const { files } = await apply(tree, first, second);
  expect(files).toEqual(new Map([["src/a.c", source.replace("line6;", "line6 = 66;")]]));
});

test("applyDiffs() accepts an offset silently and fuzz with a note", async () => {
  using tree = openSourceTree({ "a.c": source });
  const diff = tree.diff("fix", { "a.c": changed });
  tree.write({ "a.c": `int first;\n${source}` });
  expect(await apply(tree, diff)).toMatchObject({ notes: [], files: new Map([["a.c", `int first;\n${changed}`]]) });
  tree.write({ "a.c": source.replace("line3", "line_three") });
  expect((await apply(tree, diff)).notes).toEqual([expect.stringMatching(/^fix fits a\.c only with fuzz: Hunk #1 succeeded at 3 with fuzz 1/)]);
});

test("applyDiffs() names the file and the hunk that do not fit", async () => {
  using tree = openSourceTree({ "a.c": source });
  const diff = tree.diff("fix", { "a.c": changed });
  tree.write({ "a.c": source.replaceAll("line", "row") });
  expect(await refusal(tree, diff)).toMatchObject({
    kind: "diff-does-not-apply", message: "Cannot apply fix to a.c: hunk 1 of 1, at line 3, does not fit; nothing was changed", data: { file: "a.c", hunk: 1 },
  });
});

test("applyDiffs() says that a diff is applied already", async () => {
  using tree = openSourceTree({ "a.c": source });
  const diff = tree.diff("fix", { "a.c": changed });
  tree.write({ "a.c": changed });
  expect(await refusal(tree, diff)).toMatchObject({ kind: "diff-does-not-apply", message: expect.stringContaining("applied already") });
});

test("applyDiffs() creates, deletes and renames", async () => {
  using tree = openSourceTree({ "old.c": "int old;\n", "from.h": "int from;\n" });
  const diff = tree.diff("fix", { "new/file.c": "int fresh;\n", "old.c": null });
  const rename = textDiff("diff --git a/from.h b/to.h\nsimilarity index 100%\nrename from from.h\nrename to to.h\n");
  const { files } = await apply(tree, diff, rename);
  expect(files).toEqual(new Map<string, string | undefined>([["new/file.c", "int fresh;\n"], ["old.c", undefined], ["to.h", "int from;\n"], ["from.h", undefined]]));
});

test("applyDiffs() leaves out missing or unfit files that are no source, and names them; a missing source is refused", async () => {
  using tree = openSourceTree({ "a.c": source, "CHANGES": "different\n" });
  const rest = hunk("a/tests/a.tcl") + hunk("a/CHANGES");
  const { files, notes, leftOut } = await apply(tree, textDiff(tree.diff("fix", { "a.c": changed }).text + rest));
  expect([...files.keys()]).toEqual(["a.c"]);
  expect(notes).toEqual([]);
  expect(leftOut).toEqual(["tests/a.tcl", "CHANGES"]);
  expect(await refusal(tree, textDiff(hunk("a/gone.c")))).toMatchObject({ kind: "diff-does-not-apply", message: expect.stringContaining("to gone.c: the source tree") });
});

test("applyDiffs() follows a link within the tree and refuses one that leaves it", async () => {
  using tree = openSourceTree({ "real/a.c": source });
  symlinkSync("real", join(tree.root, "linked"));
  mkdirSync(join(tree.directory, "beside"));
  symlinkSync("../beside", join(tree.root, "outside"));
  const diff = tree.diff("fix", { "real/a.c": changed });
  const { files } = await apply(tree, textDiff(diff.text.replaceAll("real/", "linked/")));
  expect(files).toEqual(new Map([["real/a.c", changed]]));
  const escaping = textDiff("--- /dev/null\n+++ b/outside/new.c\n@@ -0,0 +1 @@\n+x\n");
  expect(await refusal(tree, escaping)).toMatchObject({ kind: "diff-does-not-apply", message: expect.stringContaining("out of the source tree") });
});

test("applyDiffs() keeps bytes that are no UTF-8, carriage returns, and a missing last line break", async () => {
  const files: Files = { "latin.c": "/* caf\xe9 */\nint a;\n", "dos.c": "int a;\r\nint b;\r\n", "odd name-$x.c": "int a;\nint b;" };
  using tree = openSourceTree(files);
  const wanted = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, text.replace("int a", "int  a")]));
  expect(Object.fromEntries((await apply(tree, tree.diff("fix", wanted))).files)).toEqual(wanted);
});

test("decodeText() and encodeText() give back every byte", () => {
  for (const bytes of [Buffer.from([0x61, 0xe9, 0x0a, 0xc3, 0xa9, 0x0a, 0xff]), Buffer.from("\ufeffü€😀"), Buffer.alloc(0)]) {
    expect(Buffer.from(encodeText(decodeText(bytes)))).toEqual(bytes);
  }
});
