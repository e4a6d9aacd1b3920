// A diff that changes what live data mean is refused, with what changed and who would meet it; or built on the author's word.

import { afterAll, beforeAll, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { leftAlone, lifted, refused } from "../support/mod.ts";
import type { Beside } from "../support/mod.ts";
import { answersAround, asking, buildTree, patchTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const unit = (members: string, use: string, more = ""): string => `
#include <stdlib.h>
struct client { ${members} };
static struct client *first;
${more}
int count(struct client *c);
__attribute__((noinline)) int count(struct client *c) { return ++c->calls; }
int answer(int n) {
  if (!first) first = calloc(1, sizeof *first);
  ${use}
  return count(first) * 100 + n;
}
`;
const before = unit("int id; long calls;", "first->id = n;");
const after = unit("int id; long since; long calls;", "first->id = n; first->since = n;");

/** Builds for a live process. */
async function attempt(beside: Beside, patched: string, original = before, options: { readonly allowedLayouts?: readonly string[] } = {}, flags = ["-g", "-O2"]): Promise<unknown> {
  using tree = openSourceTree({ "main.c": asking, "a.c": original });
  const program = await buildTree(tree, [{ file: "main.c" }, { file: "a.c", flags }]);
  return await beside(program, () => patchTree(tracer, { tree, program, options }, [tree.diff("fix", { "a.c": patched })]));
}

const colors = (names: string): string => unit("int id; long calls;", "first->id = GREEN; color = GREEN;", `enum color { ${names} }; static enum color color;`);

refused("X11", "a member put into a structure", "struct client gets a member since at offset 8, which moves calls from 8 to 16, and the running program holds objects of the old layout and meets them in answer, count", (beside) => attempt(beside, after));
refused("X11", "a member put into a structure that no debug information of the program describes, or another file's (-g1, -gsplit-dwarf)", "which moves calls from 8 to 16", (beside) => attempt(beside, after, before, {}, ["-g1", "-gsplit-dwarf", "-O2"]));
refused("X11", "a member put behind the others", "struct client gets a member since at offset 16, which makes it 24 bytes long instead of 16", (beside) => attempt(beside, unit("int id; long calls; long since;", "first->id = n; first->since = n;")));
refused("X11", "a member put into padding", "struct client gets a member since at offset 4,", (beside) => attempt(beside, unit("int id; int since; long calls;", "first->id = n; first->since = n;")));
refused("X11", "a member moved", "struct client has calls at offset 0 instead of 8", (beside) => attempt(beside, unit("long calls; int id;", "first->id = n;")));
refused("X11", "a member taken away", "struct client loses", (beside) => attempt(beside, unit("long calls;", "first->calls = n;")));
refused("X11", "a member of another size", "struct client has a member id of 2 bytes instead of 4 bytes", (beside) => attempt(beside, unit("short id; long calls;", "first->id = n;")));
refused("X11", "a member of another type of the same size", "struct client has a member calls", (beside) => attempt(beside, unit("int id; double calls;", "first->id = n;")));
refused("X11", "an array of another length in a structure", "struct client has a member names of 20 bytes instead of 16 bytes",
  (beside) => attempt(beside, unit("int id; long calls; char names[20];", "first->id = n;"), unit("int id; long calls; char names[16];", "first->id = n;")));
refused("X11", "a bit-field of another width", "struct client has a member flags of 3 bits instead of 2 bits",
  (beside) => attempt(beside, unit("int id; unsigned flags : 3; long calls;", "first->id = n;"), unit("int id; unsigned flags : 2; long calls;", "first->id = n;")));
refused("X11", "an enumeration of which a stored number would mean something else", "enum color has GREEN as 2 instead of 1", (beside) => attempt(beside, colors("RED, BLUE, GREEN"), colors("RED, GREEN")));

test("a changed structure is refused with all of its data and the way out, and no other structure's permission helps", async () => {
  await expect(attempt(leftAlone, after, before, { allowedLayouts: ["struct server"] })).rejects.toMatchObject({
    kind: "not-patchable",
    message: expect.stringMatching(/; keep the layout and put new data beside it in a shadow variable, or say --allow-layout "struct client" if no old object can meet the new code$/),
    data: { structure: "struct client", member: "since", functions: ["answer", "count"], changes: [{ structure: "struct client", member: "since", after: 8 }] },
  });
});

test(lifted("X11", "a changed structure of which the author says that no old object meets the new code (--allow-layout)"), async () => {
  const local = (members: string, sum: string): string => `struct scratch { ${members} };\n__attribute__((noinline)) int use(volatile struct scratch *s) { return ${sum}; }\nint answer(int n) {\n  volatile struct scratch s = { n, n };\n  return use(&s) * 10;\n}\n`;
  using tree = openSourceTree({ "main.c": asking, "a.c": local("int a, b;", "s->a + s->b") });
  const program = await buildTree(tree, [{ file: "main.c" }, { file: "a.c" }]);
  const diff = tree.diff("fix", { "a.c": local("long a, b;", "s->a + s->b * 3") });
  const { manifest, image } = await patchTree(tracer, { tree, program, options: { allowedLayouts: ["struct scratch"] } }, [diff]);
  expect(manifest.build?.allowedLayouts).toEqual(["struct scratch"]);
  expect(await answersAround(tracer, program, image, [1])).toEqual([["20"], ["40"], ["20"]]);
});
