// What a patch does to its functions, instruction by instruction: the old code from the program's file, the new code from
// the image, both by objdump, written so that equal instructions are equal lines. Addresses go; branches within the function
// lead to labels; places outside have their names, strings their contents.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { structuredPatch } from "diff";

import { bytesAt, readElf, sectionFlag } from "../elf/mod.ts";
import type { ElfFile } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { PatchedFunction, PatchImage } from "../image/mod.ts";
import { runProgram } from "./run-program.ts";
import { withScratch } from "./scratch.ts";

export interface FunctionDisassembly {
  readonly function: string;
  readonly unit: string;
  readonly module: string;
  /** Absent where the program's file is not at hand. */
  readonly old?: readonly string[];
  readonly new: readonly string[];
  /** Unified, with a few equal lines around each change; absent without `old`. */
  readonly difference?: readonly string[];
}

/** A file that holds the old code. */
export interface OldCode {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Old against new, for each function of these names; for all without names. Refuses files that are none of the image's modules. */
export async function disassemblePatch(
  image: PatchImage, bytes: Uint8Array, { files = [], functions = [] }: { readonly files?: readonly OldCode[]; readonly functions?: readonly string[] } = {},
): Promise<readonly FunctionDisassembly[]> {
  const modules = new Map(files.map((file) => moduleOf(image, file)));
  refuseUnknown(image, functions);
  return withScratch(async (directory) => {
    const path = join(directory, "image");
    await writeFile(path, bytes);
    const sections = await disassembleSections(path, image.elf);
    const wanted = image.manifest.objects.flatMap(({ module, functions: all }) => all.map((each) => ({ module, each })))
      .filter(({ each }) => functions.length === 0 || functions.includes(each.name));
    return Promise.all(wanted.map(async ({ module, each }) => {
      const file = modules.get(module.buildId);
      const fresh = newCode(image.elf, sections, each);
      const head = { function: each.name, unit: each.unit, module: module.name, new: fresh };
      if (file === undefined) return head;
      const old = await oldCode(file, each);
      return { ...head, old, difference: compare(old, fresh) };
    }));
  });
}

interface OldFile extends OldCode {
  readonly elf: ElfFile;
}

function moduleOf({ manifest }: PatchImage, file: OldCode): readonly [string, OldFile] {
  const elf = readElf(file.bytes);
  const wanted = manifest.objects.map(({ module }) => module);
  if (elf.buildId !== undefined && wanted.some(({ buildId }) => buildId === elf.buildId)) return [elf.buildId, { ...file, elf }];
  const names = wanted.map(({ name, buildId }) => `${name} ${buildId}`).join(", ");
  throw new SutureError("build-id-mismatch", `Cannot show the old code: ${file.path} has build-id ${elf.buildId ?? "none"}, and the patch is for ${names}`, { path: file.path });
}

function refuseUnknown({ manifest }: PatchImage, names: readonly string[]): void {
  const known = new Set(manifest.objects.flatMap(({ functions }) => functions.map(({ name }) => name)));
  const unknown = names.find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new SutureError("unknown-function", `Cannot disassemble ${unknown}: the patch replaces ${[...known].join(", ")}`, { function: unknown });
}

async function objdump(path: string, ...options: readonly string[]): Promise<readonly string[]> {
  const run = await runProgram("objdump", ["--no-show-raw-insn", ...options, path], { directory: "/" });
  if (run.status !== 0) throw new SutureError("internal", `Cannot disassemble ${path}: objdump ended with ${run.status}: ${run.errors.trim()}`, {});
  return run.output.toString().split("\n");
}

/** objdump's lines for each section that holds code, by index: it takes sections in order, and names can be the same. */
async function disassembleSections(path: string, elf: ElfFile): Promise<ReadonlyMap<number, readonly string[]>> {
  const indexes = elf.sections.filter(({ flags, size }) => (flags & sectionFlag.execute) !== 0 && size > 0).map(({ index }) => index);
  const lines = await objdump(path, "-d", "-r");
  const starts = [...lines.keys()].filter((at) => lines[at]?.startsWith("Disassembly of section "));
  return new Map(starts.map((start, at) => [indexes[at] ?? 0, lines.slice(start + 1, starts[at + 1])]));
}

interface Instruction {
  readonly at: bigint;
  readonly text: string;
  /** What its relocations name, in order. */
  readonly names: readonly string[];
}

const instruction = /^ *([0-9a-f]+):\t(.*?)\s*$/;
const relocation = /^\t\t\t[0-9a-f]+: (R_\w+)\t(.*)$/;

function readInstructions(lines: readonly string[], start: bigint, end: bigint): readonly Instruction[] {
  const found: { at: bigint; text: string; names: string[] }[] = [];
  for (const line of lines) {
    const [, at, text] = instruction.exec(line) ?? [];
    const [, , name] = relocation.exec(line) ?? [];
    if (name !== undefined) found.at(-1)?.names.push(name);
    else if (at !== undefined && text !== undefined) found.push({ at: BigInt(`0x${at}`), text, names: [] });
  }
  return found.filter(({ at, text }) => start <= at && at < end && !padding.test(text));
}

/** What only brings a loop to an even address. */
const padding = /^(?:(?:data16|cs) )*(?:nop\w*|xchg +%ax,%ax)(?: |$)/;

/** Literals and tables without a name: each build puts them elsewhere. */
const nameless = "<constants>";

function newCode(elf: ElfFile, sections: ReadonlyMap<number, readonly string[]>, { newSymbol, newSize }: PatchedFunction): readonly string[] {
  const symbol = elf.symbols[newSymbol];
  const lines = typeof symbol?.section === "number" ? sections.get(symbol.section) : undefined;
  if (symbol === undefined || lines === undefined) return [];
  const end = symbol.value + BigInt(newSize);
  return render(readInstructions(lines, symbol.value, end), symbol.value, end, (each) => newPlace(elf, each));
}

async function oldCode({ path, elf }: OldFile, { oldEntry, oldSize }: PatchedFunction): Promise<readonly string[]> {
  const end = oldEntry + BigInt(oldSize);
  const lines = await objdump(path, "-d", `--start-address=${oldEntry}`, `--stop-address=${end}`);
  return render(readInstructions(lines, oldEntry, end), oldEntry, end, (each) => oldPlace(elf, each));
}

const branch = /^(?:(?:bnd|notrack) )?j\w+ +([0-9a-f]+)(?: <.*>)?$/;

/** One line for each instruction, with labels where branches of the function lead. */
function render(code: readonly Instruction[], start: bigint, end: bigint, placeOf: (each: Instruction) => string): readonly string[] {
  const inside = code.map((each) => {
    const to = each.names.length > 0 ? undefined : branch.exec(each.text)?.[1];
    const at = to === undefined ? undefined : BigInt(`0x${to}`);
    return at !== undefined && start <= at && at < end ? at : undefined;
  });
  const labels = new Map([...new Set(inside.filter((at) => at !== undefined))].sort((a, b) => (a < b ? -1 : 1)).map((at, index) => [at, `L${index + 1}`]));
  return code.flatMap((each, index) => {
    const to = inside[index];
    const text = to === undefined ? placeOf(each) : `${each.text.replace(/ .*$/, "")} ${labels.get(to) ?? ""}`;
    const label = labels.get(each.at);
    return [...(label === undefined ? [] : [`${label}:`]), `  ${text.replaceAll(/ +/g, " ")}`];
  });
}

/** In the image, relocations say what is meant. */
function newPlace(elf: ElfFile, { text, names }: Instruction): string {
  const bare = text.replace(/\s+#.*$/, "");
  const [name] = names;
  if (name === undefined) return bare.replace(/ [0-9a-f]+ <(.*)>$/, " $1");
  const what = describe(elf, name);
  if (/^(?:(?:bnd|notrack) )?(?:call|j\w+) +[0-9a-f]+/.test(bare)) return bare.replace(/ +[0-9a-f]+(?: <.*>)?$/, ` ${what}`);
  if (bare.includes("0x0(%rip)")) return bare.replace("0x0(%rip)", `${what}(%rip)`);
  return `${bare} # ${what}`;
}

/** `counter-0x4`, `.rodata.str1.1+0x5`: without the distance that belongs to the field, and a string as itself. */
function describe(elf: ElfFile, name: string): string {
  const [, symbol = name, sign = "+", distance = "0"] = /^(.*?)(?:([+-])0x([0-9a-f]+))?$/.exec(name) ?? [];
  const offset = Number(BigInt(`0x${distance}`)) * (sign === "-" ? -1 : 1) + 4;
  const section = symbol.startsWith(".") || symbol.startsWith("*") ? elf.sections.find((each) => each.name === symbol) : undefined;
  const text = section === undefined ? undefined : stringAt(section.bytes.subarray(Math.max(0, offset)));
  if (text !== undefined) return text;
  if (section !== undefined && (section.flags & (sectionFlag.write | sectionFlag.execute)) === 0) return nameless;
  return offset === 0 ? symbol : `${symbol}${offset > 0 ? "+" : "-"}0x${Math.abs(offset).toString(16)}`;
}

/** In the program, objdump's remarks do. */
function oldPlace(elf: ElfFile, { text }: Instruction): string {
  const [, bare = text, address, symbol] = /^(.*?)\s+# ([0-9a-f]+)(?: <(.*)>)?$/.exec(text) ?? [];
  if (address === undefined) return bare.replace(/ [0-9a-f]+ <(.*?)(?:@plt)?>$/, " $1");
  const found = stringAt(bytesAt(elf, BigInt(`0x${address}`), 1) === undefined ? undefined : bytesFrom(elf, BigInt(`0x${address}`)));
  const isReadOnly = elf.sections.some(({ flags, address: start, size }) =>
    (flags & (sectionFlag.write | sectionFlag.execute)) === 0 && start <= BigInt(`0x${address}`) && BigInt(`0x${address}`) < start + BigInt(size));
  const isNamed = symbol !== undefined && !symbol.includes("+");
  const what = !isReadOnly || isNamed ? symbol ?? `0x${address}` : found ?? nameless;
  return bare.replace(/-?0x[0-9a-f]+\(%rip\)/, () => `${what}(%rip)`);
}

function bytesFrom(elf: ElfFile, at: bigint): Uint8Array | undefined {
  const section = elf.sections.find(({ address, bytes }) => address !== 0n && address <= at && at < address + BigInt(bytes.length));
  return section?.bytes.subarray(Number(at - section.address));
}

const longestString = 60;

/** What is there as a C string, if it is one that can be read. */
function stringAt(bytes: Uint8Array | undefined): string | undefined {
  const end = bytes?.indexOf(0) ?? -1;
  if (bytes === undefined || end <= 0) return undefined;
  const text = Buffer.from(bytes.subarray(0, Math.min(end, longestString))).toString("latin1");
  return /^[\x20-\x7e\n\t\r]+$/.test(text) ? JSON.stringify(text + (end > longestString ? "…" : "")) : undefined;
}

function compare(old: readonly string[], fresh: readonly string[]): readonly string[] {
  const { hunks } = structuredPatch("old", "new", `${old.join("\n")}\n`, `${fresh.join("\n")}\n`, "", "", { context: 4 });
  return hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`, ...lines]);
}
