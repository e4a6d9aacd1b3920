// Compilers and their options: one program of many situations, compiled in each of these ways, patched and reverted while
// it runs. A way that cannot be made right is refused, and the message is compared.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Tracer } from "../../native/tracer.ts";
import { lifted, refused } from "../support/mod.ts";
import type { Beside, CompileOptions } from "../support/mod.ts";
import { asking, buildTree, patchTree } from "./live-tree.ts";
import { buildFix, compileSituations, patchSituations, readSituations } from "./many-situations.ts";
import type { Situations } from "./many-situations.ts";
import { openSourceTree } from "./source-tree.ts";

let tracer: Tracer;
let situations: Situations;
beforeAll(async () => {
  tracer = await Tracer.start();
  situations = await readSituations();
});
afterAll(() => tracer[Symbol.asyncDispose]());

interface Way extends CompileOptions {
  readonly title: string;
}

const gcc = (title: string, flags: string, link = ""): Way => ({ title, flags: words(`-g ${flags}`), link: words(link) });
const clang = (title: string, flags: string, link = ""): Way => ({ ...gcc(title, flags, link), compiler: "clang" });
const words = (text: string): readonly string[] => text.split(" ").filter(Boolean);

const ways: readonly Way[] = [
  gcc(lifted("X23", "gcc -O0"), "-O0"),
  gcc(lifted("X23", "gcc -O1"), "-O1"),
  gcc(lifted("X23", "gcc -O2"), "-O2"),
  gcc(lifted("X23", "gcc -O3"), "-O3"),
  gcc(lifted("X23", "gcc -Os"), "-Os"),
  gcc(lifted("X23", "-g3"), "-O2 -g3"),
  gcc(lifted("X23", "-gdwarf-4"), "-O2 -gdwarf-4"),
  gcc(lifted("X23", "-gdwarf-4 -fdebug-types-section"), "-O2 -gdwarf-4 -fdebug-types-section"),
  gcc(lifted("X23", "-fdebug-types-section"), "-O2 -fdebug-types-section"),
  gcc(lifted("X23", "-gsplit-dwarf: debug information in files of its own (.dwo)"), "-O2 -gsplit-dwarf"),
  gcc(lifted("X23", "-gsplit-dwarf -gdwarf-4"), "-O2 -gdwarf-4 -gsplit-dwarf"),
  gcc(lifted("X23", "-gz: compressed debug sections"), "-O2 -gz", "-gz"),
  gcc(lifted("X23", "-fno-pie, linked to one place"), "-O2 -fno-pie", "-no-pie"),
  gcc(lifted("X23", "-fPIC code in a program"), "-O2 -fPIC"),
  gcc(lifted("X23", "-fPIC code linked to one place"), "-O2 -fPIC", "-no-pie"),
  gcc(lifted("X23", "-fno-plt"), "-O2 -fPIE -fno-plt"),
  gcc(lifted("X23", "a static program"), "-O2 -fno-pie -DSTATIC_PROGRAM", "-static"),
  gcc(lifted("X23", "a static position-independent program"), "-O2 -fPIE -DSTATIC_PROGRAM", "-static-pie"),
  gcc(lifted("X23", "-mcmodel=medium"), "-O2 -fno-pie -mcmodel=medium", "-no-pie"),
  gcc(lifted("X23", "-mcmodel=large"), "-O2 -fno-pie -mcmodel=large", "-no-pie"),
  gcc(lifted("X23", "-mcmodel=medium -fPIC"), "-O2 -fPIC -mcmodel=medium"),
  gcc(lifted("X23", "-flto -ffat-lto-objects, linked without it"), "-O2 -flto -ffat-lto-objects", "-fno-lto"),
  gcc(lifted("X23", "-fcf-protection"), "-O2 -fcf-protection=full", "-Wl,-z,ibtplt"),
  gcc(lifted("X23", "-fstack-protector-strong and -D_FORTIFY_SOURCE=2"), "-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2"),
  gcc(lifted("X23", "-fpatchable-function-entry: room at the entry"), "-O2 -fpatchable-function-entry=5"),
  gcc(lifted("X23", "-fpatchable-function-entry: room before and at the entry"), "-O2 -fpatchable-function-entry=16,8"),
  gcc(lifted("X23", "-pg"), "-O2 -pg", "-pg"),
  gcc(lifted("X23", "-pg -mfentry"), "-O2 -pg -mfentry", "-pg"),
  gcc(lifted("X23", "-finstrument-functions"), "-O2 -finstrument-functions"),
  gcc(lifted("X23", "-fno-omit-frame-pointer"), "-O2 -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer"),
  gcc(lifted("X23", "-ffunction-sections -fdata-sections in the original build, unused code dropped"), "-O2 -ffunction-sections -fdata-sections", "-Wl,--gc-sections"),
  gcc(lifted("X23", "-fno-semantic-interposition -fvisibility=hidden"), "-O2 -fPIC -fno-semantic-interposition -fvisibility=hidden"),
  gcc(lifted("X23", "-mno-red-zone"), "-O2 -mno-red-zone"),
  gcc(lifted("X23", "-falign-functions=1: entries without room between them"), "-O1 -falign-functions=1"),
  gcc(lifted("X23", "-fcommon"), "-O2 -fcommon"),
  gcc(lifted("X23", "-fno-merge-constants"), "-O2 -fno-merge-constants"),
  gcc(lifted("X23", "-fno-jump-tables -fno-reorder-functions"), "-O2 -fno-jump-tables -fno-reorder-functions"),
  gcc(lifted("X23", "-fno-asynchronous-unwind-tables"), "-O2 -fno-asynchronous-unwind-tables"),
  gcc(lifted("X13", "general and local dynamic accesses in a program, which the linker rewrites"), "-O2 -fPIC -ftls-model=local-dynamic"),
  gcc(lifted("X13", "general dynamic accesses without stubs"), "-O2 -fPIC -fno-plt"),
  gcc(lifted("X13", "thread descriptors in a program"), "-O2 -fPIC -mtls-dialect=gnu2"),
  gcc(lifted("X13", "initial-exec accesses in a program"), "-O2 -fPIC -ftls-model=initial-exec"),
  gcc(lifted("X13", "the thread-local variables of a static program"), "-O2 -fPIC -DSTATIC_PROGRAM", "-static"),
  gcc(lifted("X17", "-mavx2 -mfma: vector code throughout"), "-O3 -mavx2 -mfma"),
  gcc(lifted("X23", "-mindirect-branch=thunk -mfunction-return=thunk"), "-O2 -mindirect-branch=thunk -mfunction-return=thunk -fcf-protection=none"),
  gcc(lifted("X23", "debug sections compressed by zstd in the objects"), "-O2 -Wa,--compress-debug-sections=zstd"),
  gcc(lifted("X23", "linked by lld"), "-O2", "-fuse-ld=lld"),
  gcc(lifted("X23", "linked by gold"), "-O2", "-fuse-ld=gold"),
  clang(lifted("X21", "clang -O0"), "-O0"),
  clang(lifted("X21", "clang -O1"), "-O1"),
  clang(lifted("X21", "clang -O2"), "-O2"),
  clang(lifted("X21", "clang -O3"), "-O3"),
  clang(lifted("X21", "clang -Os"), "-Os"),
  clang(lifted("X21", "clang -fno-pie"), "-O2 -fno-pie", "-no-pie"),
  clang(lifted("X21", "clang -fPIC"), "-O2 -fPIC"),
  clang(lifted("X21", "clang, a static program"), "-O2 -fno-pie -DSTATIC_PROGRAM", "-static"),
  clang(lifted("X21", "clang -gdwarf-4 -fcf-protection -fstack-protector-strong"), "-O2 -gdwarf-4 -fcf-protection=full -fstack-protector-strong"),
  clang(lifted("X21", "clang -mcmodel=large -fno-pie"), "-O2 -fno-pie -mcmodel=large", "-no-pie"),
  clang(lifted("X21", "clang -mcmodel=medium -fno-pie"), "-O2 -fno-pie -mcmodel=medium", "-no-pie"),
  clang(lifted("X21", "clang -gsplit-dwarf"), "-O2 -gsplit-dwarf"),
  clang(lifted("X21", "clang -fdebug-types-section"), "-O2 -fdebug-types-section"),
  clang(lifted("X21", "clang -ffunction-sections -fdata-sections -fno-plt -fvisibility=hidden, unused code dropped"), "-O2 -fPIC -ffunction-sections -fdata-sections -fno-plt -fvisibility=hidden", "-Wl,--gc-sections"),
  clang(lifted("X21", "clang, linked by lld"), "-O2", "-fuse-ld=lld"),
  clang(lifted("X21", "clang -fno-integrated-as"), "-O2 -fno-integrated-as"),
];

