// What differs between the original and the patched object, by meaning: bytes with relocated fields left out, and each
// relocation by what it points to. Strings, constants and jump tables count by their contents, symbols by which
// definition they are; labels and the order of sections count for nothing.
//
// A function that is the same in itself still differs if it reaches into one that does (a jump table, its unlikely part) or
// reads constant data that does; that is worked out to its end here. Refuses what cannot be put right by replacing functions:
// other initial values, sizes and constants that live data already hold.

import type { ElfRelocation, ElfSection } from "../elf/mod.ts";
import { sectionFlag, sectionType } from "../elf/mod.ts";
import { isWritableVariable } from "./correlate.ts";
import type { Correlation } from "./correlate.ts";
import { isSameLiteral, literalAt } from "./literals.ts";
import {
  bytesOf, isCode, isColdPart, isJumpTableEntry, isMerged, isPrivateRecord, isWritable, referentOf, relocationsOf, sectionBytes,
} from "./object-code.ts";
import type { Definition, ObjectCode, Referent } from "./object-code.ts";
import { notPatchable } from "./refusal.ts";
import { reasonOfInstrumentation } from "./supported.ts";
import { languageData, unwindingOf } from "./unwinding.ts";
import { paddingLength } from "../patchability/mod.ts";

export interface Comparison {
  readonly unit: string;
  readonly original: ObjectCode;
  readonly patched: ObjectCode;
  readonly correlation: Correlation;
  /** Functions of the patched object that replace one of the original, by name, with the reason. */
  readonly changed: ReadonlyMap<string, string>;
  /** Functions that the original object does not have. */
  readonly added: ReadonlySet<string>;
  /** Constant data of the unit that travels in its new form, by name. */
  readonly replacedConstants: ReadonlySet<string>;
  readonly addedVariables: ReadonlySet<string>;
}

export function compareObjects(original: ObjectCode, patched: ObjectCode, correlation: Correlation): Comparison {
  const sides = { original, patched, correlation };
  checkRemainingSections(sides);
  const verdicts = compareDefinitions(sides);
  const reasons = spread(verdicts, patched);
  const functions = [...patched.functions.values()];
  const variables = [...patched.variables.values()];
  const isNew = ({ name }: Definition): boolean => !correlation.originals.has(name);
  const comparison = {
    unit: patched.unit, ...sides,
    changed: new Map(functions.flatMap(({ name }) => entryOf(name, reasons.get(name)))),
    added: new Set(functions.filter(isNew).map(({ name }) => name)),
    replacedConstants: new Set(variables.filter(({ name }) => reasons.has(name)).map(({ name }) => name)),
    addedVariables: new Set(variables.filter(isNew).map(({ name }) => name)),
  };
  checkVariables(sides, reasons);
  return comparison;
}

const entryOf = (name: string, reason: string | undefined): readonly (readonly [string, string])[] =>
  reason === undefined ? [] : [[name, reason]];

interface Sides {
  readonly original: ObjectCode;
  readonly patched: ObjectCode;
  readonly correlation: Correlation;
}

/** Same in itself, provided that nothing in `dependsOn` differs; or different, and in what. */
interface Verdict {
  readonly difference?: string;
  readonly dependsOn: ReadonlySet<string>;
}

function compareDefinitions(sides: Sides): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const definition of [...sides.patched.functions.values(), ...sides.patched.variables.values()]) {
    const original = sides.correlation.originals.get(definition.name);
    if (original !== undefined) verdicts.set(definition.name, compareDefinition(sides, original, definition));
  }
  return verdicts;
}

function compareDefinition(sides: Sides, original: Definition, patched: Definition): Verdict {
  const dependsOn = new Set<string>();
  const difference = differenceOf(sides, original, patched, dependsOn);
  // A function and its unlikely part are one piece of code.
  if (isColdPart(patched.name)) dependsOn.add(patched.name.replace(/\.cold.*$/, ""));
  if (sides.patched.functions.has(`${patched.name}.cold`)) dependsOn.add(`${patched.name}.cold`);
  return { dependsOn, ...(difference === undefined ? {} : { difference }) };
}

