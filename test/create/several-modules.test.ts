// One diff that changes a program, a library that it is linked to and one that it has loaded by hand: one patch, switched in one stop.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { lifted } from "../support/mod.ts";
import { answersAround, asking, patchTree } from "./live-tree.ts";
import { openSourceTree } from "./source-tree.ts";
import type { SourceTree } from "./source-tree.ts";

let tracer: Tracer;
beforeAll(async () => { tracer = await Tracer.start(); });
afterAll(() => tracer[Symbol.asyncDispose]());

const hidden = "static __attribute__((noinline))";
const files = {
  "main.c": asking,
  "shop.c": `#include <dlfcn.h>
extern int visits;
int stock(int n);
static int (*price)(int);
${hidden} int help(int n) { static int calls; return n + ++calls + 10 * ++visits; }
int answer(int n) {
  if (!price) price = dlsym(dlopen(PLUGIN, RTLD_NOW), "price");
  int helped = help(n), stocked = stock(n);
  return helped + stocked * 3 + price(n) * 7;
}
`,
  "store.c": `int visits = 5;\n${hidden} int help(int n) { static int calls = 50; return n + 1 + ++calls + 10 * ++visits; }\nint stock(int n) { return help(n); }\n`,
  "plugin.c": `extern int visits;\nint stock(int n);\n${hidden} int help(int n) { static int calls = 7; return n + 2 + ++calls + 10 * ++visits; }\nint price(int n) { int helped = help(n); return helped + stock(n); }\n`,
};
const after = (name: keyof typeof files, from: string, to: string): string => files[name].replace(from, to);
const changed = {
  "shop.c": after("shop.c", "return n + ++", "return n + 100 + ++"),
  "store.c": after("store.c", "return n + 1 + ++", "return n + 300 + ++"),
  "plugin.c": after("plugin.c", "return n + 2 + ++", "return n + 700 + ++"),
};

/** What is answered before, with and after a patch of these modules, where every variable is there once. */
function modelled(...modules: readonly (keyof typeof files)[]): readonly (readonly [string])[] {
  const state = { shop: 0, store: 50, plugin: 7, visits: 5 };
  const either = (isPatched: boolean, module: keyof typeof files, old: number, fixed: number): number => (isPatched && modules.includes(module) ? fixed : old);
  return [false, true, false].map((isPatched) => {
    const help = 1 + either(isPatched, "shop.c", 0, 100) + ++state.shop + 10 * ++state.visits;
    const stock = (): number => 1 + either(isPatched, "store.c", 1, 300) + ++state.store + 10 * ++state.visits;
    const stocked = stock();
    const price = 1 + either(isPatched, "plugin.c", 2, 700) + ++state.plugin + 10 * ++state.visits;
    return [String(help + stocked * 3 + (price + stock()) * 7)];
  });
}

interface Modules {
  readonly program: string;
  readonly library: string;
  readonly plugin: string;
}

function buildModules(tree: SourceTree): Modules {
  const at = (name: string): string => join(tree.directory, name);
  const modules = { program: at("shop"), library: at("libstore.so"), plugin: at("plugin.so") };
  const compile = (file: string, ...flags: string[]) => ({ directory: tree.root, file, arguments: ["gcc", "-g", "-O2", ...flags, "-c", file, "-o", at(`${file}.o`)] });
  const commands = [compile("main.c"), compile("shop.c", `-DPLUGIN="${modules.plugin}"`), compile("store.c", "-fPIC"), compile("plugin.c", "-fPIC")];
  for (const { arguments: [compiler = "", ...words] } of commands) execFileSync(compiler, words, { cwd: tree.root });
  const link = (...words: readonly string[]): unknown => execFileSync("gcc", ["-Wl,--build-id", ...words]);
  link("-shared", at("store.c.o"), "-o", modules.library);
  link("-shared", at("plugin.c.o"), "-o", modules.plugin);
  link(at("main.c.o"), at("shop.c.o"), modules.library, `-Wl,-rpath,${tree.directory}`, "-o", modules.program);
  tree.write({ "compile_commands.json": JSON.stringify(commands) });
  return modules;
}

async function patched(targetsOf: (modules: Modules) => readonly string[], changes: Partial<typeof changed> = changed) {
  using tree = openSourceTree(files);
  const modules = buildModules(tree);
  const [first = "", ...moreTargets] = targetsOf(modules);
  const { image, manifest, notes } = await patchTree(tracer, { tree, program: first, options: { moreTargets } }, [tree.diff("fix", changes)]);
  return { answers: await answersAround(tracer, modules.program, image), functions: manifest.objects.map(({ module, functions }) => `${module.name}: ${functions.map(({ name }) => name).join()}`), notes };
}

describe("createPatchImage() for several modules", () => {
  test(lifted("X2", "one diff for a program and two libraries of it: one patch, one stop"), async () => {
    expect(await patched(({ program, library, plugin }) => [program, library, plugin])).toMatchObject({
      answers: modelled("shop.c", "store.c", "plugin.c"), functions: ["shop: help", "libstore.so: help", "plugin.so: help"], notes: [],
    });
  });

  test(lifted("X8", "one name in a program and its libraries: statics of functions, and a library's variable that the program has a copy of, which all of them use"), async () => {
    using tree = openSourceTree(files);
    expect(execFileSync("readelf", ["-rW", buildModules(tree).program], { encoding: "utf8" })).toMatch(/R_X86_64_COPY .* visits/);
    expect(await patched(({ program, library, plugin }) => [program, library, plugin])).toMatchObject({ answers: modelled("shop.c", "store.c", "plugin.c") });
  });

  test("says once what no part of any of them is", async () => {
    expect(await patched(({ program, library }) => [program, library])).toMatchObject({
      functions: ["shop: help", "libstore.so: help"], notes: ["Left out, being no part of any of them: plugin.c"],
    });
  });

  test(lifted("X6", "a library that the program is linked to"), async () => {
    expect(await patched(({ library }) => [library])).toMatchObject({ answers: modelled("store.c"), functions: ["libstore.so: help"], notes: ["Left out, being no part of libstore.so: shop.c, plugin.c"] });
  });

  test(lifted("X6", "a library that was loaded by dlopen"), async () => {
    expect(await patched(({ plugin }) => [plugin])).toMatchObject({ answers: modelled("plugin.c"), functions: ["plugin.so: help"] });
  });

  test("leaves out a module that the diff does not change, and says so; where it changes none, there is nothing to patch", async () => {
    const inPlugin = { "plugin.c": changed["plugin.c"] };
    const { functions, notes } = await patched(({ program, plugin }) => [program, plugin], inPlugin);
    expect({ functions, notes }).toEqual({ functions: ["plugin.so: help"], notes: ["Cannot build a patch for shop: none of what the diff touches is part of it (plugin.c)"] });
    await expect(patched(({ program, library }) => [program, library], inPlugin)).rejects.toMatchObject({ kind: "nothing-to-patch", message: expect.stringContaining("for shop") });
  });
});
