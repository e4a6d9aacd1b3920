import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fileAddress } from "../../native/address.ts";
import { sectionFlag, sectionType, writeElf, x86Relocation } from "../../native/elf/mod.ts";
import type { NewSection } from "../../native/elf/mod.ts";
import { SutureError } from "../../native/errors.ts";
import { decodeImage, encodeImage, manifestSectionName } from "../../native/image/mod.ts";
import type { ImageDescription, PatchedFunction } from "../../native/image/mod.ts";
import { Workshop, mutations, readBytes } from "../elf/toolchain.ts";
import { sampleImage, sampleWith, undefinedSymbol } from "./samples.ts";

describe("encodeImage()", () => {
  test("gives the same bytes for the same description", () => {
    expect(encodeImage(sampleImage().description)).toEqual(encodeImage(sampleImage().description));
  });

  test("makes a file that readelf, nm and objdump read", () => {
    using shop = new Workshop();
    const path = shop.write("answer-fix.suture", encodeImage(sampleImage().description));
    expect(shop.readelfWarnings(path)).toEqual([]);
    expect(shop.run("nm", path)).toContain("t answer");
    expect(shop.run("objdump", "-dr", path)).toMatch(/<answer>:[^]*R_X86_64_PLT32\s+puts/);
    expect(shop.run("readelf", "-p", manifestSectionName, path)).toContain('"name": "answer-fix"');
  });

  test("refuses a symbol of a section that is not part of the image", () => {
    expect(() => encodeImage(sampleWith(() => ({ sections: [] })))).toThrow(SutureError);
  });
});

