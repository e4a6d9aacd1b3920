// Which definition of the patched object is which of the original. The compiler numbers clones (`f.part.0`) and
// function-local statics (`count.3`) afresh in every compilation, so such names only say what family they are of.
//
// A wrong guess about a function is harmless: callers are compared through the same guess, so they differ where it is
// wrong, and travel. A wrong guess about a writable variable would join a new variable to live state, or part live
// state from its users; so those are paired by the function that owns them, and where that does not decide, refused on use.

import { sectionFlag } from "../elf/mod.ts";
import { baseFunctionName, bytesOf, isBranch, isColdPart, isWritable, referentOf, relocationsOf } from "./object-code.ts";
import type { Definition, ObjectCode } from "./object-code.ts";

export interface Correlation {
  /** By name in the patched object. What is missing is new. */
  readonly originals: ReadonlyMap<string, Definition>;
  /** Patched variables of which it cannot be said whether they are new. By name. */
  readonly undecided: ReadonlySet<string>;
  /** Patched functions that had one piece of code and have it no longer, where not all who reach it are known. */
  readonly parted: readonly (readonly string[])[];
}

export function correlateObjects(original: ObjectCode, patched: ObjectCode): Correlation {
  const originals = new Map<string, Definition>();
  const undecided = new Set<string>();
  correlateFunctions(original, patched, originals);
  const parted = partFunctions(original, patched, originals);
  correlateByName(original.variables, patched.variables, originals);
  correlateStatics(original, patched, originals, undecided);
  return { originals, undecided, parted };
}

const cloneNumber = /\.(part|isra|constprop|lto_priv|llvm)\.\d+/g;
/** Named for the first variable or function of the unit, whatever that is. */
const staticInitialiser = /^(_GLOBAL__(?:sub_)?[ID]_).*/;
const familyOf = (name: string): string => name.replace(cloneNumber, ".$1.#").replace(staticInitialiser, "$1#");
const numberedName = /^(.+)\.(\d+)$/;
/** Compound literals outside of functions are numbered like statics of one. clang gives the first no number, and those that it took apart a second. */
const literalOfClang = /^(\.compoundliteral)(?:\.(\d+)(?:\.\d+)?)?$/;
const numberedParts = (name: string): RegExpExecArray | null => literalOfClang.exec(name) ?? numberedName.exec(name);

function correlateFunctions(original: ObjectCode, patched: ObjectCode, originals: Map<string, Definition>): void {
  const before = groupBy([...original.functions.values()].filter(({ name }) => !isColdPart(name)), ({ name }) => familyOf(name));
  const after = groupBy([...patched.functions.values()].filter(({ name }) => !isColdPart(name)), ({ name }) => familyOf(name));
  for (const [family, members] of after) pairClones(before.get(family) ?? [], members, originals);
  // An unlikely part goes with its function.
  for (const [name, definition] of patched.functions) {
    const parent = isColdPart(name) ? originals.get(name.replace(/\.cold.*$/, "")) : undefined;
    const cold = parent === undefined ? undefined : original.functions.get(`${parent.name}.cold`);
    if (cold !== undefined) originals.set(definition.name, cold);
  }
}

function pairClones(before: readonly Definition[], after: readonly Definition[], originals: Map<string, Definition>): void {
  const left = new Set(before);
  const later: Definition[] = [];
  for (const member of after) {
    const equal = before.length === 1 ? before[0] : [...left].find((each) => equalBytes(each, member));
    if (equal !== undefined && left.delete(equal)) originals.set(member.name, equal);
    else later.push(member);
  }
  for (const member of later) {
    const [next] = left;
    if (next === undefined) return;
    left.delete(next);
    originals.set(member.name, next);
  }
}

/**
 * Where all who reach the place are calls of this object, both functions count as new: every caller refers to something
 * else then, and travels. Others are returned, by group.
 */
