import { expect, test } from "vitest";
import { numberElf, readElf, sectionFlag, sectionType, writeElf, x86Relocation } from "../../native/elf/mod.ts";
import type { ElfDescription, NewSection, NewSymbol } from "../../native/elf/mod.ts";
import { Workshop } from "./toolchain.ts";

/** int answer(void) { return helper() + value; }, by hand. */
function describeSample(): ElfDescription & { readonly answer: NewSymbol; readonly text: NewSection } {
  const text: NewSection = {
    name: ".text.answer", type: sectionType.progbits, flags: sectionFlag.alloc | sectionFlag.execute, alignment: 16, relocations: [],
    bytes: Uint8Array.of(
      0x53,                         // push %rbx
      0xe8, 0, 0, 0, 0,             // call helper
      0x03, 0x05, 0, 0, 0, 0,       // add value(%rip), %eax
      0x5b,                         // pop %rbx
      0xc3,                         // ret
    ),
  };
  const data: NewSection = {
    name: ".data.value", type: sectionType.progbits, flags: sectionFlag.alloc | sectionFlag.write, alignment: 4, relocations: [],
    bytes: Uint8Array.of(35, 0, 0, 0),
  };
  const zeroes: NewSection = {
    name: ".bss.room", type: sectionType.nobits, flags: sectionFlag.alloc | sectionFlag.write, alignment: 64, relocations: [],
    bytes: new Uint8Array(), size: 4096,
  };
  const answer: NewSymbol = { name: "answer", type: "function", binding: "global", section: text, value: 0n, size: text.bytes.length };
  const helper: NewSymbol = { name: "helper", type: "notype", binding: "global", section: "undefined", value: 0n, size: 0 };
  const value: NewSymbol = { name: "value", type: "object", binding: "local", section: data, value: 0n, size: 4 };
  text.relocations.push(
    { offset: 2, type: x86Relocation.R_X86_64_PLT32, symbol: helper, addend: -4n },
    { offset: 8, type: x86Relocation.R_X86_64_PC32, symbol: value, addend: -4n },
  );
  return { sections: [text, data, zeroes], symbols: [answer], answer, text };
}

test("writeElf() makes a file that readelf accepts without a warning", () => {
  using shop = new Workshop();
  const path = shop.write("made.o", writeElf(describeSample()));
  expect(shop.readelfWarnings(path)).toEqual([]);
  expect(shop.run("nm", path).replace(/^0*/gm, "")).toBe("0 T answer\n                 U helper\n0 d value\n".replace(/^0*/gm, ""));
});

test("writeElf() makes a file that gcc links", () => {
  using shop = new Workshop();
  shop.write("made.o", writeElf(describeSample()));
  shop.write("main.c", "int answer(void); int helper(void) { return 7; } int main(void) { return answer() == 42 ? 0 : 1; }");
  shop.run("gcc", "-o", "linked", "main.c", "made.o", "-z", "noexecstack");
  expect(shop.run("./linked")).toBe("");
});

test("writeElf() gives the same bytes for the same description", () => {
  expect(writeElf(describeSample())).toEqual(writeElf(describeSample()));
});

test("numberElf() tells the indexes that readElf() finds", () => {
  const sample = describeSample();
  const numbering = numberElf(sample);
  const file = readElf(writeElf(sample));
  expect(file.sections[numbering.sections.get(sample.text) ?? 0]?.name).toBe(".text.answer");
  expect(file.symbols[numbering.symbols.get(sample.answer) ?? 0]?.name).toBe("answer");
  expect(file.sections[1]?.relocations.map(({ symbol, addend }) => [symbol.name, addend])).toEqual([["helper", -4n], ["value", -4n]]);
  expect(file.sections[3]).toMatchObject({ type: sectionType.nobits, size: 4096 });
});

test("writeElf() refuses a symbol in a section that is not written", () => {
  const sample = describeSample();
  expect(() => writeElf({ sections: sample.sections.slice(1), symbols: [sample.answer] })).toThrow(/".text.answer" is referred to but not part of it/);
});

test("writeElf() marks a file with indirect functions as GNU's", () => {
  using shop = new Workshop();
  const sample = describeSample();
  const indirect: NewSymbol = { name: "chosen", type: "ifunc", binding: "global", section: sample.text, value: 0n, size: 4 };
  const path = shop.write("indirect.o", writeElf({ sections: sample.sections, symbols: [indirect] }));
  expect(shop.run("readelf", "-sW", path)).toMatch(/ IFUNC +GLOBAL .* chosen/);
});
