// What the linker put between the program and other modules: PLT stubs and GOT slots, each with the dynamic symbol
// that it stands for. Read from the program's file; the proof needs it to know what a decoded address means.

import { bytesAt, readI32, readU32, readU64, sectionType, x86Relocation as R } from "../elf/mod.ts";
import type { ElfFile, ElfSection, ElfSymbol } from "../elf/mod.ts";

/** What the dynamic linker fills a slot of the GOT with. */
export type Slot =
  /** `isLazy`: it may lead to the dynamic linker until the first call. */
  | { readonly kind: "symbol"; readonly symbol: ElfSymbol; readonly isLazy: boolean }
  | { readonly kind: "address"; readonly at: bigint }
  /** The address that an indirect function's resolver gives. */
  | { readonly kind: "indirect"; readonly resolver: bigint }
  /** What leads to a thread-local variable: of that name, or of this module's own block at `addend`. */
  | { readonly kind: ThreadSlotKind; readonly name: string; readonly addend: bigint }
  | { readonly kind: "other" };

/** An offset from the thread pointer; a module's number, with an offset in the next slot; that offset; a descriptor of two words. */
export type ThreadSlotKind = "thread" | "thread-module" | "thread-offset" | "thread-descriptor";

export interface ProgramLinks {
  readonly slots: Slots;
  /** By address of the stub. */
  readonly stubs: ReadonlyMap<bigint, Slot>;
}

export function readLinks(file: ElfFile): ProgramLinks {
  const slots = new Slots(file);
  return { slots, stubs: readStubs(file, slots) };
}

const relaSize = 24;

/** By address of the slot. There are thousands, of which a build asks for a few: each is read when it is asked for. */
export class Slots {
  readonly #file: ElfFile;
  readonly #places = new Map<number, SlotPlace>();

  constructor(file: ElfFile) {
    this.#file = file;
    for (const { bytes } of file.sections.filter(({ type, bytes }) => type === sectionType.rela && bytes.length % relaSize === 0)) {
      const table = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at < bytes.length; at += relaSize) this.#places.set(table.getUint32(at, true) + 2 ** 32 * table.getUint32(at + 4, true), { table, at });
    }
  }

  get(address: bigint): Slot | undefined {
    const place = this.#places.get(Number(address));
    return place !== undefined && addressOf(place) === address ? this.#read(place) : undefined;
  }

  *[Symbol.iterator](): Generator<readonly [at: bigint, slot: Slot]> {
    for (const place of this.#places.values()) yield [addressOf(place), this.#read(place)];
  }

  #read({ table, at }: SlotPlace): Slot {
    return slotOf(table.getUint32(at + 8, true), this.#file.dynamicSymbols[table.getUint32(at + 12, true)], table.getBigInt64(at + 16, true));
  }
}

/** Where a dynamic relocation stands. */
interface SlotPlace {
  readonly table: DataView;
  readonly at: number;
}

const addressOf = ({ table, at }: SlotPlace): bigint => table.getBigUint64(at, true);

function slotOf(type: number, symbol: ElfSymbol | undefined, addend: bigint): Slot {
  switch (type) {
    case R.R_X86_64_GLOB_DAT: case R.R_X86_64_JUMP_SLOT: case R.R_X86_64_64:
      return symbol === undefined || symbol.name === "" ? { kind: "other" } : { kind: "symbol", symbol, isLazy: type === R.R_X86_64_JUMP_SLOT };
    case R.R_X86_64_RELATIVE: return { kind: "address", at: addend };
    case R.R_X86_64_IRELATIVE: return { kind: "indirect", resolver: addend };
    case R.R_X86_64_TPOFF64: return threadSlot("thread", symbol, addend);
    case R.R_X86_64_DTPMOD64: return threadSlot("thread-module", symbol, addend);
    case R.R_X86_64_DTPOFF64: return threadSlot("thread-offset", symbol, addend);
    case R.R_X86_64_TLSDESC: return threadSlot("thread-descriptor", symbol, addend);
    default: return { kind: "other" };
  }
}

const threadSlot = (kind: ThreadSlotKind, symbol: ElfSymbol | undefined, addend: bigint): Slot => ({ kind, name: symbol?.name ?? "", addend });

const isStubSection = ({ name }: ElfSection): boolean => name === ".plt" || name.startsWith(".plt.") || name === ".iplt";

/** A stub is a jump through a slot, after endbr64 and a bnd prefix where there are such. */
function readStubs(file: ElfFile, slots: Slots): ReadonlyMap<bigint, Slot> {
  const stubs = new Map<bigint, Slot>();
  for (const section of file.sections.filter(isStubSection)) {
    const step = section.name === ".plt.got" && section.entrySize === 8 ? 8 : 16;
    for (let at = 0; at + step <= section.bytes.length; at += step) {
      const jump = jumpThroughSlot(section.bytes, at, step);
      if (jump === undefined) continue;
      const slot = slots.get(section.address + BigInt(jump + 4) + BigInt(readI32(section.bytes, jump)));
      if (slot !== undefined) stubs.set(section.address + BigInt(at), slot);
    }
  }
  return stubs;
}

/** Where the displacement of `jmp *slot(%rip)` stands. */
function jumpThroughSlot(bytes: Uint8Array, entry: number, size: number): number | undefined {
  let at = entry;
  if (readU32(bytes, at) === 0xfa1e0ff3) at += 4; // endbr64
  if (bytes[at] === 0xf2) at += 1;                // bnd
  return at + 6 <= entry + size && bytes[at] === 0xff && bytes[at + 1] === 0x25 ? at + 2 : undefined;
}

/** What a slot of the GOT holds, read from the file where no dynamic relocation fills it. */
export function slotAt(file: ElfFile, links: ProgramLinks, at: bigint): Slot {
  const known = links.slots.get(at);
  if (known !== undefined) return known;
  const bytes = bytesAt(file, at, 8);
  return bytes === undefined ? { kind: "other" } : { kind: "address", at: readU64(bytes, 0) };
}