describe("decodeImage()", () => {
  test("gives back what was encoded", () => {
    const { description, object } = sampleImage();
    const bytes = encodeImage(description);
    const { manifest, elf, digest } = decodeImage(bytes);
    expect(digest).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(manifest).toMatchObject({ format: 1, name: "answer-fix", architecture: "x86-64", diffs: description.diffs, compilers: description.compilers });
    const [decoded] = manifest.objects;
    const { newSymbol, ...stated } = object.functions[0] ?? { newSymbol: undefined };
    expect(decoded?.functions[0]).toMatchObject({ ...stated, newSize: newSymbol?.size });
    expect(elf.symbols[decoded?.functions[0]?.newSymbol ?? 0]?.name).toBe("answer");
    expect(decoded?.imports.map(({ symbol, ...rest }) => ({ ...rest, symbol: elf.symbols[symbol]?.name }))).toEqual([
      { symbol: "puts", name: "puts", from: "process", version: "GLIBC_2.2.5" },
      { symbol: "counter", name: "counter", from: "module", at: 0x4010n },
      { symbol: "mine", name: "mine", from: "thread", offset: -4n },
    ]);
    expect(decoded?.sections.map((index) => elf.sections[index]?.name)).toEqual([".text.answer", ".rodata.str1.1"]);
    expect(decoded?.proof).toEqual(object.proof);
  });

  test("refuses an image of which one bit is another, wherever it is", () => {
    const bytes = encodeImage(sampleImage().description);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      expect(refusal(damaged), `byte ${at}`).toMatch(/^Cannot read patch image: /);
    }
  });

  test("says what a file that is no image is", () => {
    using shop = new Workshop();
    const source = "int main(void) { return 0; }";
    expect(refusal(new Uint8Array())).toBe("Cannot read patch image: the file is empty");
    expect(refusal(new TextEncoder().encode("hello"))).toBe("Cannot read patch image: it is not an ELF file");
    expect(refusal(new TextEncoder().encode("diff --git a/x b/x\n"))).toContain("it is a source diff");
    expect(refusal(readBytes(shop.compile(source, ["-c"])))).toContain("it is an ELF object without a manifest");
    expect(refusal(readBytes(shop.compile(source, ["-no-pie"], "fixed")))).toContain("it is an ELF program without a manifest");
    expect(refusal(readBytes(shop.compile(source, ["-pie"], "moving")))).toContain("it is an ELF program or library without a manifest");
  });

  test("refuses an image that is cut off anywhere", () => {
    const bytes = encodeImage(sampleImage().description);
    for (let length = 0; length < bytes.length; length += 13) expect(refusal(bytes.slice(0, length))).toContain("Cannot read patch image");
  });

  test("names both versions of an image of another version", () => {
    const bytes = withManifest((json) => ({ ...json, format: 2, surprising: true }));
    expect(thrown(bytes)).toMatchObject({ kind: "unsupported-image-version", data: { found: 2, supported: 1 } });
    expect(thrown(bytes).message).toContain("it has version 2, this program reads version 1");
  });

  test("refuses a manifest of another shape, and says where", () => {
    expect(refusal(withManifest(() => []))).toContain("does not say its version");
    expect(refusal(withManifest((json) => ({ ...json, name: "line\nbreak" })))).toContain("wrong value for name");
    expect(refusal(withManifest((json) => ({ ...json, name: "../../etc/passwd" })))).toContain("has a slash");
    expect(refusal(withManifest((json) => ({ ...json, name: "a".repeat(1000) })))).toContain("longer than 128");
    expect(refusal(withManifest((json) => ({ ...json, extra: 1 })))).toContain("wrong value for extra");
    expect(refusal(withManifest((json) => ({ ...json, objects: [] })))).toContain("wrong value for objects");
    expect(refusal(withManifest((json) => ({ ...json, architecture: "aarch64" })))).toContain("wrong value for architecture");
  });

  test.each<readonly [string, string, ImageDescription]>([
    ["expected bytes that are too short", "not 5 to 16 bytes", withFunction({ expected: Uint8Array.of(1, 2, 3, 4) })],
    ["expected bytes that are too long", "not 5 to 16 bytes", withFunction({ expected: new Uint8Array(17) })],
    ["a redirect in the middle of a function", "neither 0 nor 4", withFunction({ redirectOffset: 7 })],
    ["an empty range", "has an empty range", withFunction({ oldRanges: [{ start: fileAddress(8n), end: fileAddress(8n) }] })],
    ["an entry outside of the ranges", "outside of its ranges", withFunction({ oldEntry: fileAddress(0x9000n) })],
    ["a name that could move a cursor", "unprintable", withFunction({ name: "\u001b[2J" })],
    ["a name that turns the writing direction", "unprintable", withFunction({ name: "\u202egnp" })],
    ["no function at all", "redirects no function", sampleWith(() => ({ functions: [] }))],
    ["an undefined symbol that is not imported", 'refers at 1 to "puts"', sampleWith(({ object }) => ({ imports: object.imports.slice(1) }))],
    ["a symbol that is imported twice", 'imports "puts" twice', sampleWith(({ object }) => ({ imports: [...object.imports, ...object.imports.slice(0, 1)] }))],
    ["an import of a defined symbol", "which it defines itself", sampleWith(({ object, replacement }) => ({ imports: [...object.imports, { symbol: replacement, from: "process" }] }))],
    ["a replacement that is no function", "which is no function", sampleWith(({ object, replacement }) => ({ functions: object.functions.map((each) => ({ ...each, newSymbol: { ...replacement, type: "object" as const } })) }))],
    ["a replacement that leaves its section", "has 999 bytes at 0", sampleWith(({ object, replacement }) => ({ functions: object.functions.map((each) => ({ ...each, newSymbol: { ...replacement, size: 999 } })) }))],
    ["a replacement that is undefined", "in no section that is loaded", sampleWith(({ object }) => ({ functions: object.functions.map((each) => ({ ...each, newSymbol: { ...undefinedSymbol("f"), type: "function" as const } })) }))],
    ["two functions at one entry", "overwrite each other's entry", sampleWith(({ object }) => ({ functions: [...object.functions, ...object.functions.map((each) => ({ ...each, oldEntry: fileAddress(each.oldEntry + 3n) }))] }))],
    ["a section that is not for memory", "not meant for memory", withSection({ flags: 0 })],
    ["a thread-local section", "thread-local", withSection({ flags: sectionFlag.alloc | sectionFlag.write | sectionFlag.tls })],
    ["a table of constructors", "cannot be loaded", withSection({ type: sectionType.initArray })],
    ["a crooked alignment", "an alignment of 24", withSection({ alignment: 24 })],
    ["a section larger than memory", "is the limit", withSection({ type: sectionType.nobits, bytes: new Uint8Array(), size: 2 ** 40 })],
    ["two objects for one module", "are for one module", { ...sampleImage().description, objects: [sampleImage().object, sampleImage().object] }],
  ])("refuses %s", (_, found, description) => {
    expect(refusal(encodeImage(description))).toContain(found);
  });

  test("refuses relocations that it does not know or that leave their section", () => {
    const withRelocation = (offset: number, type: number) => sampleWith(({ text, replacement }) => {
      text.relocations.push({ offset, type, symbol: replacement, addend: 0n });
      return {};
    });
    expect(refusal(encodeImage(withRelocation(0, 200)))).toContain("a relocation of type 200, which is not known");
    expect(refusal(encodeImage(withRelocation(17, x86Relocation.R_X86_64_PC32)))).toContain("reaches beyond section");
  });

  test("survives damaged images: a result or a refusal, soon", () => {
    const began = performance.now();
    for (const damaged of mutations(encodeImage(sampleImage().description), 600, 3)) thrown(damaged);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

/** What decoding throws: a refusal of this room or nothing. */
function thrown(bytes: Uint8Array): { readonly kind: string; readonly message: string; readonly data: unknown } {
  try {
    decodeImage(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(SutureError);
    const refused = error as SutureError;
    expect(["bad-image", "unsupported-image-version"]).toContain(refused.kind);
    expect(refused.message).not.toMatch(/\p{Cc}/u);
    return refused;
  }
  return { kind: "accepted", message: "accepted", data: {} };
}

const refusal = (bytes: Uint8Array): string => thrown(bytes).message;

function withFunction(change: Partial<Omit<PatchedFunction, "newSymbol" | "newSize">>): ImageDescription {
  return sampleWith(({ object }) => ({ functions: object.functions.map((each) => ({ ...each, ...change })) }));
}

/** The sample with one more section. */
function withSection(change: Partial<NewSection>): ImageDescription {
  const section: NewSection = { name: ".data.more", type: sectionType.progbits, flags: sectionFlag.alloc, alignment: 8, bytes: new Uint8Array(8), relocations: [], ...change };
  return sampleWith(({ object }) => ({ sections: [...object.sections, section] }));
}

/** A file with the sample's manifest, changed, and nothing else. */
function withManifest(change: (json: Record<string, unknown>) => unknown): Uint8Array {
  const { elf } = decodeImage(encodeImage(sampleImage().description));
  const manifest = elf.sections.find((section) => section.name === manifestSectionName);
  const json = JSON.parse(new TextDecoder().decode(manifest?.bytes)) as Record<string, unknown>;
  const bytes = new TextEncoder().encode(JSON.stringify(change(json)));
  return writeElf({ sections: [{ name: manifestSectionName, type: sectionType.progbits, flags: 0, alignment: 1, bytes, relocations: [] }], symbols: [] });
}
