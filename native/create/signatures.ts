// Functions whose signature changes: other parameters, another return type. Callers in the units of the patch were compiled against the
// new one: they differ and travel, or their code serves both. All others would go on calling by the old one.
//
// Refuses such a change where somebody else calls the function, may call it, or holds its address.

import { fileAddress, formatAddress } from "../address.ts";
import type { FileAddress } from "../address.ts";
import { readI32, readU32, readU64, sectionFlag, sectionType } from "../elf/mod.ts";
import type { ElfSection } from "../elf/mod.ts";
import type { MemberLayout, StructureLayout } from "../tracer.ts";
import type { ComparedUnit } from "./include.ts";
import { isBranch, isCallThroughGot, referentOf } from "./object-code.ts";
import type { Definition, ObjectCode } from "./object-code.ts";
import { isLibrary } from "./program.ts";
import type { LinkedProgram } from "./program.ts";
import { notPatchable } from "./refusal.ts";

export interface SignatureChange {
  /** As linked. */
  readonly function: string;
  /** "takes 3 parameters instead of 2": goes on from the function's name. */
  readonly text: string;
}

export function compareSignatures(original: readonly StructureLayout[], patched: readonly StructureLayout[]): readonly SignatureChange[] {
  const before = new Map(original.filter(isFunction).map((each) => [each.name, each]));
  return patched.filter(isFunction).flatMap(({ name, members }) => {
    const old = before.get(name);
    const text = old === undefined ? undefined : differenceOf(old.members, members);
    return text === undefined ? [] : [{ function: name, text }];
  });
}

const isFunction = ({ kind }: StructureLayout): boolean => kind === "function";

function differenceOf([oldResult, ...before]: readonly MemberLayout[], [newResult, ...after]: readonly MemberLayout[]): string | undefined {
  if (oldResult === undefined || newResult === undefined) return undefined;
  if (!isSame(oldResult, newResult)) return `returns ${spell(newResult)} instead of ${spell(oldResult)}`;
  if (before.length !== after.length) return `takes ${count(after.length)} instead of ${before.length}`;
  const at = after.findIndex((parameter, index) => !isSame(before[index] ?? parameter, parameter));
  const [old, current] = [before[at], after[at]];
  return old === undefined || current === undefined ? undefined : `takes ${spell(current)} as parameter ${at + 1} instead of ${spell(old)}`;
}

const isSame = (one: MemberLayout, other: MemberLayout): boolean => one.bitSize === other.bitSize && one.type === other.type;
const spell = ({ type, bitSize }: MemberLayout): string => (type === "" ? "nothing" : `${type} (${bitSize / 8} bytes)`);
const count = (parameters: number): string => `${parameters} ${parameters === 1 ? "parameter" : "parameters"}`;

/** Refuses a change that somebody outside of the patch would not know of. */
export function refuseStrangeCallers(program: LinkedProgram, units: readonly ComparedUnit[], changes: ReadonlyMap<string, readonly SignatureChange[]>): void {
  for (const unit of units) {
    for (const change of changes.get(unit.proved.pair.unit) ?? []) checkChange(program, units, unit, change);
  }
}

function checkChange(program: LinkedProgram, units: readonly ComparedUnit[], unit: ComparedUnit, change: SignatureChange): void {
  const old = unit.proved.functions.get(change.function);
  const definition = unit.proved.object.functions.get(change.function);
  if (old === undefined || definition === undefined) return;
  const stranger = exporterOf(program, definition) ?? holderOf(units, unit, definition) ?? strangerOf(program, units, old.at);
  if (stranger === undefined) return;
  throw notPatchable(unit.proved.pair.unit, { function: change.function }, `${change.text}, and ${stranger}; give the new function another name, and change its callers`);
}

