// How code reaches thread-local variables that lie at no constant distance from the thread pointer: those of a library, and those
// that a program uses of one. The dynamic linker has filled slots of the module's table for them, and the code of a patch goes
// through the same slots: they are right in every model, however the library was loaded.

import { bytesAt, readU64, x86Relocation as R } from "../elf/mod.ts";
import { fileAddress } from "../address.ts";
import type { FileAddress } from "../address.ts";
import type { ThreadSlotKind } from "./links.ts";
import type { LinkedProgram } from "./program.ts";

/** A variable by its name, if others may see it, and by its place in the module's own block, if it is there. */
export interface ThreadVariable {
  readonly name?: string;
  readonly offset?: bigint;
}

const slotKinds: ReadonlyMap<number, ThreadSlotKind> = new Map([
  [R.R_X86_64_GOTTPOFF, "thread"], [R.R_X86_64_TLSGD, "thread-module"], [R.R_X86_64_TLSLD, "thread-module"], [R.R_X86_64_GOTPC32_TLSDESC, "thread-descriptor"],
]);

/** The slot, or the pair of them, that a relocation of this type needs; undefined where the module has none. */
export function threadSlotFor(program: LinkedProgram, type: number, variable: ThreadVariable): FileAddress | undefined {
  const kind = slotKinds.get(type);
  for (const [at, slot] of program.links.slots) {
    if (slot.kind !== kind || !("name" in slot)) continue;
    const isMeant = slot.name === "" ? variable.offset !== undefined && blockOffsetOf(program, at) === variable.offset : slot.name === variable.name;
    if (isMeant) return fileAddress(at);
  }
  return undefined;
}

/** The place in the module's own block that a slot leads to; undefined where it names a variable. */
export function blockOffsetOf({ program, links }: LinkedProgram, at: bigint): bigint | undefined {
  const slot = links.slots.get(at);
  if (slot === undefined || !("name" in slot) || slot.name !== "") return undefined;
  if (slot.kind !== "thread-module") return slot.addend;
  // The second word of a pair is filled by the linker where it can be, else by a relocation of its own.
  const second = links.slots.get(at + 8n);
  if (second !== undefined) return "name" in second && second.name === "" ? second.addend : undefined;
  const word = bytesAt(program.elf, at + 8n, 8);
  return word === undefined ? undefined : readU64(word, 0);
}
