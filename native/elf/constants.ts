// The numbers of the ELF and x86-64 psABI specifications that this project reads or writes, under readable names.

export const sectionType = {
  null: 0, progbits: 1, symtab: 2, strtab: 3, rela: 4, hash: 5, dynamic: 6, note: 7, nobits: 8, rel: 9, dynsym: 11,
  initArray: 14, finiArray: 15, preinitArray: 16, group: 17, symtabShndx: 18,
  gnuVersionDefinitions: 0x6ffffffd, gnuVersionNeeds: 0x6ffffffe, gnuVersionSymbols: 0x6fffffff,
  x86Unwind: 0x70000001,
} as const;

export const sectionFlag = {
  write: 0x1, alloc: 0x2, execute: 0x4, merge: 0x10, strings: 0x20, infoLink: 0x40, linkOrder: 0x80,
  group: 0x200, tls: 0x400, compressed: 0x800,
} as const;

export const segmentType = { load: 1, dynamic: 2, interpreter: 3, note: 4, tls: 7 } as const;
export const segmentFlag = { execute: 1, write: 2, read: 4 } as const;

/** Relocation types of x86-64, under the names that `readelf` prints. */
export const x86Relocation = {
  R_X86_64_NONE: 0, R_X86_64_64: 1, R_X86_64_PC32: 2, R_X86_64_GOT32: 3, R_X86_64_PLT32: 4, R_X86_64_COPY: 5,
  R_X86_64_GLOB_DAT: 6, R_X86_64_JUMP_SLOT: 7, R_X86_64_RELATIVE: 8, R_X86_64_GOTPCREL: 9, R_X86_64_32: 10,
  R_X86_64_32S: 11, R_X86_64_16: 12, R_X86_64_PC16: 13, R_X86_64_8: 14, R_X86_64_PC8: 15, R_X86_64_DTPMOD64: 16,
  R_X86_64_DTPOFF64: 17, R_X86_64_TPOFF64: 18, R_X86_64_TLSGD: 19, R_X86_64_TLSLD: 20, R_X86_64_DTPOFF32: 21,
  R_X86_64_GOTTPOFF: 22, R_X86_64_TPOFF32: 23, R_X86_64_PC64: 24, R_X86_64_GOTOFF64: 25, R_X86_64_GOTPC32: 26,
  R_X86_64_GOT64: 27, R_X86_64_GOTPCREL64: 28, R_X86_64_GOTPC64: 29, R_X86_64_GOTPLT64: 30, R_X86_64_PLTOFF64: 31,
  R_X86_64_SIZE32: 32, R_X86_64_SIZE64: 33, R_X86_64_GOTPC32_TLSDESC: 34, R_X86_64_TLSDESC_CALL: 35,
  R_X86_64_TLSDESC: 36, R_X86_64_IRELATIVE: 37, R_X86_64_RELATIVE64: 38, R_X86_64_GOTPCRELX: 41,
  R_X86_64_REX_GOTPCRELX: 42,
} as const;

const x86RelocationNames: ReadonlyMap<number, string> =
  new Map(Object.entries(x86Relocation).map(([name, type]) => [type, name]));

/** The specification's name of a relocation type, or `type N` where there is none here. For messages. */
export const relocationName = (machine: "x86-64" | "aarch64" | "other", type: number): string =>
  (machine === "x86-64" ? x86RelocationNames.get(type) : undefined) ?? `type ${type}`;

/** How many bytes each type writes. COPY is for the dynamic loader, which takes the size from the symbol. */
const x86RelocationSizes: Readonly<Record<keyof typeof x86Relocation, number>> = {
  R_X86_64_NONE: 0, R_X86_64_64: 8, R_X86_64_PC32: 4, R_X86_64_GOT32: 4, R_X86_64_PLT32: 4, R_X86_64_COPY: 0,
  R_X86_64_GLOB_DAT: 8, R_X86_64_JUMP_SLOT: 8, R_X86_64_RELATIVE: 8, R_X86_64_GOTPCREL: 4, R_X86_64_32: 4,
  R_X86_64_32S: 4, R_X86_64_16: 2, R_X86_64_PC16: 2, R_X86_64_8: 1, R_X86_64_PC8: 1, R_X86_64_DTPMOD64: 8,
  R_X86_64_DTPOFF64: 8, R_X86_64_TPOFF64: 8, R_X86_64_TLSGD: 4, R_X86_64_TLSLD: 4, R_X86_64_DTPOFF32: 4,
  R_X86_64_GOTTPOFF: 4, R_X86_64_TPOFF32: 4, R_X86_64_PC64: 8, R_X86_64_GOTOFF64: 8, R_X86_64_GOTPC32: 4,
  R_X86_64_GOT64: 8, R_X86_64_GOTPCREL64: 8, R_X86_64_GOTPC64: 8, R_X86_64_GOTPLT64: 8, R_X86_64_PLTOFF64: 8,
  R_X86_64_SIZE32: 4, R_X86_64_SIZE64: 8, R_X86_64_GOTPC32_TLSDESC: 4, R_X86_64_TLSDESC_CALL: 0,
  R_X86_64_TLSDESC: 16, R_X86_64_IRELATIVE: 8, R_X86_64_RELATIVE64: 8, R_X86_64_GOTPCRELX: 4,
  R_X86_64_REX_GOTPCRELX: 4,
};

const sizesByType: ReadonlyMap<number, number> =
  new Map(Object.entries(x86Relocation).map(([name, type]) => [type, x86RelocationSizes[name as keyof typeof x86Relocation]]));

/** How many bytes an x86-64 relocation writes; undefined for a type that is not known here. */
export const relocationSize = (type: number): number | undefined => sizesByType.get(type);