function differenceOf(sides: Sides, original: Definition, patched: Definition, dependsOn: Set<string>): string | undefined {
  if (original.size !== patched.size) return patched.kind === "function" ? "its code differs" : `its size changes from ${original.size} to ${patched.size}`;
  if (Buffer.compare(bytesOf(original), bytesOf(patched)) !== 0) return patched.kind === "function" ? "its code differs" : "its contents differ";
  if (patched.section === undefined || original.section === undefined) return undefined;
  return compareRelocations(sides, place(original, original.section), place(patched, patched.section), dependsOn)
    ?? compareLanguageData(sides, original, patched, dependsOn);
}

/** The same code can catch other exceptions: what it catches and cleans up stands beside it. */
function compareLanguageData(sides: Sides, original: Definition, patched: Definition, dependsOn: Set<string>): string | undefined {
  const [before, after] = [languageData(sides.original, original), languageData(sides.patched, patched)];
  const [unwindBefore, unwindAfter] = [unwindingOf(sides.original).section, unwindingOf(sides.patched).section];
  if (before.length !== after.length || unwindBefore === undefined || unwindAfter === undefined) return before.length === after.length ? undefined : "it handles exceptions differently";
  const isSame = after.every((relocation, at) => {
    const other = before[at];
    return other !== undefined && compareReferents(sides, referentOf(sides.original, unwindBefore, other), referentOf(sides.patched, unwindAfter, relocation), dependsOn, false) === undefined;
  });
  return isSame ? undefined : "it handles exceptions differently";
}

/** A stretch of a section: a definition or a literal. */
interface Place {
  readonly section: ElfSection;
  readonly start: number;
  readonly relocations: readonly ElfRelocation[];
}

const place = (definition: Definition, section: ElfSection): Place =>
  ({ section, start: definition.start, relocations: relocationsOf(definition) });