function partFunctions(original: ObjectCode, patched: ObjectCode, originals: Map<string, Definition>): readonly (readonly string[])[] {
  const placed = [...originals.keys()].flatMap((name) => patched.functions.get(name) ?? []).filter(({ name }) => !isColdPart(name));
  const groups = [...groupBy(placed, ({ name }) => placeKey(originals.get(name))).values()];
  const parted = groups.filter((group) => new Set(group.map(placeKey)).size > 1);
  const [onlyCalled, others] = partition(parted, (group) => group.every(({ name }) => isOnlyCalledHere(original, originals.get(name))));
  for (const { name } of onlyCalled.flat()) originals.delete(name);
  return others.map((group) => group.map(({ name }) => name));
}

const placeKey = (definition: Definition | undefined): string => `${definition?.section?.index} ${definition?.start}`;

function isOnlyCalledHere(object: ObjectCode, target: Definition | undefined): boolean {
  if (target?.symbol.binding !== "local") return false;
  return object.file.sections.filter(({ flags }) => (flags & sectionFlag.alloc) !== 0).every((section) => section.name === ".eh_frame" || section.relocations.every((relocation) => {
    const referent = referentOf(object, section, relocation);
    const isToTarget = referent.kind === "definition" && placeKey(referent.definition) === placeKey(target);
    return !isToTarget || isBranch(section, relocation.offset, relocation.type);
  }));
}

function partition<Value>(values: readonly Value[], isFirst: (value: Value) => boolean): readonly [readonly Value[], readonly Value[]] {
  return [values.filter(isFirst), values.filter((value) => !isFirst(value))];
}

function correlateByName(before: ReadonlyMap<string, Definition>, after: ReadonlyMap<string, Definition>, originals: Map<string, Definition>): void {
  for (const [name, definition] of after) {
    const same = isLocalStatic(definition) ? undefined : before.get(name);
    if (same !== undefined) originals.set(name, same);
  }
}

export const isLocalStatic = ({ name, symbol }: Definition): boolean => symbol.binding === "local" && numberedParts(name) !== null;

function correlateStatics(original: ObjectCode, patched: ObjectCode, originals: Map<string, Definition>, undecided: Set<string>): void {
  const before = staticFamilies(original);
  const ownersBefore = ownersOf(original, patched);
  const ownersAfter = ownersOf(patched, original);
  for (const [family, members] of staticFamilies(patched)) {
    pairStatics(before.get(family) ?? [], members, { ownersBefore, ownersAfter, originals, undecided });
  }
}

/** Function-local statics by name without number, in order of number, which is the order of their appearance. */
function staticFamilies(object: ObjectCode): ReadonlyMap<string, readonly Definition[]> {
  const statics = [...object.variables.values()].filter(isLocalStatic);
  const families = groupBy(statics, (each) => `${each.kind} ${familyOfStatic(each)}`);
  for (const family of families.values()) family.sort((one, other) => numberOf(one) - numberOf(other));
  return families;
}

const familyOfStatic = ({ name }: Definition): string => numberedParts(name)?.[1] ?? name;
const numberOf = ({ name }: Definition): number => Number(numberedParts(name)?.[2] ?? 0);

type Owners = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * By variable: the functions that refer to it, without the suffixes of clones and parts, and the variables that point at it. A
 * function that the other side has not was inlined there, or is inlined no more: its callers stand for it.
 */
function ownersOf(object: ObjectCode, other: ObjectCode): Owners {
  const references = referencesByFunction(object);
  const known = new Set([...other.functions.keys()].map(baseFunctionName));
  const owners = new Map<string, Set<string>>();
  for (const [holder, names] of references) {
    for (const name of names) {
      if (!object.variables.has(name)) continue;
      const set = owners.get(name) ?? new Set();
      owners.set(name, set);
      for (const each of standIns(holder, references, known)) set.add(each);
    }
  }
  for (const holder of object.variables.values()) {
    for (const name of staticsInDataOf(object, holder)) owners.set(name, new Set(owners.get(name)).add(`data ${familyOfStatic(holder)}`));
  }
  return owners;
}

function staticsInDataOf(object: ObjectCode, { section, ...rest }: Definition): readonly string[] {
  if (section === undefined) return [];
  return relocationsOf({ section, ...rest }).flatMap((relocation) => {
    const referent = referentOf(object, section, relocation);
    return referent.kind === "definition" && isLocalStatic(referent.definition) ? [referent.definition.name] : [];
  });
}

