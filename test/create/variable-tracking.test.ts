import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { $ } from "zx";
import { parseArguments } from "../../native/create/compiler-arguments.ts";
import { withoutVariableTracking } from "../../native/create/variable-tracking.ts";
import { readElf, sectionFlag, sectionNamed, type ElfFile } from "../../native/elf/mod.ts";

const targets = fileURLToPath(new URL("../targets/", import.meta.url));
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "suture-tracking-"));
});
afterAll(() => rm(directory, { recursive: true }));

const leftOutBy = (said: string, ...words: readonly string[]): readonly string[] =>
  withoutVariableTracking({ compiler: "gcc", directory: "/", arguments: [], recorded: parseArguments(words), spelled: "unit.c" }, said);
const leftOut = (...words: readonly string[]): readonly string[] => leftOutBy("", ...words);

async function compile(compiler: string, source: string, flags: readonly string[]): Promise<ElfFile> {
  const output = join(directory, "unit.o");
  await $({ quiet: true })`${compiler} -g -ffunction-sections -fdata-sections ${flags} -c ${join(targets, source)} -o ${output}`;
  return readElf(await readFile(output));
}

/** Everything that is loaded, and what it refers to. Symbols are counted anew with each object; names stay. */
const loaded = ({ sections }: ElfFile): readonly unknown[] => sections
  .filter(({ flags }) => (flags & sectionFlag.alloc) !== 0)
  .map(({ name, flags, bytes, relocations }) => [name, flags, Buffer.from(bytes).toString("hex"), relocations.map(({ offset, type, symbol, addend }) => [offset, type, symbol.name, addend])]);

describe("withoutVariableTracking()", () => {
  it("is for what optimises", () => {
    for (const words of [["-O2"], ["-O"], ["-Os", "-g"], ["-O0", "-O3"], ["-Ofast"]]) expect(leftOut(...words)).toEqual(["-fno-var-tracking", "-fvar-tracking-assignments"]);
    for (const words of [[], ["-g"], ["-O0"], ["-O2", "-O0"], ["-Og"]]) expect(leftOut(...words)).toEqual([]);
  });

  it("leaves alone who decides it himself", () => {
    for (const word of ["-fno-var-tracking-assignments", "-fvar-tracking", "-fselective-scheduling2", "-fcompare-debug", "-fplugin=x.so", "-gno-variable-location-views"]) {
      expect(leftOut("-O2", word)).toEqual([]);
    }
    expect(leftOutBy(' /usr/lib/gcc/cc1 -quiet "-O2" -fno-var-tracking-assignments -o x.s', "-O2")).toEqual([]);
    expect(leftOutBy(' /usr/lib/gcc/cc1 -quiet "-O2" -o x.s', "-O2")).toHaveLength(2);
  });

  const compilations = ["gcc", "gcc-11"].flatMap((compiler) => ["many-situations.c", "answer-server.c", "blocked-in-calls.c"].map((source) => [compiler, source] as const));
  it.each([...compilations, ["g++", "many-classes.cc"] as const])("changes nothing that is loaded: %s, %s", { timeout: 60_000 }, async (compiler, source) => {
    for (const level of ["-O1", "-O2", "-O3", "-Os"]) {
      const [tracked, untracked] = [await compile(compiler, source, [level]), await compile(compiler, source, [level, ...leftOut(level)])];
      expect(loaded(untracked)).toEqual(loaded(tracked));
      expect(sectionNamed(tracked, ".debug_loclists")).toBeDefined();
      expect(sectionNamed(untracked, ".debug_loclists")).toBeUndefined();
    }
  });
});