function compareRelocations(sides: Sides, original: Place, patched: Place, dependsOn: Set<string>): string | undefined {
  if (original.relocations.length !== patched.relocations.length) return "it refers to other things";
  for (const [at, relocation] of patched.relocations.entries()) {
    const before = original.relocations[at];
    if (before === undefined || before.type !== relocation.type || before.offset - original.start !== relocation.offset - patched.start) return "it refers to other things";
    const from = referentOf(sides.original, original.section, before);
    const to = referentOf(sides.patched, patched.section, relocation);
    const difference = compareReferents(sides, from, to, dependsOn, isJumpTableEntry(patched, relocation, to));
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function compareReferents(sides: Sides, from: Referent, to: Referent, dependsOn: Set<string>, inTable: boolean): string | undefined {
  if (from.kind === "definition" && to.kind === "definition") return compareTargets(sides, from, to, dependsOn, inTable);
  if (from.kind === "literal" && to.kind === "literal") return compareLiterals(sides, from, to, dependsOn);
  if (from.kind === "external" && to.kind === "external") {
    return from.name === to.name && from.offset === to.offset ? undefined : `it refers to ${to.name}`;
  }
  if (from.kind === "nowhere" && to.kind === "nowhere") {
    return from.section === to.section && from.offset === to.offset ? undefined : `it refers to another place of ${to.section}`;
  }
  return `it refers to ${describeReferent(to)}`;
}

function compareTargets(
  { correlation }: Sides, from: Referent & { kind: "definition" }, to: Referent & { kind: "definition" }, dependsOn: Set<string>, inTable: boolean,
): string | undefined {
  const { definition } = to;
  const expected = correlation.originals.get(definition.name);
  if (expected === undefined || !isSamePlace(expected, from.definition) || from.offset !== to.offset) return `it refers to ${definition.name}`;
  const isInside = definition.kind === "function" && (to.offset !== 0 || inTable || isColdPart(definition.name));
  const isConstant = definition.kind === "variable" && !isWritableVariable(definition);
  if (isInside || isConstant) dependsOn.add(definition.name);
  return undefined;
}

/** The same definition, or an alias of it. */
const isSamePlace = (one: Definition, other: Definition): boolean =>
  one === other || (one.section !== undefined && one.section === other.section && one.start === other.start);

function compareLiterals(
  sides: Sides, from: Referent & { kind: "literal" }, to: Referent & { kind: "literal" }, dependsOn: Set<string>,
): string | undefined {
  const original = literalAt(sides.original, from.section, from.start);
  const patched = literalAt(sides.patched, to.section, to.start);
  const isString = isMerged(to.section) && (to.section.flags & sectionFlag.strings) !== 0;
  const difference = isString ? "it refers to another string" : "it refers to another constant or jump table";
  const alignment = isMerged(to.section) ? 1 : to.section.alignment;
  if (from.offset !== to.offset || !isSameLiteral(original, patched, alignment)) return difference;
  if (patched.relocations.length === 0 && original.relocations.length === 0) return undefined;
  return compareRelocations(sides, { section: from.section, ...original }, { section: to.section, ...patched }, dependsOn);
}

function describeReferent(referent: Referent): string {
  switch (referent.kind) {
    case "definition": return referent.definition.name;
    case "external": return referent.name;
    case "literal": return "another constant";
    case "nowhere": return `a place of ${referent.section}`;
  }
}

/** Everything that differs: in itself, or because of what it depends on. */
function spread(verdicts: ReadonlyMap<string, Verdict>, patched: ObjectCode): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  for (const [name, { difference }] of verdicts) if (difference !== undefined) reasons.set(name, difference);
  for (let grew = true; grew;) {
    grew = false;
    for (const [name, { dependsOn }] of verdicts) {
      const cause = reasons.has(name) ? undefined : [...dependsOn].find((each) => each !== name && (reasons.has(each) || !verdicts.has(each) && isDefined(each, patched)));
      if (cause === undefined) continue;
      reasons.set(name, isColdPart(name) || isColdPart(cause) ? "its code differs" : `it refers to ${cause}, which differs`);
      grew = true;
    }
  }
  return reasons;
}

const isDefined = (name: string, { functions, variables }: ObjectCode): boolean => functions.has(name) || variables.has(name);

/** A variable that exists has a value by now, and code outside of the patch that knows its size. */
function checkVariables({ original, patched, correlation }: Sides, reasons: ReadonlyMap<string, string>): void {
  for (const [name, variable] of patched.variables) {
    const before = correlation.originals.get(name);
    const reason = reasons.get(name);
    if (before === undefined) continue;
    if (before.kind !== variable.kind) throw notPatchable(patched.unit, { variable: name }, "becomes another kind of variable");
    if (reason === undefined) continue;
    const size = before.size === variable.size ? undefined : `changes its size from ${before.size} to ${variable.size} bytes, and the running program has it as it was`;
    if (isWritableVariable(variable) || isWritableVariable(before) || variable.kind === "thread-variable") {
      const pointsAt = /^it refers to (.*), which differs$/.exec(reason)?.[1];
      if (pointsAt !== undefined) throw notPatchable(patched.unit, { variable: name }, `points at ${pointsAt}, constant data whose contents differ, and the running program has it pointing at the old`);
      throw notPatchable(patched.unit, { variable: name }, size ?? "has another initial value, which the running program no longer reads; leave the initialiser out of the diff, and set the live value by build's --set 'VARIABLE=NEW if OLD' or in a callback (SUTURE_POST_PATCH of suture.h)");
    }
    if (variable.symbol.binding !== "local") throw notPatchable(patched.unit, { variable: name }, size ?? "is constant data that other units read, and its contents differ");
    const holder = pointedAtFromData(original, before);
    if (holder !== undefined && !reasons.has(holder) && !isLocalConstant(patched, holder)) {
      throw notPatchable(patched.unit, { variable: name }, `is constant data that ${holder} points at, and its contents differ`);
    }
  }
}

const isLocalConstant = (object: ObjectCode, name: string): boolean => {
  const variable = object.variables.get(name);
  return variable !== undefined && !isWritableVariable(variable) && variable.symbol.binding === "local";
};

/** A variable that holds the address of this one. */
function pointedAtFromData(object: ObjectCode, target: Definition): string | undefined {
  for (const variable of object.variables.values()) {
    if (variable.section === undefined) continue;
    const { section } = variable;
    const points = relocationsOf(variable).some((relocation) => {
      const referent = referentOf(object, section, relocation);
      return referent.kind === "definition" && referent.definition === target;
    });
    if (points) return variable.name;
  }
  return undefined;
}

/** Bytes that no function, variable or literal owns: lists of constructors, assembler, sections of other tools. */
function checkRemainingSections(sides: Sides): void {
  const before = unownedSections(sides.original);
  const after = unownedSections(sides.patched);
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const original = before.get(name);
    const patched = after.get(name);
    const isSame = original?.length === patched?.length && (patched ?? []).every((section, at) => {
      const other = original?.[at];
      return other !== undefined && isSameSection(sides, other, section);
    });
    if (!isSame) throw notPatchable(sides.patched.unit, { section: name }, reasonOf(name));
  }
  const [bare, bareBefore] = [codeBetweenFunctions(sides.patched), codeBetweenFunctions(sides.original)];
  const differing = [...bare.keys(), ...bareBefore.keys()].find((name) => bare.get(name) !== bareBefore.get(name));
  if (differing !== undefined) throw notPatchable(sides.patched.unit, { section: differing }, bareCodeDiffers);
}

