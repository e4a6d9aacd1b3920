// Is this padding? Compilers and assemblers fill the room between functions with int3 or with no-operations of one
// to fifteen bytes. Anything else, zeroes included, may be data or code without a symbol.

/** How many bytes from the start of `bytes` are proven padding: whole instructions only. */
export function paddingLength(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = noOperationLength(bytes, at);
    if (length === 0 || at + length > bytes.length) break;
    at += length;
  }
  return at;
}

/** The length of the int3 or no-operation at `start`, 0 where there is another instruction. */
function noOperationLength(bytes: Uint8Array, start: number): number {
  if (bytes[start] === 0xcc) return 1;                      // int3
  let at = start;
  while (bytes[at] === 0x66 || bytes[at] === 0x2e) at++;    // operand size, cs: they only lengthen a no-operation
  if (bytes[at] === 0x90) return at + 1 - start;            // nop, xchg %ax,%ax
  if (bytes[at] !== 0x0f || bytes[at + 1] !== 0x1f) return 0;
  const addressing = addressingLength(bytes, at + 2);       // nopw/nopl with an operand that is never touched
  return addressing === 0 ? 0 : at + 2 + addressing - start;
}

/** The length of ModRM, SIB and displacement. */
function addressingLength(bytes: Uint8Array, at: number): number {
  const modrm = bytes[at];
  if (modrm === undefined || (modrm & 0x38) !== 0) return 0; // another operation under this opcode
  const mode = modrm >> 6;
  const base = modrm & 7;
  if (mode === 3) return 1;
  const sib = base === 4 ? 1 : 0;
  const isAbsolute = mode === 0 && (base === 5 || (sib === 1 && ((bytes[at + 1] ?? 0) & 7) === 5));
  return 1 + sib + (mode === 1 ? 1 : mode === 2 || isAbsolute ? 4 : 0);
}
