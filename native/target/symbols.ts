// Names to addresses and back, among the modules of a process as they are loaded now. A lookup never yields 0 and
// never the address of an indirect function's resolver: both would be called one day.

import { address, formatAddress, unrebase } from "../address.ts";
import type { Address } from "../address.ts";
import { readU32, readU64, sectionType, symbolAt, x86Relocation } from "../elf/mod.ts";
import type { ElfFile, ElfSection, ElfSymbol } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { Module } from "./modules.ts";
import { moduleAt } from "./target.ts";
import type { Target } from "./target.ts";

export interface FoundSymbol {
  readonly address: Address;
  readonly module: Module;
  readonly type: ElfSymbol["type"];
}

/**
 * The address that a reference to this dynamic symbol means in the process: the first definition in load order, global or
 * weak alike, as the dynamic linker has it. The program comes first, so a variable that it holds a copy of is found
 * where the program has it. Libraries that were loaded with RTLD_LOCAL are searched too, after the others.
 * Refuses: unresolved-symbol.
 */
export async function findDynamicSymbol(target: Target, name: string, version?: string): Promise<FoundSymbol> {
  for (const module of target.modules) {
    const symbol = definitionIn(await module.elf(), name, version);
    if (symbol === undefined) continue;
    if (symbol.type === "tls") throw unresolved(target, name, version, `it is thread-local, in ${module.name}`);
    const at = symbol.type === "ifunc" ? await findChosenFunction(target, module, symbol, version) : addressOf(symbol, module);
    if (at === 0n) throw unresolved(target, name, version, `${module.name} has it at address 0`);
    return { address: at, module, type: symbol.type };
  }
  throw unresolved(target, name, version, "none of its modules defines it; is the library loaded that has it?");
}

function unresolved(target: Target, name: string, version: string | undefined, found: string): SutureError {
  const full = version === undefined ? name : `${name}@${version}`;
  return new SutureError("unresolved-symbol", `Cannot find symbol "${full}" in pid ${target.pid}: ${found}`, { pid: target.pid, symbol: full });
}

const addressOf = (symbol: ElfSymbol, module: Module): Address =>
  symbol.section === "absolute" ? address(symbol.value) : address(symbol.value + module.bias);

function definitionIn(elf: ElfFile, name: string, version: string | undefined): ElfSymbol | undefined {
  const candidates = (byName(elf).get(name) ?? []).filter(isVisibleDefinition);
  return candidates.find((symbol) => isVersion(symbol, version));
}

const isVisibleDefinition = (symbol: ElfSymbol): boolean =>
  (typeof symbol.section === "number" || symbol.section === "absolute")
  && (symbol.binding === "global" || symbol.binding === "weak" || symbol.binding === "unique")
  && (symbol.visibility === "default" || symbol.visibility === "protected");

/** A module without versions satisfies any reference; a reference without one means the default version. */
const isVersion = (symbol: ElfSymbol, version: string | undefined): boolean =>
  symbol.version === undefined || (version === undefined ? symbol.hiddenVersion !== true : symbol.version === version);

const namesOfElf = new WeakMap<ElfFile, ReadonlyMap<string, readonly ElfSymbol[]>>();

function byName(elf: ElfFile): ReadonlyMap<string, readonly ElfSymbol[]> {
  const known = namesOfElf.get(elf);
  if (known !== undefined) return known;
  const names = new Map<string, ElfSymbol[]>();
  for (const symbol of elf.dynamicSymbols) {
    const list = names.get(symbol.name);
    if (list === undefined) names.set(symbol.name, [symbol]);
    else list.push(symbol);
  }
  namesOfElf.set(elf, names);
  return names;
}

/**
 * An indirect function's symbol is its resolver; what the resolver chose stands in the tables of those modules that
 * call the function: under its name, or, in the defining module, under the resolver's address. A slot that was not bound yet
 * points back into its own module, so only a place in the code of the defining module counts, or in the vdso, where libc's
 * clock functions come from.
 */
async function findChosenFunction(target: Target, definer: Module, resolver: ElfSymbol, version: string | undefined): Promise<Address> {
  const homes = target.vdso === undefined ? [definer] : [definer, target.vdso];
  for (const module of target.modules) {
    const elf = await module.elf();
    const slots = module === definer ? slotsOfResolver(elf, resolver.value) : slotsOfName(elf, resolver.name, version);
    for (const slot of slots) {
      const at = address(readU64(await target.read(address(slot + module.bias), 8), 0));
      if (at !== address(resolver.value + definer.bias) && homes.some((home) => isCodeOf(home, at))) return at;
    }
  }
  throw unresolved(target, resolver.name, version, `it is an indirect function of ${definer.name}, and no module has called it yet, so its choice is not known`);
}

const isCodeOf = (module: Module, at: Address): boolean =>
  module.mappings.some(({ start, end, isExecutable }) => isExecutable && start <= at && at < end);

interface DynamicRelocation {
  readonly place: bigint;
  readonly type: number;
  readonly symbol: number;
  readonly addend: bigint;
}

function* slotsOfName(elf: ElfFile, name: string, version: string | undefined): Generator<bigint> {
  const wanted = new Set((byName(elf).get(name) ?? [])
    .filter((symbol) => symbol.section === "undefined" && (version === undefined || symbol.version === undefined || symbol.version === version))
    .map(({ index }) => index));
  if (wanted.size === 0) return;
  for (const { type, symbol, place } of dynamicRelocations(elf)) {
    const isSlot = type === x86Relocation.R_X86_64_JUMP_SLOT || type === x86Relocation.R_X86_64_GLOB_DAT;
    if (isSlot && wanted.has(symbol)) yield place;
  }
}

/** The dynamic linker calls resolvers that a module uses itself when it loads the module. */
function* slotsOfResolver(elf: ElfFile, resolver: bigint): Generator<bigint> {
  for (const { type, addend, place } of dynamicRelocations(elf)) {
    if (type === x86Relocation.R_X86_64_IRELATIVE && addend === resolver) yield place;
  }
}

function* dynamicRelocations(elf: ElfFile): Generator<DynamicRelocation> {
  for (const { bytes } of elf.sections.filter((section) => isDynamicRelocationTable(section, elf))) {
    for (let at = 0; at + 24 <= bytes.length; at += 24) {
      yield { place: readU64(bytes, at), type: readU32(bytes, at + 8), symbol: readU32(bytes, at + 12), addend: readU64(bytes, at + 16) };
    }
  }
}

const isDynamicRelocationTable = (section: ElfSection, elf: ElfFile): boolean =>
  section.type === sectionType.rela && elf.sections[section.link]?.type === sectionType.dynsym;

/**
 * The name of the function at `at`, or as much as is known: `library+0x…`, or the address. A return address may lie just
 * behind the function that made the call. Never fails.
 */
export async function nameAt(target: Target, at: Address, { isReturnAddress = false } = {}): Promise<string> {
  const place = isReturnAddress ? address(at - 1n) : at;
  const module = moduleAt(target, place);
  if (module === undefined) return formatAddress(at);
  const symbolNameAt = (wanted: Address): Promise<string | undefined> =>
    module.elf().then((elf) => symbolAt(elf, unrebase(wanted, module.bias))?.name, () => undefined);
  // A signal may have interrupted a function at its first instruction: then it returns to just there.
  const name = await symbolNameAt(place) ?? await symbolNameAt(at);
  return name ?? `${module.name}+${formatAddress(at - module.span.start)}`;
}
