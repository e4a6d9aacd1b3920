// What an ELF file is to this project: sections, symbols and relocations as plain data over the file's own
// bytes. 64-bit little endian only; everything else is refused by the reader.

export type SectionIndex = number;

export interface ElfFile {
  readonly type: "relocatable" | "executable" | "shared" | "core" | "other";
  readonly machine: "x86-64" | "aarch64" | "other";
  readonly entry: bigint;
  readonly segments: readonly ElfSegment[];
  /** By section index; index 0 is the null section. */
  readonly sections: readonly ElfSection[];
  /** The full symbol table (.symtab), by symbol index; empty when stripped. */
  readonly symbols: readonly ElfSymbol[];
  /** The dynamic symbol table (.dynsym), by symbol index. */
  readonly dynamicSymbols: readonly ElfSymbol[];
  /** Lower-case hex of the GNU build-id note. */
  readonly buildId?: string;
}

export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

export interface ElfSection {
  readonly index: SectionIndex;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
  readonly entrySize: number;
  /** A view into the file, not a copy; empty for SHT_NOBITS, whose `size` still counts. */
  readonly bytes: Uint8Array;
  /** What .rela sections say about this section, by offset. Relocatable files only. */
  readonly relocations: readonly ElfRelocation[];
}

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  readonly value: bigint;
  readonly size: number;
  readonly type: "notype" | "object" | "function" | "section" | "file" | "common" | "tls" | "ifunc" | "other";
  readonly binding: "local" | "global" | "weak" | "unique" | "other";
  readonly visibility: "default" | "internal" | "hidden" | "protected";
  readonly section: SectionIndex | "undefined" | "absolute" | "common";
  /** The version of a dynamic symbol, such as `GLIBC_2.34`. */
  readonly version?: string;
  /** The version is not the default one: references without a version do not mean this symbol. */
  readonly hiddenVersion?: true;
}

export interface ElfRelocation {
  readonly offset: number;
  readonly type: number;
  readonly symbol: ElfSymbol;
  readonly addend: bigint;
}
