import { expect, test } from "vitest";
import { readEhFrame, readElf, sectionFlag, sectionNamed, sectionType, writeEhFrame, writeElf } from "../../native/elf/mod.ts";
import type { ElfSection, NewSection, NewSymbol } from "../../native/elf/mod.ts";
import { Workshop, readBytes } from "./toolchain.ts";

const source = `
struct Guard { ~Guard(); };
void mayThrow();
int first(int n) { Guard guard; mayThrow(); return n; }
int second(int n) { try { mayThrow(); } catch (int caught) { return caught; } return n; }
int third(int n) { return n + 1; }
`;

function unwindSection(shop: Workshop): ElfSection {
  const file = readElf(readBytes(shop.compile(source, ["-c", "-O2", "-ffunction-sections"], "unwind", "cc")));
  const section = sectionNamed(file, ".eh_frame");
  if (section === undefined) throw new Error("gcc made no unwind table");
  return section;
}

test("readEhFrame() tells the function of each record", () => {
  using shop = new Workshop();
  const { cies, fdes } = readEhFrame(unwindSection(shop));
  expect(cies.map((cie) => cie.augmentation).sort()).toEqual(["zPLR", "zR"]);
  const functions = fdes.map((fde) => fde.begin?.symbol.name ?? "");
  expect(functions).toContain(".text._Z5firsti");
  expect(functions).toContain(".text._Z6secondi");
  const third = fdes.find((fde) => fde.begin?.symbol.name === ".text._Z5thirdi");
  expect(third?.length).toBe(4); // lea 0x1(%rdi),%eax; ret
  expect(third?.cie.augmentation).toBe("zR");
});

test("readEhFrame() finds the functions of a linked program", () => {
  using shop = new Workshop();
  const file = readElf(readBytes(shop.compile("int main(void) { return 0; }", ["-O2"], "linked")));
  const section = sectionNamed(file, ".eh_frame");
  const lines = shop.run("readelf", "--debug-dump=frames", "linked").match(/ FDE /g);
  expect(section && readEhFrame(section).fdes.length).toBe(lines?.length);
});

test("writeEhFrame() keeps what it is given, with personality and language data", () => {
  using shop = new Workshop();
  const { fdes } = readEhFrame(unwindSection(shop));
  const kept = fdes.filter((fde) => fde.begin?.symbol.name === ".text._Z6secondi");
  const table = writeEhFrame(kept);
  const again = readEhFrame(table);
  expect(again.fdes.map((fde) => fde.begin?.symbol.name)).toEqual([".text._Z6secondi"]);
  expect(again.cies.map((cie) => cie.augmentation)).toEqual(["zPLR"]);
  expect(table.relocations.map((relocation) => relocation.symbol.name)).toEqual(
    expect.arrayContaining(["DW.ref.__gxx_personality_v0", ".text._Z6secondi", ".gcc_except_table._Z6secondi"]));

  const symbols = new Map(table.relocations.map(({ symbol }): [string, NewSymbol] =>
    [symbol.name, { name: `u${symbol.name}`, type: "notype", binding: "global", section: "undefined", value: 0n, size: 0 }]));
  const section: NewSection = {
    name: ".eh_frame", type: sectionType.x86Unwind, flags: sectionFlag.alloc, alignment: 8, bytes: table.bytes,
    relocations: table.relocations.flatMap(({ offset, type, symbol, addend }) => {
      const found = symbols.get(symbol.name);
      return found === undefined ? [] : [{ offset, type, symbol: found, addend }];
    }),
  };
  const path = shop.write("kept.o", writeElf({ sections: [section], symbols: [] }));
  expect(shop.readelfWarnings(path)).toEqual([]);
  expect(shop.run("readelf", "--debug-dump=frames", path).match(/ FDE /g)?.length).toBe(1);
});

test("readEhFrame() refuses records that leave their section", () => {
  expect(() => readEhFrame({ bytes: Uint8Array.of(64, 0, 0, 0, 0, 0, 0, 0), relocations: [] })).toThrow("Cannot read unwind table");
  expect(() => readEhFrame({ bytes: Uint8Array.of(4, 0, 0, 0, 9, 0, 0, 0), relocations: [] })).toThrow("names a CIE");
  expect(() => readEhFrame({ bytes: Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0), relocations: [] })).toThrow("does not end");
});
