// Does the manifest agree with the ELF file that it lies in? Every index in range, every function where it is said
// to be, every relocation inside of its section and against something that is either loaded along or imported.

import { formatAddress } from "../address.ts";
import { relocationName, relocationSize, sectionFlag, sectionType, x86Relocation } from "../elf/mod.ts";
import type { ElfFile, ElfRelocation, ElfSection, ElfSymbol } from "../elf/mod.ts";
import type { PatchManifest, PatchObject, PatchedFunction } from "./manifest.ts";
import { badImage } from "./refusal.ts";

/** More than any patch; a section without bytes could otherwise ask for all memory of a process. */
const mostLoadedBytes = 1 << 30;
const largestAlignment = 4096;

const loadableTypes: ReadonlySet<number> =
  new Set([sectionType.progbits, sectionType.nobits, sectionType.note, sectionType.x86Unwind]);

/** Refuses as bad-image what does not agree. */
export function checkAgreement(manifest: PatchManifest, elf: ElfFile): void {
  checkModules(manifest);
  checkLoadedSize(manifest, elf);
  const taken = new Set<number>();
  for (const object of manifest.objects) {
    const sections = loadedSections(object, elf, taken);
    const imported = checkImports(object, elf);
    for (const added of object.added) checkNewFunction(added, sections, elf);
    for (const patched of object.functions) {
      checkNewFunction(patched, sections, elf);
      checkOldFunction(patched);
    }
    checkRedirectsApart(object);
    checkValuesApart(object);
    checkCallbacks(object);
    const loaded = new Set([...sections].map((section) => section.index));
    for (const section of sections) checkRelocations(section, loaded, imported);
    for (const section of debugSections(object, elf, taken)) checkDebugRelocations(section, loaded);
  }
}

function checkModules(manifest: PatchManifest): void {
  const buildIds = manifest.objects.map((object) => object.module.buildId);
  if (new Set(buildIds).size !== buildIds.length) throw badImage("two of its objects are for one module");
  if (manifest.objects.every(({ functions, values, callbacks = [] }) => functions.length + values.length + callbacks.length === 0)) throw badImage("it redirects no function and sets no value");
}

function checkValuesApart({ values }: PatchObject): void {
  const ranges = values.map(({ name, variable, offset, expected }) => ({ name, start: variable + BigInt(offset), end: variable + BigInt(offset + expected.length) }));
  ranges.sort((one, other) => (one.start < other.start ? -1 : 1));
  for (const [at, { name, start }] of ranges.entries()) {
    const before = ranges[at - 1];
    if (before !== undefined && start < before.end) throw badImage(`it sets "${before.name}" and "${name}", which overlap`);
  }
}

function checkLoadedSize(manifest: PatchManifest, elf: ElfFile): void {
  const sizes = manifest.objects.flatMap(({ sections, debug = [] }) => [...sections, ...debug].map((index) => elf.sections[index]?.size ?? 0));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total > mostLoadedBytes) throw badImage(`its sections want ${total} bytes of memory; ${mostLoadedBytes} is the limit`);
}

function loadedSections(object: PatchObject, elf: ElfFile, taken: Set<number>): ReadonlySet<ElfSection> {
  return new Set(object.sections.map((index) => {
    const section = elf.sections[index];
    if (section === undefined || index === 0) throw badImage(`it loads section ${index} of ${elf.sections.length}`);
    if (taken.has(index)) throw badImage(`it loads section ${index} ("${section.name}") twice`);
    taken.add(index);
    checkLoadable(section);
    return section;
  }));
}

function checkLoadable(section: ElfSection): void {
  const { name, flags, type, alignment } = section;
  if ((flags & sectionFlag.alloc) === 0) throw badImage(`it loads section "${name}", which is not meant for memory`);
  if (!loadableTypes.has(type)) throw badImage(`it loads section "${name}" of type ${type}, which cannot be loaded`);
  if ((flags & sectionFlag.compressed) !== 0) throw badImage(`it loads section "${name}", which is compressed`);
  if ((flags & sectionFlag.tls) !== 0) throw badImage(`it loads section "${name}", which is thread-local`);
  const isPowerOfTwo = alignment === 0 || Number.isInteger(Math.log2(alignment));
  if (!isPowerOfTwo || alignment > largestAlignment) throw badImage(`section "${name}" has an alignment of ${alignment}`);
}

/** They are written into memory as they are, for debuggers to read: nothing of them is ever run. */
function debugSections({ debug = [] }: PatchObject, elf: ElfFile, taken: Set<number>): readonly ElfSection[] {
  return debug.map((index) => {
    const section = elf.sections[index];
    if (section === undefined || index === 0) throw badImage(`its debug information is in section ${index} of ${elf.sections.length}`);
    if (taken.has(index)) throw badImage(`it uses section ${index} ("${section.name}") twice`);
    taken.add(index);
    const { name, flags, type } = section;
    const isPlain = type === sectionType.progbits && (flags & (sectionFlag.alloc | sectionFlag.compressed)) === 0;
    if (!isPlain || !name.startsWith(".debug_")) throw badImage(`its section "${name}" is no debug information`);
    return section;
  });
}

