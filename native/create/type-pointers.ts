// Exception tables reach type information through pointers. gcc keeps those that need no global name in sections of their own,
// clang all of them in .data, without names. They are constant, and any copy is as good, what they lead to is what counts.

import type { ElfFile, ElfSection } from "../elf/mod.ts";

/** The object with its .data under a constant section's name, where that holds nothing but what exception tables alone refer to. */
export function markTypePointers(file: ElfFile): ElfFile {
  const data = file.sections.find(({ name, size }) => name === ".data" && size > 0);
  if (data === undefined || !isForTables(file, data)) return file;
  return { ...file, sections: file.sections.map((section) => (section === data ? { ...data, name: ".data.rel.ro.types" } : section)) };
}

function isForTables({ sections, symbols }: ElfFile, { index }: ElfSection): boolean {
  if (symbols.some(({ section, type }) => section === index && type !== "section")) return false;
  const referring = sections.filter(({ relocations }) => relocations.some(({ symbol }) => symbol.section === index));
  return referring.some(isTable) && referring.every((section) => isTable(section) || section.name.startsWith(".debug"));
}

const isTable = ({ name }: ElfSection): boolean => name === ".eh_frame" || name.startsWith(".gcc_except_table");
