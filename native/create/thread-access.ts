// How a linker rewrites accesses to thread-local variables when it makes a program: what asks the dynamic linker becomes an
// offset from the thread pointer. Code of a patch must be rewritten likewise: the functions it comes from were, and a static
// program has nobody to ask. Done to both sides before anything is compared, so that what is compared is what runs.
//
// The sequences are those of the x86-64 psABI, "Linker Optimization". In a library they stay as they are. One that is not known here
// stays too, and is refused where it would travel.

import { x86Relocation as R } from "../elf/mod.ts";
import type { ElfFile, ElfRelocation, ElfSection, ElfSymbol } from "../elf/mod.ts";

/** What stands for the beginning of a module's own block, where descriptors are used; in a program, for the thread pointer. */
export const blockBase = "_TLS_MODULE_BASE_";

/** Does the program itself hold this variable, so that its offset is a constant? Else a slot of the table holds it. */
export type IsOwn = (symbol: ElfSymbol) => boolean;

/** The object with accesses as a linker of programs leaves them. */
export function relaxThreadAccess(file: ElfFile, isOwn: IsOwn): ElfFile {
  const sections = file.sections.map((section) => (section.relocations.some(isDynamic) ? relaxSection(section, isOwn) : section));
  return { ...file, sections };
}

const dynamicTypes: ReadonlySet<number> = new Set([R.R_X86_64_TLSGD, R.R_X86_64_TLSLD, R.R_X86_64_DTPOFF32, R.R_X86_64_GOTPC32_TLSDESC, R.R_X86_64_TLSDESC_CALL]);
const isDynamic = ({ type }: ElfRelocation): boolean => dynamicTypes.has(type);

function relaxSection(section: ElfSection, isOwn: IsOwn): ElfSection {
  const bytes = section.bytes.slice();
  const relocations: ElfRelocation[] = [];
  const called = new Set<number>();
  for (const relocation of section.relocations) {
    if (called.has(relocation.offset)) continue;
    const rewriting = rewritingOf(bytes, relocation, isOwn(relocation.symbol));
    if (rewriting === undefined) {
      relocations.push(relocation);
      continue;
    }
    bytes.set(rewriting.bytes, rewriting.start);
    if (rewriting.call !== undefined) called.add(rewriting.call);
    if (rewriting.field !== undefined) relocations.push(rewriting.field);
  }
  return { ...section, bytes, relocations };
}

interface Rewriting {
  readonly start: number;
  readonly bytes: readonly number[];
  /** What the sequence holds instead of the relocation. */
  readonly field?: ElfRelocation;
  /** Place of the relocation of the call that is no more. */
  readonly call?: number;
}

function rewritingOf(code: Uint8Array, relocation: ElfRelocation, isOwn: boolean): Rewriting | undefined {
  switch (relocation.type) {
    case R.R_X86_64_TLSGD: return rewriteGeneral(code, relocation, isOwn);
    case R.R_X86_64_TLSLD: return rewriteLocal(code, relocation);
    case R.R_X86_64_DTPOFF32: return { start: relocation.offset, bytes: [], field: { ...relocation, type: R.R_X86_64_TPOFF32 } };
    case R.R_X86_64_GOTPC32_TLSDESC: return rewriteDescriptor(code, relocation, isOwn);
    case R.R_X86_64_TLSDESC_CALL: return has(code, relocation.offset, [0xff, 0x10]) ? { start: relocation.offset, bytes: [0x66, 0x90] } : undefined;
    default: return undefined;
  }
}

const threadPointer = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]; // mov %fs:0,%rax

function rewriteGeneral(code: Uint8Array, relocation: ElfRelocation, isOwn: boolean): Rewriting | undefined {
  const { offset } = relocation;
  const isSequence = has(code, offset - 4, [0x66, 0x48, 0x8d, 0x3d])                 // data16 lea x@tlsgd(%rip),%rdi
    && (has(code, offset + 4, [0x66, 0x66, 0x48, 0xe8])                              // data16 data16 rex.W call __tls_get_addr@plt
      || has(code, offset + 4, [0x66, 0x48, 0xff, 0x15]));                           // data16 rex.W call *__tls_get_addr@gotpcrel(%rip)
  if (!isSequence) return undefined;
  const tail = isOwn ? [0x48, 0x8d, 0x80, 0, 0, 0, 0] : [0x48, 0x03, 0x05, 0, 0, 0, 0]; // lea x@tpoff(%rax),%rax; add x@gottpoff(%rip),%rax
  return { start: offset - 4, bytes: [...threadPointer, ...tail], field: fieldOf(relocation, offset + 8, isOwn), call: offset + 8 };
}

function rewriteLocal(code: Uint8Array, { offset }: ElfRelocation): Rewriting | undefined {
  if (!has(code, offset - 3, [0x48, 0x8d, 0x3d])) return undefined;                  // lea x@tlsld(%rip),%rdi
  const prefix = [0x66, 0x66, 0x66];
  if (code[offset + 4] === 0xe8) return { start: offset - 3, bytes: [...prefix, ...threadPointer], call: offset + 5 };
  if (has(code, offset + 4, [0xff, 0x15])) return { start: offset - 3, bytes: [0x66, ...prefix, ...threadPointer], call: offset + 6 };
  return undefined;
}

function rewriteDescriptor(code: Uint8Array, relocation: ElfRelocation, isOwn: boolean): Rewriting | undefined {
  const { offset } = relocation;
  if (!has(code, offset - 3, [0x48, 0x8d, 0x05])) return undefined;                  // lea x@tlsdesc(%rip),%rax
  const head = isOwn ? [0x48, 0xc7, 0xc0] : [0x48, 0x8b, 0x05];                      // mov $x@tpoff,%rax; mov x@gottpoff(%rip),%rax
  return { start: offset - 3, bytes: [...head, 0, 0, 0, 0], field: fieldOf(relocation, offset, isOwn) };
}

/** A constant counts from the variable, a distance from the end of its field, as before. */
const fieldOf = (relocation: ElfRelocation, offset: number, isOwn: boolean): ElfRelocation =>
  (isOwn ? { ...relocation, offset, type: R.R_X86_64_TPOFF32, addend: relocation.addend + 4n } : { ...relocation, offset, type: R.R_X86_64_GOTTPOFF });

const has = (code: Uint8Array, at: number, bytes: readonly number[]): boolean => bytes.every((byte, index) => code[at + index] === byte);
