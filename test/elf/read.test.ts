import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readEhFrame, readElf, relocationName, sectionNamed, symbolAt, definedSymbolsOf, bytesAt } from "../../native/elf/mod.ts";
import type { ElfFile } from "../../native/elf/mod.ts";
import { SutureError } from "../../native/errors.ts";
import { Workshop, mutations, readBytes } from "./toolchain.ts";

const source = `
#include <stdio.h>
static int counter = 7;
int table[4] = { 1, 2, 3, 4 };
_Thread_local int mine = 3;
static __attribute__((noinline)) int twice(int n) { return n * 2 + counter; }
int entry(int n) { counter += n; mine++; printf("%d %d", table[n & 3], counter); return twice(n); }
int main(int argc, char **argv) { (void)argv; return entry(argc); }
`;

describe("readElf()", () => {
  let shop: Workshop;
  let objectPath: string;
  let programPath: string;
  beforeAll(() => {
    shop = new Workshop();
    objectPath = shop.compile(source, ["-c", "-g", "-O2", "-ffunction-sections", "-fdata-sections"]);
    programPath = shop.compile(source, ["-g", "-O2"], "program");
  });
  afterAll(() => shop[Symbol.dispose]());

  test("gives the sections that readelf gives", () => {
    for (const path of [objectPath, programPath]) {
      expect(sectionLines(readElf(readBytes(path)))).toEqual(readelfSectionLines(shop.run("readelf", "-SW", path)));
    }
  });

  test("gives the symbols that readelf gives", () => {
    for (const path of [objectPath, programPath]) {
      expect(symbolLines(readElf(readBytes(path)))).toEqual(readelfSymbolLines(shop.run("readelf", "--syms", "-W", path)));
    }
  });

  test("gives the relocations that readelf gives", () => {
    const text = shop.run("readelf", "-rW", objectPath);
    const expected = [...text.matchAll(/^([0-9a-f]{16}) +[0-9a-f]{16} (R_\w+)/gm)].map(([, offset, type]) => `${Number.parseInt(offset ?? "", 16)} ${type}`);
    const found = readElf(readBytes(objectPath)).sections
      .flatMap((section) => section.relocations)
      .map(({ offset, type }) => `${offset} ${relocationName("x86-64", type)}`);
    expect(found.sort()).toEqual(expected.sort());
    expect(found.length).toBeGreaterThan(20);
  });

  test("names section symbols after their section", () => {
    const file = readElf(readBytes(objectPath));
    const symbol = file.symbols.find((each) => each.type === "section" && each.name === ".text.twice");
    expect(symbol?.section).toBe(sectionNamed(file, ".text.twice")?.index);
  });

  test("reads the build-id and the versions of dynamic symbols", () => {
    const file = readElf(readBytes(programPath));
    expect(shop.run("readelf", "-n", programPath)).toContain(file.buildId ?? "none");
    expect(file.dynamicSymbols.find((symbol) => symbol.name === "printf")?.version).toBe("GLIBC_2.2.5");
    expect(file.type).toBe("shared");
    expect(file.machine).toBe("x86-64");
  });

  test("reads the versions that a library defines", () => {
    const libc = /=> (\S*libc\.so\.6)/.exec(shop.run("ldd", programPath))?.[1] ?? "";
    const file = readElf(readBytes(libc));
    expect(file.dynamicSymbols.find((symbol) => symbol.name === "pthread_create" && symbol.version === "GLIBC_2.34")?.type).toBe("function");
    expect(file.dynamicSymbols.find((symbol) => symbol.name === "strlen")?.type).toBe("ifunc");
    const copies = file.dynamicSymbols.filter((symbol) => symbol.name === "memcpy").map(({ version, hiddenVersion }) => [version, hiddenVersion ?? false]);
    expect(copies).toContainEqual(["GLIBC_2.2.5", true]);
    expect(copies).toContainEqual(["GLIBC_2.14", false]);
  });

  test("reads a separate debug file, whose segments lie outside of it", () => {
    const debugPath = shop.write("program.debug", "");
    shop.run("objcopy", "--only-keep-debug", programPath, debugPath);
    const file = readElf(readBytes(debugPath));
    expect(file.buildId).toBe(readElf(readBytes(programPath)).buildId);
    expect(file.symbols.some((symbol) => symbol.name === "twice")).toBe(true);
  });

  test("numbers more than 65280 sections", () => {
    const many = Array.from({ length: 40_000 }, (_, n) => `.section .text.f${n},"ax"\n.globl f${n}\n.type f${n},@function\nf${n}: .quad f0\n.size f${n}, 8\n`).join("");
    const input = shop.write("many.s", many);
    shop.run("gcc", "-c", "-o", "many.o", input);
    const file = readElf(new Uint8Array(readFileSync(`${shop.directory}/many.o`)));
    expect(file.sections.length).toBeGreaterThan(0xff00);
    const last = file.symbols.find((symbol) => symbol.name === "f39999");
    expect(file.sections[last?.section as number]?.name).toBe(".text.f39999");
  });

  test("symbolAt(), definedSymbolsOf() and bytesAt() find what is there", () => {
    const file = readElf(readBytes(programPath));
    const entry = file.symbols.find((symbol) => symbol.name === "entry");
    expect(symbolAt(file, (entry?.value ?? 0n) + 1n)?.name).toBe("entry");
    expect(symbolAt(file, 1n)).toBeUndefined();
    const table = file.symbols.find((symbol) => symbol.name === "table");
    expect([...(bytesAt(file, table?.value ?? 0n, 8) ?? [])]).toEqual([1, 0, 0, 0, 2, 0, 0, 0]);
    const object = readElf(readBytes(objectPath));
    const section = sectionNamed(object, ".text.twice");
    expect(section && definedSymbolsOf(object, section).map((symbol) => symbol.name)).toEqual(["twice"]);
  });

  test("hands out plain byte arrays, also of a Node Buffer", () => {
    const section = sectionNamed(readElf(readFileSync(objectPath)), ".text.twice");
    expect(Buffer.isBuffer(section?.bytes)).toBe(false);
  });

  test("refuses what is no 64-bit little-endian ELF file", () => {
    const header = readBytes(programPath).slice(0, 64);
    expect(refusal(new Uint8Array())).toContain("does not begin with the ELF signature");
    expect(refusal(new TextEncoder().encode("#!/bin/sh\n"))).toContain("does not begin with the ELF signature");
    expect(refusal(header.slice(0, 20))).toContain("within its header");
    expect(refusal(Uint8Array.from(header, (byte, at) => (at === 4 ? 1 : byte)))).toContain("not 64-bit");
    expect(refusal(Uint8Array.from(header, (byte, at) => (at === 5 ? 2 : byte)))).toContain("not little-endian");
    expect(refusal(readBytes(programPath).slice(0, 9000))).toContain("truncated");
  });

  test("survives damaged files: a result or a refusal, soon", () => {
    const began = performance.now();
    for (const [path, seed] of [[objectPath, 1], [programPath, 2]] as const) {
      for (const damaged of mutations(readBytes(path), 300, seed)) {
        try {
          const section = sectionNamed(readElf(damaged), ".eh_frame");
          if (section !== undefined) readEhFrame(section);
        } catch (error) {
          expect(error).toBeInstanceOf(SutureError);
          expect((error as SutureError).kind).toBe("bad-elf");
        }
      }
    }
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

function refusal(bytes: Uint8Array): string {
  try {
    readElf(bytes);
  } catch (error) {
    if (error instanceof SutureError && error.kind === "bad-elf") return error.message;
    throw error;
  }
  return "accepted";
}

const hex = (value: number | bigint, digits: number): string => value.toString(16).padStart(digits, "0");

function sectionLines(file: ElfFile): string[] {
  return file.sections.slice(1).map((section) =>
    `${section.index} ${section.name} ${hex(section.address, 16)} ${hex(section.offset, 6)} ${hex(section.size, 6)} ${hex(section.entrySize, 2)} ${section.link} ${section.info} ${section.alignment}`);
}

function readelfSectionLines(text: string): string[] {
  const pattern = /^ +\[ *(\d+)\] (\S+) +\S+ +([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]{2}) +[A-Za-z]* +(\d+) +(\d+) +(\d+)/gm;
  return [...text.matchAll(pattern)].map((match) => match.slice(1).join(" "));
}

const typeNames: Readonly<Record<string, string>> =
  { NOTYPE: "notype", OBJECT: "object", FUNC: "function", SECTION: "section", FILE: "file", TLS: "tls", IFUNC: "ifunc" };

function readelfSymbolLines(text: string): string[] {
  const table = text.slice(text.indexOf("'.symtab'"));
  const pattern = /^ +(\d+): ([0-9a-f]{16}) +(\d+) (\w+) +(\w+) +(\w+) +(\w+) ?(.*)$/gm;
  return [...table.matchAll(pattern)].map(([, index, value, size, type, binding, visibility, section, name]) =>
    [index, value, size, typeNames[type ?? ""], binding?.toLowerCase(), visibility?.toLowerCase(), section, name?.trim()].join(" "));
}

function symbolLines(file: ElfFile): string[] {
  const sections = { undefined: "UND", absolute: "ABS", common: "COM" };
  return file.symbols.map((symbol) => [
    symbol.index, hex(symbol.value, 16), symbol.size, symbol.type, symbol.binding, symbol.visibility,
    typeof symbol.section === "number" ? symbol.section : sections[symbol.section], symbol.name,
  ].join(" "));
}