describe("createPatchImage() makes a patch of all situations, which is applied and reverted", () => {
  test.each(ways)("$title", async (way) => {
    const compiled = await compileSituations(way);
    const created = await buildFix(tracer, situations, compiled);
    expect(created.manifest.objects[0]?.functions.map(({ name }) => name)).not.toContain("unchanged_with_line");
    const { answers, expected } = await patchSituations(tracer, situations, compiled, created);
    expect(answers).toEqual(expected);
  });
});

/** A unit that differs in `LIMIT`, built with these flags, and the patch for it. */
const patchOfUnit = (flags: string, link: string, compiler = "gcc", meddle: (directory: string) => void = () => undefined, sides?: readonly [string, string]) => async (beside: Beside): Promise<unknown> => {
  const unit = (limit: number): string => `extern int rest(int n);\nint answer(int n) { return rest(n) > ${limit} ? 1 : n; }\n`;
  using tree = openSourceTree({ "main.c": asking, "a.c": sides?.[0] ?? unit(10), "b.c": "int rest(int n) { return n * n; }\n" });
  const program = await buildTree(tree, ["main.c", "a.c", "b.c"].map((file) => ({ file, flags: words(flags), compiler })), words(link), compiler);
  meddle(tree.directory);
  return await beside(program, () => patchTree(tracer, { tree, program }, [tree.diff("fix", { "a.c": sides?.[1] ?? unit(20) })]));
};

