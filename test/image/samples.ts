// A small image to start from, by objects, as the Creator would hand it over.

import { fileAddress } from "../../native/address.ts";
import { sectionFlag, sectionType, x86Relocation } from "../../native/elf/mod.ts";
import type { ImageDescription, ImageObject, ImageSection, ImageSymbol } from "../../native/image/mod.ts";

export interface Sample {
  readonly description: ImageDescription;
  readonly object: ImageObject;
  readonly text: ImageSection;
  readonly replacement: ImageSymbol;
}

export function sampleImage(): Sample {
  const text: ImageSection = {
    name: ".text.answer", type: sectionType.progbits, flags: sectionFlag.alloc | sectionFlag.execute, alignment: 16, relocations: [],
    bytes: Uint8Array.of(
      0xe8, 0, 0, 0, 0,                               // call helper
      0x8b, 0x05, 0, 0, 0, 0,                         // mov counter(%rip), %eax
      0x64, 0x8b, 0x14, 0x25, 0, 0, 0, 0,             // mov %fs:mine, %edx
      0xc3,                                           // ret
    ),
  };
  const literals: ImageSection = {
    name: ".rodata.str1.1", type: sectionType.progbits, flags: sectionFlag.alloc | sectionFlag.merge | sectionFlag.strings, entrySize: 1,
    alignment: 1, relocations: [], bytes: new TextEncoder().encode("fixed\0"),
  };
  const replacement: ImageSymbol = { name: "answer", type: "function", binding: "local", section: text, value: 0n, size: text.bytes.length };
  const helper = undefinedSymbol("puts");
  const counter = undefinedSymbol("counter");
  const mine = { ...undefinedSymbol("mine"), type: "tls" } as const;
  text.relocations.push(
    { offset: 1, type: x86Relocation.R_X86_64_PLT32, symbol: helper, addend: -4n },
    { offset: 7, type: x86Relocation.R_X86_64_PC32, symbol: counter, addend: -4n },
    { offset: 15, type: x86Relocation.R_X86_64_TPOFF32, symbol: mine, addend: 0n },
  );
  const object: ImageObject = {
    module: { name: "server", buildId: "1f3c".repeat(10), kind: "program" },
    functions: [{
      name: "answer", unit: "src/server.c", oldEntry: fileAddress(0x1140n), oldSize: 32,
      oldRanges: [{ start: fileAddress(0x1140n), end: fileAddress(0x1160n) }],
      redirectOffset: 4, expected: Uint8Array.of(0x48, 0x83, 0xec, 0x08, 0x90), newSymbol: replacement,
      reason: "its code differs", warnings: [],
    }],
    values: [],
    added: [],
    imports: [
      { symbol: helper, from: "process", version: "GLIBC_2.2.5" },
      { symbol: counter, from: "module", at: fileAddress(0x4010n) },
      { symbol: mine, from: "thread", offset: -4n },
    ],
    sections: [text, literals],
    symbols: [],
    proof: { units: 1, functions: 12, bytes: 3456 },
  };
  const description: ImageDescription = {
    name: "answer-fix", description: "", diffs: [{ name: "fix.patch", text: "--- a/server.c\n+++ b/server.c\n" }],
    compilers: ["GNU C17 12.2.0"], objects: [object],
  };
  return { description, object, text, replacement };
}

export const undefinedSymbol = (name: string): ImageSymbol =>
  ({ name, type: "notype", binding: "global", section: "undefined", value: 0n, size: 0 });

/** The sample with its one object changed. */
export function sampleWith(change: (sample: Sample) => Partial<ImageObject>): ImageDescription {
  const sample = sampleImage();
  return { ...sample.description, objects: [{ ...sample.object, ...change(sample) }] };
}