function checkDebugRelocations(section: ElfSection, loaded: ReadonlySet<number>): void {
  for (const relocation of section.relocations) {
    checkField(relocation, section);
    const { offset, type, symbol } = relocation;
    if (type !== x86Relocation.R_X86_64_64) throw badImage(`section "${section.name}" has a relocation of ${relocationName("x86-64", type)} at ${offset}, which debug information has no use for`);
    checkReferent(relocation, section, loaded, new Set());
    if (typeof symbol.section !== "number") throw badImage(`section "${section.name}" refers at ${offset} to "${symbol.name}", which the image does not define`);
  }
}

function checkImports(object: PatchObject, elf: ElfFile): ReadonlySet<ElfSymbol> {
  const imported = new Set<ElfSymbol>();
  for (const entry of object.imports) {
    const symbol = elf.symbols[entry.symbol];
    if (symbol === undefined || entry.symbol === 0) throw badImage(`it imports symbol ${entry.symbol} of ${elf.symbols.length}`);
    if (symbol.section !== "undefined") throw badImage(`it imports "${entry.name}", which it defines itself`);
    if (symbol.name !== entry.name) throw badImage(`it imports symbol ${entry.symbol} as "${entry.name}", and the symbol has another name`);
    if (imported.has(symbol)) throw badImage(`it imports "${entry.name}" twice`);
    imported.add(symbol);
  }
  return imported;
}

function checkNewFunction(
  entry: { readonly name: string; readonly newSymbol: number; readonly newSize: number },
  sections: ReadonlySet<ElfSection>,
  elf: ElfFile,
): void {
  const { name } = entry;
  const symbol = elf.symbols[entry.newSymbol];
  if (symbol === undefined) throw badImage(`function "${name}" is symbol ${entry.newSymbol} of ${elf.symbols.length}`);
  if (symbol.type !== "function") throw badImage(`function "${name}" is symbol ${entry.newSymbol}, which is no function`);
  const section = typeof symbol.section === "number" ? elf.sections[symbol.section] : undefined;
  if (section === undefined || !sections.has(section)) throw badImage(`function "${name}" is in no section that is loaded for its module`);
  if ((section.flags & sectionFlag.execute) === 0) throw badImage(`function "${name}" is in section "${section.name}", which is not code`);
  if (symbol.size === 0 || symbol.value + BigInt(symbol.size) > BigInt(section.bytes.length)) {
    throw badImage(`function "${name}" has ${symbol.size} bytes at ${symbol.value} of section "${section.name}", which has ${section.bytes.length}`);
  }
  if (entry.newSize !== symbol.size) throw badImage(`function "${name}" has ${symbol.size} bytes, and its manifest says ${entry.newSize}`);
}

function checkOldFunction(patched: PatchedFunction): void {
  const { name, oldEntry, oldRanges } = patched;
  for (const { start, end } of oldRanges) {
    if (start >= end) throw badImage(`function "${name}" has an empty range at ${formatAddress(start)}`);
  }
  if (!oldRanges.some(({ start, end }) => start <= oldEntry && oldEntry < end)) {
    throw badImage(`function "${name}" begins at ${formatAddress(oldEntry)}, outside of its ranges`);
  }
}

function checkCallbacks({ functions, added, callbacks = [] }: PatchObject): void {
  const symbols = new Set([...functions, ...added].map(({ newSymbol }) => newSymbol));
  const stray = callbacks.find(({ symbol }) => !symbols.has(symbol));
  if (stray !== undefined) throw badImage(`its ${stray.when} callback "${stray.name}" is none of its functions`);
}

/** Two functions that overwrite one byte could not both be reverted. */
function checkRedirectsApart(object: PatchObject): void {
  const sites = object.functions
    .map((each) => ({ name: each.name, start: each.oldEntry + BigInt(each.redirectOffset), length: BigInt(each.expected.length) }))
    .sort((one, other) => (one.start < other.start ? -1 : one.start > other.start ? 1 : 0));
  sites.forEach((site, at) => {
    const next = sites[at + 1];
    if (next !== undefined && site.start + site.length > next.start) throw badImage(`functions "${site.name}" and "${next.name}" overwrite each other's entry`);
  });
}

function checkRelocations(section: ElfSection, loaded: ReadonlySet<number>, imported: ReadonlySet<ElfSymbol>): void {
  for (const relocation of section.relocations) {
    checkField(relocation, section);
    checkReferent(relocation, section, loaded, imported);
  }
}

function checkField({ offset, type }: ElfRelocation, section: ElfSection): void {
  const size = relocationSize(type);
  if (size === undefined) throw badImage(`section "${section.name}" has a relocation of ${relocationName("x86-64", type)}, which is not known`);
  if (offset + size > section.bytes.length) throw badImage(`a relocation at ${offset} reaches beyond section "${section.name}" of ${section.bytes.length} bytes`);
}

function checkReferent({ offset, symbol }: ElfRelocation, section: ElfSection, loaded: ReadonlySet<number>, imported: ReadonlySet<ElfSymbol>): void {
  const isKnown = typeof symbol.section === "number" ? loaded.has(symbol.section)
    : symbol.index === 0 || symbol.section === "absolute" || imported.has(symbol);
  if (!isKnown) {
    const what = typeof symbol.section === "number" ? "is in a section that is not loaded for this module" : "is neither defined nor imported";
    throw badImage(`section "${section.name}" refers at ${offset} to "${symbol.name}", which ${what}`);
  }
}