/** By function, without suffixes: the functions and static variables that it refers to. */
function referencesByFunction(object: ObjectCode): ReadonlyMap<string, ReadonlySet<string>> {
  const references = new Map<string, Set<string>>();
  for (const { name, section, ...place } of object.functions.values()) {
    if (section === undefined) continue;
    const holder = baseFunctionName(name);
    const set = references.get(holder) ?? new Set();
    references.set(holder, set);
    for (const relocation of relocationsOf({ name, section, ...place })) {
      const referent = referentOf(object, section, relocation);
      if (referent.kind !== "definition") continue;
      const { definition } = referent;
      if (definition.kind === "function") set.add(baseFunctionName(definition.name));
      else if (isLocalStatic(definition)) set.add(definition.name);
    }
  }
  return references;
}

function standIns(holder: string, references: ReadonlyMap<string, ReadonlySet<string>>, known: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const waiting = [holder];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const callers = known.has(name) ? [] : [...references].filter(([, names]) => names.has(name ?? "")).map(([caller]) => caller);
    if (callers.length === 0) found.add(name);
    waiting.push(...callers);
  }
  return found;
}

interface StaticContext {
  readonly ownersBefore: Owners;
  readonly ownersAfter: Owners;
  readonly originals: Map<string, Definition>;
  readonly undecided: Set<string>;
}

const nobody: ReadonlySet<string> = new Set();

function pairStatics(before: readonly Definition[], after: readonly Definition[], context: StaticContext): void {
  const left = new Set(before);
  const constants = after.filter((member) => !isWritableVariable(member));
  for (const member of constants) {
    const equal = [...left].find((each) => !isWritableVariable(each) && equalBytes(each, member) && equalReferences(each, member));
    if (equal !== undefined && left.delete(equal)) context.originals.set(member.name, equal);
  }
  pairWritable([...left].filter(isWritableVariable), after.filter(isWritableVariable), context);
}

export const isWritableVariable = ({ section }: Definition): boolean => section === undefined || isWritable(section);

const equalReferences = (one: Definition, other: Definition): boolean => relocationsOf(one).length === relocationsOf(other).length;

/** Pairs by owner; members of one owner in order, if there are as many as there were. */
function pairWritable(before: readonly Definition[], after: readonly Definition[], context: StaticContext): void {
  const left = new Set(before);
  const open = new Set(after);
  const exact = groupBy(after, (member) => ownerKey(context.ownersAfter.get(member.name)));
  for (const [key, members] of exact) {
    const candidates = before.filter((each) => left.has(each) && ownerKey(context.ownersBefore.get(each.name)) === key);
    if (key === "" || candidates.length !== members.length) continue;
    members.forEach((member, at) => pair(candidates[at], member));
  }
  for (const member of open) {
    const owners = context.ownersAfter.get(member.name) ?? nobody;
    const candidates = [...left].filter((each) => overlaps(context.ownersBefore.get(each.name) ?? nobody, owners));
    const rivals = [...open].filter((each) => candidates.some((candidate) =>
      overlaps(context.ownersBefore.get(candidate.name) ?? nobody, context.ownersAfter.get(each.name) ?? nobody)));
    if (candidates.length === 1 && rivals.length === 1) pair(candidates[0], member);
  }
  // What is left on both sides may be one variable that moved from function to function.
  if (left.size > 0) for (const member of open) context.undecided.add(member.name);

  function pair(one: Definition | undefined, other: Definition): void {
    if (one === undefined) return;
    left.delete(one);
    open.delete(other);
    context.originals.set(other.name, one);
  }
}

const ownerKey = (owners: ReadonlySet<string> | undefined): string => [...(owners ?? [])].sort().join(" ");
const overlaps = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean => [...one].some((each) => other.has(each));

function equalBytes(one: Definition, other: Definition): boolean {
  return one.size === other.size && Buffer.compare(bytesOf(one), bytesOf(other)) === 0;
}

function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => string): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
