import { expect, test } from "vitest";
import { address, formatAddress } from "../../native/address.ts";
import { readElf, sectionNamed } from "../../native/elf/mod.ts";
import { decodeImage } from "../../native/image/mod.ts";
import { layOutObject, linkObject } from "../../native/patch/link.ts";
import type { LinkedObject, Resolved } from "../../native/patch/link.ts";
import { readBytes, Workshop } from "../elf/toolchain.ts";
import { imageOf } from "./images.ts";

const old = "int answer(int x) { return x; } int main(void) { return answer(0); }";

interface Linked {
  readonly linked: LinkedObject;
  readonly laidOut: ReturnType<typeof layOutObject>;
  readonly object: string;
}

/** Compiles `source`, makes an image of it and links that at `base`, imports being at the addresses given. */
function link(shop: Workshop, source: string, imports: Readonly<Record<string, bigint | Resolved>>, { flags = ["-O2"], base = 0x5555_0000_0000n } = {}): Linked {
  const module = shop.compile(old, ["-O1", "-fno-inline", "-Wl,--build-id"], "program");
  const object = shop.compile(source, ["-c", "-ffunction-sections", "-fdata-sections", ...flags], "fix");
  const { manifest, elf } = decodeImage(imageOf("fix", { object, module, functions: ["answer"] }));
  const [only] = manifest.objects;
  if (only === undefined) throw new Error("The image has no object");
  const laidOut = layOutObject("fix", only, elf);
  const resolved = new Map(only.imports.flatMap(({ symbol, name }) => {
    const given = imports[name];
    if (given === undefined) return [];
    return [[symbol, typeof given === "bigint" ? { is: "address", address: address(given) } as const : given]];
  }));
  return { linked: linkObject(laidOut, address(base), resolved), laidOut, object };
}

/** The same sections at the same addresses, linked by ld; contents by section name. */
function linkByLd(shop: Workshop, { laidOut, linked, object }: Linked, imports: Readonly<Record<string, bigint>>): ReadonlyMap<string, Uint8Array> {
  const placed = [...laidOut.layout.sections.values()];
  const rows = placed.map(({ section, offset }) => `${section.name} ${formatAddress(linked.base + BigInt(offset))} : { *(${section.name}) }`);
  const symbols = Object.entries(imports).map(([name, at]) => `${name} = ${formatAddress(at)};`);
  const script = shop.write("same.ld", `${symbols.join("\n")}\nSECTIONS {\n${rows.join("\n")}\n/DISCARD/ : { *(.comment) *(.note*) }\n}\n`);
  shop.run("ld", "--no-relax", "--traditional-format", "-z", "noexecstack", "--no-warn-rwx-segments", "-e", "0", "-T", script, "-o", "same", object);
  const elf = readElf(readBytes(`${shop.directory}/same`));
  return new Map(placed.map(({ section }) => [section.name, sectionNamed(elf, section.name)?.bytes ?? new Uint8Array()]));
}

function expectSameAsLd(linkedObject: Linked, byLd: ReadonlyMap<string, Uint8Array>): void {
  for (const { section, offset } of linkedObject.laidOut.layout.sections.values()) {
    const ours = linkedObject.linked.contents.subarray(offset, offset + section.size);
    if (section.type === 8) expect(ours.every((byte) => byte === 0), section.name).toBe(true);
    else expect(Buffer.from(ours).toString("hex"), section.name).toBe(Buffer.from(byLd.get(section.name) ?? []).toString("hex"));
  }
}

const everySort = `
  extern int near(int); extern int counter; extern const char *const names[];
  static int room[1000]; static int kept = 7; const char *const names[] = { "one", "two" };
  static __attribute__((noinline)) int twice(int x) { return near(x) * 2 + kept++; }
  int (*table[])(int) = { twice, near };
  int answer(int x) {
    switch (x) { case 0: return 3; case 1: return near(4); case 2: return counter; case 3: return 11; case 4: return room[x]; case 5: return kept; case 6: return 99; }
    room[x & 7] = x; return names[x & 1][0] + twice(x) + table[x & 1](x);
  }`;

