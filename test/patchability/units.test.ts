import { expect, test } from "vitest";
import { unitsNamed } from "../../native/patchability/mod.ts";
import type { DebugUnit } from "../../native/tracer.ts";

const unit = (name: string, directory: string): DebugUnit => ({ name, directory, producer: "", language: 29, files: [] });

const units = [unit("sds.c", "/build/server/src"), unit("sds.c", "/build/server/deps/client"), unit("../lib/list.c", "/build/server/src")];

test.each<readonly [string, string | undefined, readonly number[]]>([
  ["sds.c", "/build/server/src", [0]],                  // as the compiler was called
  ["/build/server/deps/client/sds.c", undefined, [1]],  // by its path
  ["src/sds.c", "/build/server", [0]],                  // spelled from elsewhere
  ["sds.c", "/home/me/server/deps/client", [1]],        // the build mapped its directory to another
  ["sds.c", undefined, [0, 1]],
  ["client/sds.c", undefined, [1]],                     // the end of a path
  ["lib/list.c", undefined, [2]],
  ["ist.c", undefined, []],
])("unitsNamed() finds %s in %s", (name, directory, expected) => {
  expect(unitsNamed(units, name, directory)).toEqual(expected.map((index) => units[index]));
});
