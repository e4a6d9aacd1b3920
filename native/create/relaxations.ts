// What a linker makes of a relocated field, backwards. Given the object's bytes, the linked bytes and one relocation,
// each rule says which bytes the linker may have rewritten and what the field in the program now refers to.
//
// The rewritings are those of the x86-64 psABI, "Linker Optimization": a load from the GOT becomes lea or an immediate, a
// call through it a direct call, an initial-exec access to a thread variable a local-exec one. A rewriting that is not known
// here leaves its bytes unmasked, so that they count as a difference: better a refusal than a wrong decode.

import { readI32, readI64, readU32, x86Relocation as R } from "../elf/mod.ts";
import type { ElfRelocation } from "../elf/mod.ts";

/** What a field refers to, worked out from linked bytes. */
export type Decoded =
  /** The address of the relocation's symbol, addend taken away. */
  | { readonly kind: "address"; readonly value: bigint }
  /** The address of a GOT slot that stands for the symbol. */
  | { readonly kind: "slot"; readonly at: bigint }
  /** Offset of a thread variable from the thread pointer. */
  | { readonly kind: "thread"; readonly offset: bigint }
  | { readonly kind: "thread-slot"; readonly at: bigint }
  /** Offset of a thread variable in the block of its module. */
  | { readonly kind: "thread-block"; readonly offset: bigint }
  /** Right, but says nothing. */
  | { readonly kind: "nothing" };

/** The bytes that the linker may have written, relative to the function, and what they say. */
export interface DecodedField {
  readonly start: number;
  readonly end: number;
  readonly decoded: Decoded;
}

/** One function, as compiled and as linked. */
export interface Linked {
  readonly object: Uint8Array;
  readonly program: Uint8Array;
  /** Address of the function in the program. */
  readonly at: bigint;
}

/** What a linker of programs rewrites, see thread-access.ts: where such a relocation is left, it did not know how. */
export const isDynamicThreadAccess = (type: number): boolean =>
  type === R.R_X86_64_TLSGD || type === R.R_X86_64_TLSLD || type === R.R_X86_64_DTPOFF32 ||
  type === R.R_X86_64_GOTPC32_TLSDESC || type === R.R_X86_64_TLSDESC_CALL;

/** What became of `relocation`, whose field is at `offset` of the function; undefined for a type not known here. */
export function decodeField(linked: Linked, offset: number, relocation: ElfRelocation): DecodedField | undefined {
  const { type, addend } = relocation;
  switch (type) {
    case R.R_X86_64_NONE: return field(offset, 0, { kind: "nothing" });
    case R.R_X86_64_PC32: case R.R_X86_64_PLT32:
      return field(offset, 4, { kind: "address", value: relative(linked, offset) - addend });
    case R.R_X86_64_PC64:
      return field(offset, 8, { kind: "address", value: readI64(linked.program, offset) + linked.at + BigInt(offset) - addend });
    case R.R_X86_64_64: return field(offset, 8, { kind: "address", value: readI64(linked.program, offset) - addend });
    case R.R_X86_64_32: return field(offset, 4, { kind: "address", value: BigInt(readU32(linked.program, offset)) - addend });
    case R.R_X86_64_32S: return field(offset, 4, { kind: "address", value: BigInt(readI32(linked.program, offset)) - addend });
    case R.R_X86_64_TPOFF32: return field(offset, 4, { kind: "thread", offset: BigInt(readI32(linked.program, offset)) - addend });
    case R.R_X86_64_GOTPCREL: case R.R_X86_64_GOTPCRELX: case R.R_X86_64_REX_GOTPCRELX:
      return decodeGotLoad(linked, offset, addend);
    case R.R_X86_64_GOTTPOFF: return decodeThreadLoad(linked, offset, addend);
    case R.R_X86_64_SIZE32: return field(offset, 4, { kind: "nothing" });
    case R.R_X86_64_SIZE64: return field(offset, 8, { kind: "nothing" });
    case R.R_X86_64_TLSGD: case R.R_X86_64_GOTPC32_TLSDESC:
      return field(offset, 4, { kind: "thread-slot", at: relative(linked, offset) - addend });
    case R.R_X86_64_TLSLD: return field(offset, 4, { kind: "nothing" });
    case R.R_X86_64_DTPOFF32: return field(offset, 4, { kind: "thread-block", offset: BigInt(readI32(linked.program, offset)) - addend });
    case R.R_X86_64_TLSDESC_CALL: return field(offset, 0, { kind: "nothing" });
    default: return undefined;
  }
}