test.each([
  ["position-independent code", ["-O2", "-fPIE", "-fno-plt", "-fvisibility=hidden"], 0x5555_0000_0000n],
  ["position-dependent code", ["-O2", "-fno-pie"], 0x1000_0000n],
  ["position-dependent code that is not optimised", ["-O0", "-fno-pie"], 0x1000_0000n],
  ["the medium model's 64-bit addresses", ["-O2", "-fno-pie", "-mcmodel=large"], 0x1000_0000n],
] as const)("linkObject() writes what ld writes for %s", (_, flags, base) => {
  using shop = new Workshop();
  const imports = { near: base + 0x10_0040n, counter: base + 0x20_0080n };
  const ours = link(shop, `#pragma GCC visibility push(hidden)\n${everySort}`, imports, { flags: [...flags], base });
  expectSameAsLd(ours, linkByLd(shop, ours, imports));
});

test("linkObject() gives far functions a jump and far variables a slot", () => {
  using shop = new Workshop();
  const source = "extern int far(int), also(int); extern int counter; int answer(int x) { return far(x) + also(x) + counter; }";
  const { linked } = link(shop, source, { far: 0x7fff_0000_1230n, also: 0x5555_0000_0010n, counter: 0x7fff_0000_4560n }, { flags: ["-O2", "-fPIC"] });
  const path = shop.write("linked", linked.contents);
  const text = shop.run("objdump", "-d", "--no-show-raw-insn", path);
  expect(text).toMatch(/call +[0-9a-f]+ <far@plt>/);
  expect(text).toMatch(/<far@plt>:\n.*endbr64\n.*jmp +\*-?0x[0-9a-f]+\(%rip\)/);
  expect(text).not.toMatch(/call +[0-9a-f]+ <also@plt>/); // within reach: called directly
  const table = sectionNamed(readElf(linked.contents), ".got");
  const entries = new BigUint64Array((table?.bytes ?? new Uint8Array()).slice().buffer);
  expect([...entries]).toContain(0x7fff_0000_1230n);
  expect([...entries]).toContain(0x7fff_0000_4560n);
});

test("linkObject() resolves thread-local variables by offset and through the table", () => {
  using shop = new Workshop();
  const source = "extern __thread int mine; int answer(int x) { return mine + x; }";
  const offset: Resolved = { is: "thread-offset", offset: -4n };
  const direct = link(shop, source, { mine: offset }, { flags: ["-O2", "-fPIE", "-ftls-model=local-exec"] });
  expect(shop.run("objdump", "-d", shop.write("direct", direct.linked.contents))).toMatch(/%fs:0xfffffffffffffffc/);
  const indirect = link(shop, source, { mine: offset }, { flags: ["-O2", "-fPIE", "-ftls-model=initial-exec"] });
  const table = sectionNamed(readElf(indirect.linked.contents), ".got");
  expect(Buffer.from(table?.bytes ?? []).toString("hex")).toBe("fcffffffffffffff");
});

test("linkObject() refuses to cut off an address", () => {
  using shop = new Workshop();
  const far = { counter: 0x7fff_0000_0000n };
  const source = "extern int counter; int answer(int x) { return x + counter; }";
  expect(() => link(shop, source, far, { flags: ["-O2", "-fno-pie"] })).toThrow(/R_X86_64_PC32 at \.text\.answer\+0x\S+ to "counter" would have to hold .*, which does not fit/);
  const absolute = "extern int table[]; int answer(int x) { return table[x]; }";
  expect(() => link(shop, absolute, { table: 0x8000_0000n }, { flags: ["-O2", "-fno-pie"], base: 0x1000_0000n })).toThrow(/R_X86_64_32S .* to "table" would have to hold 0x80000000/);
  const taken = "extern int table[]; long answer(int x) { return (long) table; }";
  expect(() => link(shop, taken, { table: 0x1_0000_0000n }, { flags: ["-O2", "-fno-pie"], base: 0x1000_0000n })).toThrow(/R_X86_64_32 .* to "table" would have to hold 0x100000000/);
});

