// Bytes to ELF objects and back. Pure: knows no process, no file system and no patch.

export * from "./types.ts";
export * from "./constants.ts";
export * from "./numbers.ts";
export { buildIdAmongNotes, readElf } from "./read.ts";
export { printable } from "./refusal.ts";
export { bytesAt, definedSymbolsOf, sectionNamed, sectionOf, symbolAt } from "./lookup.ts";
export { numberElf, writeElf } from "./write.ts";
export type { ElfDescription, ElfNumbering, NewRelocation, NewSection, NewSymbol } from "./write.ts";
export { readEhFrame, writeEhFrame } from "./eh-frame.ts";
export { readLineTables } from "./line-table.ts";
export type { LineRow, LineSequence, SourceFile } from "./line-table.ts";
export { writeDebugSections } from "./debug-sections.ts";
export type { DebugCode, DebugUnit } from "./debug-sections.ts";
export type { UnwindCie, UnwindFde, UnwindRecord, UnwindTable } from "./eh-frame.ts";
