import { describe, expect, test } from "vitest";
import { readElf, readLineTables, sectionFlag, sectionType, writeDebugSections, writeElf } from "../../native/elf/mod.ts";
import type { ElfFile, LineSequence, NewSection, NewSymbol } from "../../native/elf/mod.ts";
import { SutureError } from "../../native/errors.ts";
import { Workshop, readBytes, seededNumbers } from "./toolchain.ts";

const source = `
#include "counts.h"
int first(int n) {
  int sum = 0;
  for (int i = 0; i < n; i++) sum += count(i);

  return sum;
}
#line 70000 "generated.y"
int second(int n) { return n > 3 ? first(n - 1)
    : first(n); }
`;
const header = "static inline int count(int n) {\n  return n * n % 7;\n}\n";

function compile(shop: Workshop, compiler: string, ...flags: readonly string[]): string {
  const input = shop.write("sample.c", source);
  shop.write("counts.h", header);
  shop.run(compiler, "-O2", "-ffunction-sections", ...flags, "-c", "-o", "sample.o", input);
  return `${shop.directory}/sample.o`;
}

/** `file line offset`, as objdump reads the table. */
function rowsOfObjdump(shop: Workshop, object: string): readonly string[] {
  const text = shop.run("objdump", "-W", "--dwarf=decodedline", object);
  return [...text.matchAll(/^(\S+) +(\d+) +(0|0x[0-9a-f]+)\b/gm)].map(([, file, line, offset]) => `${file} ${line} ${Number(offset)}`);
}

const rowsOf = (sequences: readonly LineSequence[]): readonly string[] =>
  sequences.flatMap(({ rows }) => rows.map(({ file, line, offset }) => `${file.name} ${line} ${offset}`));

describe.each(["gcc", "clang"])("readLineTables(), from %s", (compiler) => {
  test.each(["-gdwarf-2", "-gdwarf-3", "-gdwarf-4", "-gdwarf-5", "-g1", "-g3", "-gz=zlib"])("reads what objdump reads: -g %s", (flag) => {
    using shop = new Workshop();
    const object = compile(shop, compiler, "-g", flag);
    const file = readElf(readBytes(object));
    const sequences = readLineTables(file);
    expect(sequences.map(({ section }) => file.sections[section]?.name)).toEqual([".text.first", ".text.second"]);
    const wanted = rowsOfObjdump(shop, object);
    expect(wanted.length).toBeGreaterThan(8);
    expect(rowsOf(sequences).map((row) => row.split("/").at(-1))).toEqual(wanted);
    for (const { section, end } of sequences) expect(end).toBe(file.sections[section]?.size);
  });
});

test("readLineTables() finds nothing where there is no debug information", () => {
  using shop = new Workshop();
  expect(readLineTables(readElf(readBytes(compile(shop, "gcc", "-g0"))))).toEqual([]);
});

test("readLineTables() answers or refuses, whatever the bytes are", () => {
  using shop = new Workshop();
  const bytes = readBytes(compile(shop, "gcc", "-g"));
  const file = readElf(bytes);
  const table = file.sections.find(({ name }) => name === ".debug_line");
  if (table === undefined) throw new Error("gcc made no line table");
  const numbers = seededNumbers(7);
  const endings = { read: 0, refused: 0 };
  for (let round = 0; round < 3000; round++) {
    const changed = table.bytes.slice();
    for (let change = 0; change <= round % 4; change++) changed[numbers.next().value % changed.length] = numbers.next().value;
    endings[endingOf({ ...file, sections: file.sections.map((section) => (section === table ? { ...section, bytes: changed } : section)) })]++;
  }
  expect(endings.read).toBeGreaterThan(100);
  expect(endings.refused).toBeGreaterThan(100);
});

function endingOf(file: ElfFile): "read" | "refused" {
  try {
    readLineTables(file);
    return "read";
  } catch (error) {
    if (error instanceof SutureError && error.kind === "bad-elf") return "refused";
    throw error;
  }
}

const code: NewSection = { name: ".text.f", type: sectionType.progbits, flags: sectionFlag.alloc | sectionFlag.execute, alignment: 16, bytes: new Uint8Array(1000), relocations: [] };
const symbol: NewSymbol = { name: "", type: "section", binding: "local", section: code, value: 0n, size: 0 };

function written(rows: LineSequence["rows"], end: number): ElfFile {
  const unit = { name: "f.c", directory: "/src", language: "C", functions: [{ name: "f", isExternal: true, symbol, offset: 0, size: end }], code: [{ symbol, rows, end }] } as const;
  return readElf(writeElf({ sections: [code, ...writeDebugSections([unit])], symbols: [] }));
}

test("writeDebugSections() writes what readLineTables() reads: steps of every size, forwards and backwards", () => {
  const numbers = seededNumbers(3);
  const upTo = (limit: number): number => numbers.next().value % limit;
  const files = [{ directory: "", name: "f.c" }, { directory: "include", name: "f.h" }, { directory: "/usr/include", name: "f.h" }];
  for (let round = 0; round < 200; round++) {
    let offset = 0;
    const rows = Array.from({ length: 20 }, () => {
      offset += upTo(round % 3 === 0 ? 3 : 300);
      return { offset, file: files[upTo(files.length)] ?? { directory: "", name: "" }, line: 1 + upTo(round % 2 === 0 ? 30 : 100_000), column: upTo(90), isStatement: upTo(2) === 1 };
    });
    const [read, second] = readLineTables(written(rows, offset + upTo(200)));
    expect(second).toBeUndefined();
    expect(read?.rows).toEqual(rows);
  }
});

test("writeDebugSections() writes sections that readelf and addr2line read", () => {
  using shop = new Workshop();
  const object = readElf(readBytes(compile(shop, "gcc", "-g")));
  const sections = object.sections.filter(({ flags }) => (flags & sectionFlag.execute) !== 0).map((section): NewSection => ({ ...section, relocations: [] }));
  const home = (name: string): NewSection => sections.find((section) => section.name === name) ?? code;
  const units = readLineTables(object).map(({ section, rows, end }) => {
    const name = object.sections[section]?.name ?? "";
    const start: NewSymbol = { ...symbol, section: home(name) };
    return { name: "sample.c", directory: shop.directory, language: "C", functions: [{ name: name.slice(6), isExternal: true, symbol: start, offset: 0, size: end }], code: [{ symbol: start, rows, end }] } as const;
  });
  const path = shop.write("told.o", writeElf({ sections: [...sections, ...writeDebugSections(units)], symbols: [] }));
  expect(shop.readelfWarnings(path)).toEqual([]);
  const rest = shop.run("sh", "-c", "readelf --debug-dump=info,abbrev,decodedline,Ranges,aranges told.o 2>&1 >/dev/null");
  expect(rest).toBe("");
  const asked = (file: string): string => shop.run("addr2line", "-f", "-j", ".text.second", "-e", file, "0");
  expect(asked(path)).toBe(asked("sample.o"));
  expect(asked(path)).toMatch(/^second\n.*generated\.y:7000[01]\n$/);
});
