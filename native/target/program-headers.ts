// The ELF header and program headers of a module as they lie in a process: all that is needed to tell where it was
// loaded, without reading its file. The memory may hold anything; what does not look like a module is none.

import { fileAddress } from "../address.ts";
import type { FileAddress } from "../address.ts";
import { readU16, readU32, readU64 } from "../elf/mod.ts";

const headerSize = 64;
const programHeaderSize = 56;
const mostProgramHeaders = 256;

export const headerLength = headerSize;

export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: FileAddress;
  readonly memorySize: bigint;
  readonly alignment: number;
}

/** Where the program headers lie; undefined when the bytes are not the beginning of a 64-bit little-endian module. */
export function locateProgramHeaders(header: Uint8Array): { readonly offset: number; readonly length: number } | undefined {
  if (header.length < headerSize || readU32(header, 0) !== 0x464c457f) return undefined;
  if (header[4] !== 2 || header[5] !== 1) return undefined;
  const type = readU16(header, 16);
  const isModule = type === 2 || type === 3; // ET_EXEC, ET_DYN
  const count = readU16(header, 56);
  const offset = readU64(header, 32);
  if (!isModule || readU16(header, 54) !== programHeaderSize) return undefined;
  if (count === 0 || count > mostProgramHeaders || offset > 1n << 20n) return undefined;
  return { offset: Number(offset), length: count * programHeaderSize };
}

/** ET_EXEC: linked to one place. */
export const isLinkedToOnePlace = (header: Uint8Array): boolean => readU16(header, 16) === 2;

export const machineOf = (header: Uint8Array): number => readU16(header, 18);

export function readProgramHeaders(bytes: Uint8Array): readonly ProgramHeader[] {
  return Array.from({ length: Math.floor(bytes.length / programHeaderSize) }, (_, index) => {
    const at = index * programHeaderSize;
    return {
      type: readU32(bytes, at), flags: readU32(bytes, at + 4), offset: Number(readU64(bytes, at + 8)),
      address: fileAddress(readU64(bytes, at + 16)), memorySize: readU64(bytes, at + 40), alignment: Number(readU64(bytes, at + 48)),
    };
  });
}