test("linkObject() does not let the address of a far function be that of its jump", () => {
  using shop = new Workshop();
  const source = "extern int far(int); typedef int (*function)(int); function answer(int x) { return far; }";
  expect(() => link(shop, source, { far: 0x7fff_0000_0000n }, { flags: ["-O2", "-fPIC"] })).not.toThrow();
  expect(() => link(shop, `#pragma GCC visibility push(hidden)\n${source}`, { far: 0x7fff_0000_0000n }, { flags: ["-O2", "-fPIE"] })).toThrow(/R_X86_64_PC32 .* "far" .* does not fit/);
});

test.each(["missing", "zero"])("linkObject() refuses a symbol whose address is %s", (what) => {
  using shop = new Workshop();
  const source = "extern int near(int); int answer(int x) { return near(x); }";
  const imports: Record<string, bigint> = what === "zero" ? { near: 0n } : {};
  expect(() => link(shop, source, imports)).toThrow('Cannot link patch "fix": symbol "near" has no address');
});

test("linkObject() refuses a relocation by its name", () => {
  using shop = new Workshop();
  const source = "extern __thread int mine; int answer(int x) { return mine + x; }";
  expect(() => link(shop, source, { mine: { is: "thread-offset", offset: -4n } }, { flags: ["-O2", "-fPIC"] }))
    .toThrow(/R_X86_64_TLSGD at .text.answer\+0x\S+ to "mine" is of a type that the Loader does not support/);
});

test("linkObject() makes an ELF file that readelf, objdump, nm and gdb read", () => {
  using shop = new Workshop();
  const { linked } = link(shop, everySort, { near: 0x5555_0010_0000n, counter: 0x5555_0020_0000n }, { flags: ["-O2", "-fPIE"] });
  const path = shop.write("linked", linked.contents);
  expect(shop.readelfWarnings(path)).toEqual([]);
  expect(shop.run("nm", path).split("\n").map((line) => line.slice(17))).toEqual(expect.arrayContaining(["T answer", "T twice", "D kept", "D room"]));
  expect(shop.run("readelf", "--debug-dump=frames", path)).toMatch(/FDE.*pc=/);
  const answer = [...linked.entries.values()][0] ?? 0n;
  const asked = shop.run("gdb", "-batch", "-nx", "-ex", `add-symbol-file ${path} -o ${formatAddress(linked.base)}`, "-ex", `info symbol ${formatAddress(answer)}`);
  expect(asked).toContain("answer in section .text");
});

test("linkObject() keeps code, constants and data on pages of their own", () => {
  using shop = new Workshop();
  const { linked } = link(shop, everySort, { near: 0x5555_0010_0000n, counter: 0x5555_0020_0000n }, { flags: ["-O2", "-fPIE"] });
  expect(linked.segments.map(({ protection }) => protection)).toEqual(["r", "rx", "rw"]);
  for (const { offset, length } of linked.segments) expect([offset % 4096, length % 4096]).toEqual([0, 0]);
  expect(linked.segments.reduce((end, segment) => (segment.offset === end ? end + segment.length : NaN), 0)).toBe(linked.contents.length);
});

test("linkObject() gives the same bytes for the same place, and another build-id for another", () => {
  using shop = new Workshop();
  const source = "int answer(int x) { return x + 1; }";
  const once = link(shop, source, {});
  expect(link(shop, source, {}).linked.contents).toEqual(once.linked.contents);
  const elsewhere = link(shop, "int answer(int x) { return x + 2; }", {});
  expect(readElf(elsewhere.linked.contents).buildId).not.toBe(readElf(once.linked.contents).buildId);
});