const bareCodeDiffers = "differs in code that belongs to no function with a size, such as assembler; give it a .type of @function and a .size";

/** Assembly may have code before, between and behind its functions. By section; what is only padding is left out. */
function codeBetweenFunctions({ file, definitionsBySection }: ObjectCode): ReadonlyMap<string, string> {
  const owned = file.sections.filter((section) => isCode(section) && definitionsBySection.has(section.index));
  return new Map(owned.flatMap((section) => {
    let end = 0;
    const gaps: string[] = [];
    for (const { start, size } of [...definitionsBySection.get(section.index) ?? [], { start: section.size, size: 0 }]) {
      const gap = sectionBytes(section, end, Math.max(end, start));
      if (paddingLength(gap) < gap.length) gaps.push(Buffer.from(gap).toString("hex"));
      end = Math.max(end, start + size);
    }
    return gaps.length === 0 ? [] : [[section.name, gaps.join()]];
  }));
}

function reasonOf(name: string): string {
  if (name.startsWith(".init_array") || name.startsWith(".ctors")) return "differs: a constructor is added, removed or replaced, and constructors of the running program have run";
  if (name.startsWith(".fini_array") || name.startsWith(".dtors")) return "differs: a destructor is added, removed or replaced, and the running program has its list";
  if (name.startsWith(".text")) return bareCodeDiffers;
  return reasonOfInstrumentation(name) ?? "differs, and what reads it is not known";
}

const isIgnored = ({ name, type, flags, size }: ElfSection): boolean =>
  (flags & sectionFlag.alloc) === 0 || size === 0 || type === sectionType.note || name === ".eh_frame" || name.startsWith(".gcc_except_table") ||
  name === "__patchable_function_entries"; // where tools find room at entries: code of a patch needs none

function unownedSections(object: ObjectCode): ReadonlyMap<string, readonly ElfSection[]> {
  const sections = new Map<string, ElfSection[]>();
  for (const section of object.file.sections) {
    if (isIgnored(section) || isOwned(object, section)) continue;
    const group = sections.get(section.name) ?? [];
    sections.set(section.name, group);
    group.push(section);
  }
  return sections;
}

function isOwned(object: ObjectCode, section: ElfSection): boolean {
  const definitions = object.definitionsBySection.get(section.index) ?? [];
  if (definitions.length > 0) return definitions.every(({ size }) => size > 0);
  return !isCode(section) && !isWritable(section) && (object.literalStarts.has(section.index) || isMerged(section) || isPrivateRecord(section));
}

function isSameSection(sides: Sides, original: ElfSection, patched: ElfSection): boolean {
  if (original.size !== patched.size || Buffer.compare(sectionBytes(original), sectionBytes(patched)) !== 0) return false;
  return compareRelocations(sides, { section: original, start: 0, relocations: original.relocations }, { section: patched, start: 0, relocations: patched.relocations }, new Set()) === undefined;
}

