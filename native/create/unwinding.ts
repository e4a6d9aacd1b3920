// Unwind records of an object by the code that they are for: what leads a debugger, a profiler or an exception out of a
// function, and the language data (which exceptions it catches, what it cleans up) that its record points at.

import { readEhFrame } from "../elf/mod.ts";
import type { ElfRelocation, ElfSection, UnwindFde } from "../elf/mod.ts";
import type { Definition, ObjectCode } from "./object-code.ts";

export interface Unwinding {
  /** .eh_frame; absent where the object has none. */
  readonly section?: ElfSection;
  readonly bySection: ReadonlyMap<number, readonly UnwindFde[]>;
}

const known = new WeakMap<ObjectCode, Unwinding>();

export function unwindingOf(object: ObjectCode): Unwinding {
  const found = known.get(object) ?? readUnwinding(object);
  known.set(object, found);
  return found;
}

function readUnwinding({ file }: ObjectCode): Unwinding {
  const section = file.sections.find(({ name }) => name === ".eh_frame");
  const bySection = new Map<number, UnwindFde[]>();
  if (section === undefined) return { bySection };
  for (const fde of readEhFrame(section).fdes) {
    const home = fde.begin?.symbol.section;
    if (typeof home !== "number") continue;
    bySection.set(home, [...bySection.get(home) ?? [], fde]);
  }
  return { section, bySection };
}

/** What the records of this code refer to: the code, personality routines, language data. */
export const unwindReferences = (object: ObjectCode, code: ElfSection): readonly ElfRelocation[] =>
  (unwindingOf(object).bySection.get(code.index) ?? []).flatMap(({ relocations, cie }) => [...relocations, ...cie.relocations]);

/** Those of the function's own record that lead to language data. */
export function languageData(object: ObjectCode, { section, start }: Definition): readonly ElfRelocation[] {
  if (section === undefined) return [];
  const fdes = (unwindingOf(object).bySection.get(section.index) ?? []).filter(({ begin }) => begin !== undefined && placeOf(begin) === start);
  return fdes.flatMap(({ relocations, begin }) => relocations.filter((relocation) => relocation !== begin));
}

const placeOf = ({ symbol, addend }: ElfRelocation): number => Number(symbol.value + addend);
