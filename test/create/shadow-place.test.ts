import { existsSync, mkdirSync, readdirSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";

import { expect, test } from "vitest";

import { createShadowTree } from "../../native/create/source-tree.ts";
import { openSourceTree } from "./source-tree.ts";

const names = ["TMPDIR", "TMP", "TEMP"];

async function withEnvironment(set: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> {
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) delete process.env[name];
  Object.assign(process.env, set);
  try {
    await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

const tmpfs = 0x01021994;
const hasSharedMemory = existsSync("/dev/shm") && statfsSync("/dev/shm").type === tmpfs;

test("createShadowTree() lays its links into memory where nothing names a directory, and leaves nothing there", async () => {
  using tree = openSourceTree({ "src/a.c": "int a;\n" });
  await withEnvironment({}, async () => {
    const { shadow, scratch } = await (async () => {
      await using made = createShadowTree(tree.root);
      expect(dirname(dirname(made.shadow))).toBe(hasSharedMemory ? "/dev/shm" : "/tmp");
      expect(dirname(made.scratch)).toBe("/tmp");
      expect(readdirSync(made.shadow)).toEqual(["src"]);
      return made;
    })();
    expect([dirname(shadow), scratch].map(existsSync)).toEqual([false, false]);
  });
});

test("createShadowTree() lays all of it where TMPDIR says", async () => {
  using tree = openSourceTree({ "src/a.c": "int a;\n" });
  const place = join(tree.directory, "place");
  mkdirSync(place);
  await withEnvironment({ TMPDIR: place }, async () => {
    await using made = createShadowTree(tree.root);
    expect([dirname(dirname(made.shadow)), dirname(made.scratch)]).toEqual([place, place]);
  });
  expect(readdirSync(place)).toEqual([]);
});