function exporterOf(program: LinkedProgram, { name, symbol }: Definition): string | undefined {
  const isExported = symbol.binding !== "local" && program.dynamicByName.get(name)?.section !== "undefined" && program.dynamicByName.has(name);
  if (!isExported) return undefined;
  return isLibrary(program) ? "the library exports it: its callers are not known" : "the program exports it to libraries, whose calls are not known";
}

/** Somebody in the units of the patch who keeps the address. */
function holderOf(units: readonly ComparedUnit[], owner: ComparedUnit, target: Definition): string | undefined {
  for (const { proved } of units) {
    for (const section of proved.object.file.sections) {
      const holds = (section.flags & sectionFlag.alloc) !== 0 && section.name !== ".eh_frame" && section.name !== "__patchable_function_entries"
        && section.relocations.some((relocation) => isTarget(proved.object, section, relocation, owner, target)
          && !isBranch(section, relocation.offset, relocation.type) && !isCallThroughGot(section, relocation.offset, relocation.type));
      if (holds) return `its address is taken by ${ownerOf(proved.object, section)} of ${proved.pair.unit}`;
    }
  }
  return undefined;
}

function isTarget(object: ObjectCode, section: ElfSection, relocation: ElfSection["relocations"][number], owner: ComparedUnit, target: Definition): boolean {
  const referent = referentOf(object, section, relocation);
  if (referent.kind === "external") return target.symbol.binding !== "local" && referent.name === target.name;
  return referent.kind === "definition" && object === owner.proved.object && referent.definition.section === target.section && referent.definition.start === target.start && referent.offset === 0;
}

const ownerOf = (object: ObjectCode, section: ElfSection): string => object.definitionsBySection.get(section.index)?.[0]?.name ?? section.name;

/** Somebody in the program, in a unit that is not part of the patch. Any bytes that could refer to the place count. */
function strangerOf(program: LinkedProgram, units: readonly ComparedUnit[], entry: FileAddress): string | undefined {
  const known = new Set(units.map(({ proved }) => proved.unit));
  const relocated = [...program.links.slots].find(([, slot]) => slot.kind === "address" && slot.at === entry);
  if (relocated !== undefined) return `data at ${formatAddress(relocated[0])} holds its address`;
  for (const section of program.program.elf.sections) {
    if ((section.flags & sectionFlag.alloc) === 0 || section.type !== sectionType.progbits) continue;
    const isCode = (section.flags & sectionFlag.execute) !== 0;
    for (const at of isCode ? referencesInCode(program, section, entry) : wordsIn(section, entry)) {
      const holder = isCode ? program.program.functionAt(at) : undefined;
      if (holder?.unit !== undefined && known.has(holder.unit)) continue;
      const where = holder === undefined ? `${isCode ? "code" : "data"} at ${formatAddress(at)}` : `${holder.name} of ${holder.unit?.name ?? "a unit without debug information"}`;
      return `${where}, which is not part of the patch, refers to it`;
    }
  }
  return undefined;
}

function* referencesInCode(program: LinkedProgram, { bytes, address }: ElfSection, entry: bigint): Generator<FileAddress> {
  const isFixed = program.program.elf.type === "executable";
  const target = Number(entry - address);
  for (let at = 0; at + 4 <= bytes.length; at++) {
    // Padding that ends in zeros is no distance to what follows it.
    const isPadding = at + 4 === target && bytes[at - 1] !== 0xe8 && bytes[at - 1] !== 0xe9;
    const isNear = readI32(bytes, at) + at + 4 === target && !isPadding;
    if (isNear || (isFixed && BigInt(readU32(bytes, at)) === entry)) yield fileAddress(address + BigInt(at));
  }
}

/** Addresses in data of a program that is linked to one place; those of others are relocations. */
function* wordsIn({ bytes, address }: ElfSection, entry: bigint): Generator<FileAddress> {
  const low = Number(entry & 0xffffffffn);
  for (let at = 0; at + 8 <= bytes.length; at++) {
    if (readU32(bytes, at) === low && readU64(bytes, at) === entry) yield fileAddress(address + BigInt(at));
  }
}