refused("X23", "gcc -flto", "Cannot build a patch from a.c: link-time optimisation (-flto) made the code that runs from all units at once, and compiling this one alone does not give it again; build the program with -fno-lto",
  patchOfUnit("-g -O2 -flto", "-flto -O2"));
refused("X23", "gcc -flto -ffat-lto-objects", "nor does the code that -ffat-lto-objects puts beside, which was not linked; build the program with -fno-lto", patchOfUnit("-g -O2 -flto -ffat-lto-objects", "-flto -O2"));
refused("X23", "clang -flto", "link-time optimisation (-flto) made the code that runs", patchOfUnit("-g -O2 -flto", "-flto -fuse-ld=lld", "clang"));
refused("X23", "clang -flto=thin", "link-time optimisation (-flto) made the code that runs", patchOfUnit("-g -O2 -flto=thin", "-flto=thin -fuse-ld=lld", "clang"));
refused("X23", "-mcmodel=large -fPIC", "function answer is position-independent code of the large model (R_X86_64_GOTPC64), which is not supported; build the program with -mcmodel=medium, or without -fPIC",
  patchOfUnit("-g -O2 -fPIC -mcmodel=large", ""));
const differsInString = (word: string): string => `static int table[4] = { 1, 2 };\nint answer(int n) { table[n & 3]++; return "${word}"[n & 3] + table[n & 3]; }\n`;
const instrumented = (flag: string, compiler?: string) => patchOfUnit(`-g -O2 ${flag}`, flag, compiler, () => undefined, [differsInString("word"), differsInString("other words")]);
refused("X23", "-fsanitize=address, of a unit with variables and strings", "tells AddressSanitizer of the unit's variables and strings, and it has been told; build the program without -fsanitize=address", instrumented("-fsanitize=address"));
refused("X23", "--coverage", "holds counters of a program that is measured; build it without --coverage, -fprofile-generate or -fprofile-instr-generate", instrumented("--coverage"));
refused("X23", "clang -fprofile-instr-generate", "section __llvm_prf_cnts holds counters of a program that is measured", instrumented("-fprofile-instr-generate", "clang"));
refused("X23", "-gsplit-dwarf, without the files that hold the debug information", "it refers to .dwo files, which are not where it was linked; put those of the build back", patchOfUnit("-g -O2 -gsplit-dwarf", "", "clang", (directory) => {
  for (const name of readdirSync(directory)) if (name.endsWith(".dwo")) rmSync(join(directory, name));
}));