const field = (start: number, length: number, decoded: Decoded): DecodedField => ({ start, end: start + length, decoded });

/** The address that a pc-relative field at `offset` holds, without addend. */
const relative = ({ program, at }: Linked, offset: number): bigint => BigInt(readI32(program, offset)) + at + BigInt(offset);

function decodeGotLoad(linked: Linked, offset: number, addend: bigint): DecodedField {
  const { object, program } = linked;
  const was = object[offset - 2];
  const is = program[offset - 2];
  const slot = field(offset, 4, { kind: "slot", at: relative(linked, offset) - addend });
  if (was === 0x8b && is === 0x8d) {
    // mov slot(%rip), %r  ->  lea symbol(%rip), %r
    return { start: offset - 2, end: offset + 4, decoded: { kind: "address", value: relative(linked, offset) - addend } };
  }
  if (was === 0xff && object[offset - 1] === 0x15 && is === 0x67 && program[offset - 1] === 0xe8) {
    // call *slot(%rip)  ->  addr32 call symbol
    return { start: offset - 2, end: offset + 4, decoded: { kind: "address", value: relative(linked, offset) - addend } };
  }
  if (was === 0xff && object[offset - 1] === 0x25 && is === 0xe9 && program[offset + 3] === 0x90) {
    // jmp *slot(%rip)  ->  jmp symbol; nop. The field moves one byte ahead, its end with it.
    return { start: offset - 2, end: offset + 4, decoded: { kind: "address", value: relative(linked, offset - 1) + 4n } };
  }
  return decodeImmediate(linked, offset) ?? slot;
}

/** The rewritings that leave an immediate operand, and move the register from ModRM.reg to ModRM.rm. */
function decodeImmediate({ object, program }: Linked, offset: number): DecodedField | undefined {
  const was = object[offset - 2] ?? 0;
  const register = ((object[offset - 1] ?? 0) >> 3) & 7;
  const [opcode, modrm] = immediateForm(was, register);
  if (opcode === undefined || program[offset - 2] !== opcode || program[offset - 1] !== modrm) return undefined;
  const value = BigInt(readI32(program, offset));
  return { start: rexStart(object, program, offset), end: offset + 4, decoded: { kind: "address", value } };
}

function immediateForm(was: number, register: number): readonly [number, number] | readonly [undefined, undefined] {
  if (was === 0x8b) return [0xc7, 0xc0 | register];                       // mov  -> mov $imm
  if (was === 0x85) return [0xf7, 0xc0 | register];                       // test -> test $imm
  if ((was & 0xc7) === 0x03) return [0x81, 0xc0 | (was & 0x38) | register]; // add, or, adc, sbb, and, sub, xor, cmp
  return [undefined, undefined];
}

/** A REX prefix moves its R bit to B with the register; nothing else of it may change. */
function rexStart(object: Uint8Array, program: Uint8Array, offset: number): number {
  const was = object[offset - 3] ?? 0;
  const is = program[offset - 3] ?? 0;
  const moved = (was & 0xf0) === 0x40 && is === ((was & ~0x5) | ((was & 0x4) >> 2));
  return moved ? offset - 3 : offset - 2;
}

function decodeThreadLoad(linked: Linked, offset: number, addend: bigint): DecodedField {
  const { object, program } = linked;
  const was = object[offset - 2];
  const register = ((object[offset - 1] ?? 0) >> 3) & 7;
  const is = program[offset - 2];
  const modrm = program[offset - 1];
  const isMove = was === 0x8b && is === 0xc7 && modrm === (0xc0 | register);
  const isAdd = was === 0x03 && is === 0x81 && modrm === (0xc0 | register);
  const isLea = was === 0x03 && is === 0x8d && modrm === (0x80 | register | (register << 3));
  if (!isMove && !isAdd && !isLea) return field(offset, 4, { kind: "thread-slot", at: relative(linked, offset) - addend });
  const start = isLea ? leaRexStart(object, program, offset) : rexStart(object, program, offset);
  return { start, end: offset + 4, decoded: { kind: "thread", offset: BigInt(readI32(program, offset)) } };
}

/** lea names the register twice: R and B are both set for the upper eight. */
function leaRexStart(object: Uint8Array, program: Uint8Array, offset: number): number {
  const was = object[offset - 3] ?? 0;
  const is = program[offset - 3] ?? 0;
  const moved = (was & 0xf0) === 0x40 && is === ((was & 0x4) !== 0 ? was | 0x1 : was);
  return moved ? offset - 3 : offset - 2;
}
