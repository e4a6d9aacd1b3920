// What of an object may travel: relocation types and sections that the Creator and the Loader both understand. To add a
// relocation type, put it here, say in relaxations.ts what a linker makes of it, and teach the Loader to apply it.

import { x86Relocation as R } from "../elf/mod.ts";
import type { ElfRelocation, ElfSection } from "../elf/mod.ts";
import { relocationsOf, relocationTitle } from "./object-code.ts";
import type { ObjectCode } from "./object-code.ts";
import { isDynamicThreadAccess } from "./relaxations.ts";
import { notPatchable } from "./refusal.ts";

/** Relocations that go through a slot of the GOT, and so reach any place. */
export const throughGot: ReadonlySet<number> = new Set([R.R_X86_64_GOTPCREL, R.R_X86_64_GOTPCRELX, R.R_X86_64_REX_GOTPCRELX]);

const supportedTypes: ReadonlySet<number> = new Set([
  R.R_X86_64_64, R.R_X86_64_PC32, R.R_X86_64_PLT32, R.R_X86_64_32, R.R_X86_64_32S, R.R_X86_64_PC64,
  R.R_X86_64_TPOFF32, R.R_X86_64_GOTTPOFF, ...throughGot,
]);

/** Accesses to thread-local variables that go through the slots of a library. */
const throughSlots: ReadonlySet<number> = new Set([
  R.R_X86_64_TLSGD, R.R_X86_64_TLSLD, R.R_X86_64_DTPOFF32, R.R_X86_64_GOTPC32_TLSDESC, R.R_X86_64_TLSDESC_CALL,
]);

export const isThreadAccess = (type: number): boolean => throughSlots.has(type) || type === R.R_X86_64_GOTTPOFF || type === R.R_X86_64_TPOFF32;

export function checkRelocationType(unit: string, section: ElfSection, { type }: ElfRelocation, isLibrary: boolean): void {
  if (supportedTypes.has(type) || (isLibrary && throughSlots.has(type))) return;
  const title = relocationTitle(type);
  const reason = isDynamicThreadAccess(type) ? `uses a thread-local variable through ${title} in a sequence that is not known` : `has a relocation of ${title}, which is not supported`;
  throw notPatchable(unit, subjectOfSection(section), reason);
}

const fromTableOfAddresses: ReadonlySet<number> = new Set([
  R.R_X86_64_GOTOFF64, R.R_X86_64_GOTPC64, R.R_X86_64_GOT64, R.R_X86_64_GOTPCREL64, R.R_X86_64_GOTPLT64, R.R_X86_64_PLTOFF64,
]);

/** Position-independent code of the large model counts everything from its module's table of addresses; a patch has none to count from. */
export function refuseLargePositionIndependent({ unit, functions }: ObjectCode): void {
  for (const definition of functions.values()) {
    const found = relocationsOf(definition).find(({ type }) => fromTableOfAddresses.has(type));
    if (found === undefined) continue;
    throw notPatchable(unit, { function: definition.name }, `is position-independent code of the large model (${relocationTitle(found.type)}), which is not supported; build the program with -mcmodel=medium, or without -fPIC`);
  }
}

function subjectOfSection({ name }: ElfSection): { readonly function: string } | { readonly section: string } {
  const owner = /^\.text\.(?:unlikely\.|startup\.|hot\.|exit\.)?(.+)$/.exec(name)?.[1];
  return owner === undefined ? { section: name } : { function: owner };
}

/** Tables that a run-time has been given when the program began, or reads when it ends: what they would have to say of a patch. */
const instrumentation: readonly (readonly [name: RegExp, reason: string])[] = [
  [/\.LASAN/, "tells AddressSanitizer of the unit's variables and strings, and it has been told; build the program without -fsanitize=address"],
  [/\.LPBX|^__llvm_(?:prf|cov|gcov)/, "holds counters of a program that is measured; build it without --coverage, -fprofile-generate or -fprofile-instr-generate"],
];

export const reasonOfInstrumentation = (section: string): string | undefined => instrumentation.find(([name]) => name.test(section))?.[1];

const ordinarySections = /^\.(?:text|rodata|data|bss|ldata|lbss|lrodata|eh_frame|gcc_except_table|gnu\.linkonce)(?:\.|$)/;

/** Sections that are gathered under a name of their own are read by somebody who would not see what the patch adds. */
export function checkSection(unit: string, section: ElfSection): void {
  if (ordinarySections.test(section.name)) return;
  throw notPatchable(unit, { section: section.name }, "would travel, and what gathers that section does not see the patch");
}
