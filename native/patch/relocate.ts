// What the x86-64 psABI says each relocation writes. A value that does not fit its field is refused, never cut off; a
// symbol that nobody resolved is refused, never taken for 0; a type that is not here is refused by its name.

import { address, formatAddress } from "../address.ts";
import type { Address } from "../address.ts";
import { relocationName, writeI32, writeU32, writeU64, x86Relocation } from "../elf/mod.ts";
import type { ElfRelocation, ElfSection, ElfSymbol } from "../elf/mod.ts";
import { isCall, offsetOf, usesTable } from "./layout.ts";
import type { Layout } from "./layout.ts";
import { refuse } from "./refusal.ts";

/** What an import means in the process. */
export type Resolved =
  | { readonly is: "address"; readonly address: Address; readonly mayBeNull?: boolean }
  /** Distance from the thread pointer. */
  | { readonly is: "thread-offset"; readonly offset: bigint };

export interface RelocationContext {
  readonly patch: string;
  readonly layout: Layout;
  readonly base: Address;
  /** By symbol index of the image. */
  readonly resolved: ReadonlyMap<number, Resolved>;
}

/** Writes one relocation of `section` into the memory file. */
export function relocate(relocation: ElfRelocation, section: ElfSection, at: number, file: Uint8Array, context: RelocationContext): void {
  const type = x86Relocation;
  const place = context.base + BigInt(at);
  const { symbol, addend } = relocation;
  switch (relocation.type) {
    case type.R_X86_64_NONE: return;
    case type.R_X86_64_64: return writeU64(file, at, BigInt.asUintN(64, symbolAddress(relocation, section, context) + addend));
    case type.R_X86_64_PC64: return writeU64(file, at, BigInt.asUintN(64, symbolAddress(relocation, section, context) + addend - place));
    case type.R_X86_64_32: {
      const value = symbolAddress(relocation, section, context) + addend;
      if (BigInt.asUintN(32, value) !== value) throw doesNotFit(relocation, section, value, context);
      return writeU32(file, at, Number(value));
    }
    case type.R_X86_64_32S: return writeSigned(symbolAddress(relocation, section, context) + addend);
    case type.R_X86_64_PC32: case type.R_X86_64_PLT32: return writeSigned(distance());
    case type.R_X86_64_GOTPCREL: case type.R_X86_64_GOTPCRELX: case type.R_X86_64_REX_GOTPCRELX: case type.R_X86_64_GOTTPOFF:
      return writeSigned(context.base + BigInt(slotOf(symbol, context)) + addend - place);
    case type.R_X86_64_TPOFF32: return writeSigned(threadOffset(relocation, section, context) + addend);
    default:
      throw refuse("bad-image", act(context), `${describe(relocation, section)} is of a type that the Loader does not support`, {
        patch: context.patch, relocation: relocationName("x86-64", relocation.type), symbol: symbol.name,
      });
  }

  function writeSigned(value: bigint): void {
    if (BigInt.asIntN(32, value) !== value) throw doesNotFit(relocation, section, value, context);
    writeI32(file, at, Number(value));
  }

  function distance(): bigint {
    const direct = symbolAddress(relocation, section, context) + addend - place;
    const stub = context.layout.stubs.get(symbol.index);
    if (BigInt.asIntN(32, direct) === direct || stub === undefined || !isCall(relocation, section)) return direct;
    return context.base + BigInt(stub) + addend - place;
  }
}

/** What stands in a slot of the table of addresses: the symbol's address, or its distance from the thread pointer. */
export function slotValue(symbol: ElfSymbol, isThreadLocal: boolean, context: RelocationContext): bigint {
  const resolved = resolve(symbol, context);
  if ((resolved.is === "thread-offset") !== isThreadLocal) throw wrongSort(`the table of addresses uses "${symbol.name}"`, resolved, context);
  return BigInt.asUintN(64, resolved.is === "address" ? resolved.address : resolved.offset);
}

/** Whether the relocations that use this slot want an offset from the thread pointer. */
export const isThreadLocalUse = ({ type }: ElfRelocation): boolean => usesTable(type) && type === x86Relocation.R_X86_64_GOTTPOFF;

function symbolAddress(relocation: ElfRelocation, section: ElfSection, context: RelocationContext): bigint {
  const resolved = resolve(relocation.symbol, context);
  if (resolved.is !== "address") throw wrongSort(describe(relocation, section), resolved, context);
  return resolved.address;
}

function threadOffset(relocation: ElfRelocation, section: ElfSection, context: RelocationContext): bigint {
  const resolved = resolve(relocation.symbol, context);
  if (resolved.is !== "thread-offset") throw wrongSort(describe(relocation, section), resolved, context);
  return resolved.offset;
}

function resolve(symbol: ElfSymbol, { layout, base, resolved, patch }: RelocationContext): Resolved {
  const offset = offsetOf(layout, symbol);
  if (offset !== undefined) return { is: "address", address: address(base + BigInt(offset)) };
  if (symbol.section === "absolute") return { is: "address", address: address(symbol.value) };
  const found = resolved.get(symbol.index);
  if (found === undefined || (found.is === "address" && found.address === 0n && found.mayBeNull !== true)) {
    throw refuse("unresolved-symbol", `link patch "${patch}"`, `symbol "${symbol.name}" has no address`, { patch, symbol: symbol.name });
  }
  return found;
}

function slotOf(symbol: ElfSymbol, { layout, patch }: RelocationContext): number {
  const slot = layout.slots.get(symbol.index);
  if (slot === undefined) throw refuse("internal", `link patch "${patch}"`, `no room was kept for the address of "${symbol.name}"`);
  return slot;
}

const act = ({ patch }: RelocationContext): string => `link patch "${patch}"`;

const describe = ({ type, offset, symbol }: ElfRelocation, section: ElfSection): string =>
  `${relocationName("x86-64", type)} at ${section.name}+${formatAddress(BigInt(offset))} to "${symbol.name}"`;

const wrongSort = (what: string, { is }: Resolved, context: RelocationContext) =>
  refuse("bad-image", act(context), `${what} does not go with ${is === "address" ? "an ordinary" : "a thread-local"} symbol`, { patch: context.patch });

const doesNotFit = (relocation: ElfRelocation, section: ElfSection, value: bigint, context: RelocationContext) =>
  refuse("unreachable-memory", act(context), `${describe(relocation, section)} would have to hold ${signed(value)}, which does not fit; to reach so far, code must be compiled with -fPIC`, {
    patch: context.patch, relocation: relocationName("x86-64", relocation.type), symbol: relocation.symbol.name,
  });

const signed = (value: bigint): string => (value < 0n ? `-${formatAddress(-value)}` : formatAddress(value));
