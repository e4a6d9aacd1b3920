// The proof that an object is the one that the program was linked from: every function of it that the program has is
// compared, byte by byte, with relocated fields masked; and the masked fields, decoded, say where everything lives that
// the unit refers to. Refuses the unit at the first function that differs, and says what may be the cause.
//
// Named variables whose place is known that way are compared with their initial values in the file, strings with theirs.
// What is not covered: other literals, and what the linker dropped. The user may waive the proof; the image says so then.

import { SutureError } from "../errors.ts";
import type { FileAddress } from "../address.ts";
import { formatAddress } from "../address.ts";
import { sectionType } from "../elf/mod.ts";
import type { ElfSymbol } from "../elf/mod.ts";
import { Binder, BindingConflict } from "./bind.ts";
import type { Binding, Bindings } from "./bind.ts";
import { compareProducers } from "./producer.ts";
import { literalAt } from "./literals.ts";
import { bytesOf, isMerged, referentOf, relocationsOf } from "./object-code.ts";
import type { Definition, ObjectCode } from "./object-code.ts";
import { bytesOfProgram, functionPlaces, isLibrary, readLinkedObject, unitsOf } from "./program.ts";
import type { FunctionPlace, LinkedProgram } from "./program.ts";
import { decodeField, isDynamicThreadAccess } from "./relaxations.ts";
import type { DecodedField } from "./relaxations.ts";
import { refuseLargePositionIndependent } from "./supported.ts";
import type { DebugUnit } from "../tracer.ts";
import type { ObjectPair, OriginalUnit } from "./types.ts";

export interface ProvedUnit extends UnitProof {
  readonly pair: ObjectPair;
}

export interface UnitProof {
  readonly object: ObjectCode;
  /** The program's unit, of its debug information. */
  readonly unit: DebugUnit;
  /** By name in the object: where the program has each function. */
  readonly functions: ReadonlyMap<string, ProvedFunction>;
  /** Functions that the program may have, with what keeps them from being compared. Not to be patched. */
  readonly doubtful: ReadonlyMap<string, string>;
  readonly bindings: Bindings;
  readonly bytes: number;
  /** Functions whose code in the program is another one. Empty, unless the proof was waived. */
  readonly unproved: ReadonlySet<string>;
  /** The user said to go on without the proof. */
  readonly isWaived: boolean;
}

export interface ProvedFunction {
  readonly name: string;
  readonly at: FileAddress;
  readonly size: number;
  /** False where the linker rewrote what is not understood here; such a function is not to be patched. */
  readonly compared: boolean;
}

/** Proves that `pair.original` is part of the program; with `isWaived`, says only which of its functions are. */
export async function proveUnit(program: LinkedProgram, pair: OriginalUnit, source: string, isWaived = false): Promise<UnitProof> {
  const object = readLinkedObject(program, pair.unit, pair.original);
  refuseLargePositionIndependent(object);
  const proofs = [];
  const refusals: SutureError[] = [];
  for (const unit of unitsOf(program.program.units, pair, source)) {
    try {
      proofs.push(await (isWaived ? describeUnit : proveAgainst)(program, pair, object, unit));
    } catch (error) {
      if (!(error instanceof SutureError)) throw error;
      refusals.push(error);
    }
  }
  const [proof, second] = proofs;
  if (proof !== undefined && second === undefined) return proof;
  if (second !== undefined) throw ambiguous(program, pair);
  throw refusals[0] ?? new SutureError("source-mismatch", `Cannot build a patch for ${program.program.name}: it has no unit ${pair.unit}`, { unit: pair.unit });
}

function ambiguous(program: LinkedProgram, { unit }: OriginalUnit): SutureError {
  return new SutureError("not-patchable", `Cannot build a patch for ${program.program.name}: it holds ${unit} more than once, and all copies fit`, { unit });
}

interface Difference {
  readonly name: string;
  readonly offset: number;
  readonly what: string;
}

async function proveAgainst(program: LinkedProgram, pair: OriginalUnit, object: ObjectCode, unit: DebugUnit): Promise<UnitProof> {
  const binder = new Binder(program, object);
  const search = findFunctions(program, object, unit);
  const { found, doubtful } = search;
  try {
    const unaccounted = unaccountedFunction(program, unit, search);
    if (unaccounted !== undefined) throw mismatch(program, pair, object, unit, `the program has a function ${unaccounted} of this unit, which the object has not (or its symbol was stripped)`);
    const differing = compareAll(program, object, found, binder);
    const bindings = new Map<string, Binding>(binder.finish());
    if (differing.length > 0) await proveFromPlain(program, pair, unit, differing, bindings, object);
    const functions = new Map([...found].map(([name, each]) => [name, provedFunction(program, name, each)]));
    for (const [name, { at }] of functions) if (!bindings.has(name)) bindings.set(name, { kind: "address", at });
    const data = differingData(program, object, bindings);
    if (data !== undefined) throw mismatch(program, pair, object, unit, `variable ${data} has other contents in the program`);
    return { object, unit, functions, doubtful, bindings, unproved: new Set(), isWaived: false, bytes: totalSize(functions.values()) };
  } catch (error) {
    if (error instanceof BindingConflict) throw mismatch(program, pair, object, unit, error.message);
    throw error;
  }
}

const totalSize = (functions: Iterable<ProvedFunction>): number => [...functions].reduce((sum, { size }) => sum + size, 0);

/**
 * Without the proof: functions are where symbols say, and what refers to where is believed only of functions whose code
 * agrees byte for byte. All else has to be found by its name.
 */
async function describeUnit(program: LinkedProgram, pair: OriginalUnit, object: ObjectCode, unit: DebugUnit): Promise<UnitProof> {
  const { found, doubtful } = findFunctions(program, object, unit);
  const first = compareTolerantly(program, object, found);
  const plain = first.differing.size === 0 ? undefined : readLinkedObject(program, pair.unit, await pair.plain());
  const second = plain === undefined ? first : compareTolerantly(program, plain, findFunctions(program, plain, unit).found);
  const unproved = new Set([...first.differing].filter((name) => second.differing.has(name) || plain?.functions.has(name) === false));
  const functions = new Map([...found].map(([name, each]) => [name, { ...provedFunction(program, name, each), compared: true }]));
  const bindings = new Map<string, Binding>([...second.bindings, ...first.bindings]);
  for (const [name, { at }] of functions) if (!bindings.has(name)) bindings.set(name, { kind: "address", at });
  return { object, unit, functions, doubtful, bindings, unproved, isWaived: true, bytes: totalSize([...functions.values()].filter(({ name }) => !unproved.has(name))) };
}

/** Where functions that agree contradict each other, nothing of them is believed. */
function compareTolerantly(program: LinkedProgram, object: ObjectCode, found: ReadonlyMap<string, FoundFunction>): { readonly differing: ReadonlySet<string>; readonly bindings: Bindings } {
  const binder = new Binder(program, object);
  try {
    const differing = compareAll(program, object, found, binder);
    return { differing: new Set(differing.map(({ name }) => name)), bindings: binder.finish() };
  } catch (error) {
    if (!(error instanceof BindingConflict)) throw error;
    return { differing: new Set(found.keys()), bindings: new Map() };
  }
}

interface FoundFunction extends FunctionPlace {
  readonly definition: Definition;
}

interface FoundFunctions {
  readonly found: ReadonlyMap<string, FoundFunction>;
  readonly doubtful: ReadonlyMap<string, string>;
}

/** The object's functions that the program has, by name. Those that the linker dropped are in neither list. */
function findFunctions(program: LinkedProgram, object: ObjectCode, unit: DebugUnit): FoundFunctions {
  const found = new Map<string, FoundFunction>();
  const doubtful = new Map<string, string>();
  for (const [name, definition] of object.functions) {
    const places = functionPlaces(program, name, unit);
    const [place] = places;
    if (place !== undefined && places.length === 1) found.set(name, { definition, ...place });
    else if (places.length > 1) doubtful.set(name, `is in the program ${places.length} times under one name`);
    else if (isElsewhere(program, definition)) doubtful.set(name, `is in the program, and ${originOf(program, name)}`);
  }
  return { found, doubtful };
}

/** A strong global definition that the program has, although not from this unit: folded with another, or replaced. */
const isElsewhere = ({ program }: LinkedProgram, { name, symbol }: Definition): boolean =>
  symbol.binding === "global" && program.symbolsNamed(name).some((each) => each.symbol.binding === "global" && each.symbol.type === "function");

const originOf = ({ program }: LinkedProgram, name: string): string => (program.functionsNamed(name).some(({ unit }) => unit !== undefined)
  ? "debug information says that it comes from another unit"
  : "debug information does not say from which unit; of assembly clang describes nothing, unless it is given -fno-integrated-as");

/** A function that debug information places into this unit, and that the object does not account for. */
function unaccountedFunction({ program }: LinkedProgram, unit: DebugUnit, { found, doubtful }: FoundFunctions): string | undefined {
  const places = new Set([...found.values()].map(({ at }) => at));
  return program.functions.find((each) => each.unit === unit && !places.has(each.entry) && !doubtful.has(each.name))?.name;
}

const provedFunction = (program: LinkedProgram, name: string, { at, size, definition }: FoundFunction): ProvedFunction =>
  ({ name, at, size, compared: !hasUnknownAccess(program, definition) });

function compareAll(program: LinkedProgram, object: ObjectCode, found: ReadonlyMap<string, FoundFunction>, binder: Binder): readonly Difference[] {
  const differing: Difference[] = [];
  for (const [name, each] of found) {
    const difference = compareFunction(program, object, each, binder);
    if (difference !== undefined && !hasUnknownAccess(program, each.definition)) differing.push({ name, ...difference });
  }
  return differing;
}

/** The linker has rewritten what thread-access.ts did not know; such functions are not compared. In a library it rewrites nothing. */
const hasUnknownAccess = (program: LinkedProgram, definition: Definition): boolean =>
  !isLibrary(program) && relocationsOf(definition).some(({ type }) => isDynamicThreadAccess(type));

function compareFunction(
  program: LinkedProgram, object: ObjectCode, { definition, at, size }: FoundFunction, binder: Binder,
): Omit<Difference, "name"> | undefined {
  const code = bytesOf(definition);
  const linked = bytesOfProgram(program, at, size);
  if (linked === undefined) return { offset: 0, what: "the program's file holds no bytes of it" };
  if (code.length !== linked.length) return differenceInLength(definition, code, linked);
  const fields = decodeAll(program, object, definition, { object: code, program: linked, at });
  if ("offset" in fields) return fields;
  const difference = firstDifference(code, linked, fields.map(({ field }) => field));
  if (difference !== undefined) return difference;
  for (const { field, to } of fields) binder.record(to, field.decoded, definition.name);
  // The function's own place is where its section is. An indirect function's address is not where its code is.
  if (definition.kind !== "ifunc") binder.record(definition.symbol, { kind: "address", value: at }, definition.name);
  return undefined;
}

/** Where functions of two lengths part; what the linker may have rewritten around a relocation does not count. */
function differenceInLength(definition: Definition, code: Uint8Array, linked: Uint8Array): Omit<Difference, "name"> {
  const fields = relocationsOf(definition).map(({ offset }) => offset - definition.start)
    .map((offset): DecodedField => ({ start: Math.max(0, offset - 3), end: offset + 4, decoded: { kind: "nothing" } }));
  const offset = firstDifference(code, linked, fields)?.offset ?? Math.min(code.length, linked.length);
  return { offset, what: `it has ${linked.length} bytes in the program and ${code.length} as compiled` };
}

/** A variable of the unit whose initial value is not the program's. Addresses in it count for nothing here. */
function differingData(program: LinkedProgram, object: ObjectCode, bindings: Bindings): string | undefined {
  for (const variable of object.variables.values()) {
    const binding = bindings.get(variable.name);
    const isStored = variable.kind === "variable" && variable.symbol.binding !== "weak" && variable.section?.type === sectionType.progbits;
    if (!isStored || binding?.kind !== "address") continue;
    const linked = bytesOfProgram(program, binding.at, variable.size);
    const fields = relocationsOf(variable).map(({ offset }): DecodedField => ({ start: offset - variable.start, end: offset - variable.start + 8, decoded: { kind: "nothing" } }));
    if (linked === undefined || firstDifference(bytesOf(variable), linked, fields) !== undefined) return variable.name;
  }
  return undefined;
}

interface FieldOf {
  readonly field: DecodedField;
  readonly to: ElfSymbol;
}

function decodeAll(
  program: LinkedProgram, object: ObjectCode, definition: Definition, linked: { object: Uint8Array; program: Uint8Array; at: bigint },
): readonly FieldOf[] | Omit<Difference, "name"> {
  const fields: FieldOf[] = [];
  for (const relocation of relocationsOf(definition)) {
    const offset = relocation.offset - definition.start;
    const field = decodeField(linked, offset, relocation);
    if (field === undefined) continue;
    if (!isSameString(program, object, definition, relocation, field)) return { offset, what: "it refers to a string or constant with other contents" };
    fields.push({ field, to: relocation.symbol });
  }
  return fields;
}

/** Merged literals have no place of their own in the program, but their contents must be there. */
function isSameString(
  program: LinkedProgram, object: ObjectCode, definition: Definition, relocation: ReturnType<typeof relocationsOf>[number], field: DecodedField,
): boolean {
  if (definition.section === undefined || field.decoded.kind !== "address" || relocation.symbol.type === "section") return true;
  const referent = referentOf(object, definition.section, relocation);
  if (referent.kind !== "literal" || !isMerged(referent.section)) return true;
  const { bytes } = literalAt(object, referent.section, referent.start);
  const found = bytesOfProgram(program, field.decoded.value, bytes.length);
  return found !== undefined && bytes.every((byte, at) => byte === found[at]);
}

function firstDifference(code: Uint8Array, linked: Uint8Array, fields: readonly DecodedField[]): Omit<Difference, "name"> | undefined {
  const masked = new Uint8Array(code.length);
  for (const { start, end } of fields) masked.fill(1, start, end);
  const offset = code.findIndex((byte, at) => masked[at] === 0 && at < linked.length && byte !== linked[at]);
  return offset < 0 ? undefined : { offset, what: "its code differs" };
}

/** Neighbours in one section let the assembler shorten jumps: what differs is compared again, joined, and else compiled as recorded. */
async function proveFromPlain(
  program: LinkedProgram, pair: OriginalUnit, unit: DebugUnit, differing: readonly Difference[], bindings: Map<string, Binding>, original: ObjectCode,
): Promise<void> {
  const joined = await pair.joined?.();
  const asJoined = joined === undefined ? undefined : likelyComparison(program, pair, unit, differing, joined);
  const { binder, still } = asJoined?.still.length === 0 ? asJoined : compareWhole(program, pair, unit, differing, await pair.plain());
  const [difference] = still;
  if (difference !== undefined) {
    const others = still.length > 1 ? `; so do ${still.length - 1} more` : "";
    throw mismatch(program, pair, original, unit, `${difference.name} differs at offset ${difference.offset}: ${difference.what}${others}`, difference);
  }
  for (const [name, binding] of binder.finish()) if (!bindings.has(name)) bindings.set(name, binding);
}

interface WholeComparison {
  readonly binder: Binder;
  readonly still: readonly Difference[];
}

/** All functions of another object of the unit; one that it has not still differs. */
function compareWhole(program: LinkedProgram, pair: OriginalUnit, unit: DebugUnit, differing: readonly Difference[], bytes: Uint8Array): WholeComparison {
  const object = readLinkedObject(program, pair.unit, bytes);
  const binder = new Binder(program, object);
  const { found } = findFunctions(program, object, unit);
  const still = compareAll(program, object, found, binder);
  return { binder, still: still.length > 0 ? still : differing.filter(({ name }) => !found.has(name)) };
}

/** Of an object that was only a guess, a contradiction says nothing. */
function likelyComparison(...parameters: Parameters<typeof compareWhole>): WholeComparison | undefined {
  try {
    const compared = compareWhole(...parameters);
    compared.binder.finish();
    return compared;
  } catch (error) {
    if (error instanceof BindingConflict || error instanceof SutureError) return undefined;
    throw error;
  }
}

function mismatch(
  program: LinkedProgram, pair: OriginalUnit, object: ObjectCode, unit: DebugUnit, found: string, difference?: Difference,
): SutureError {
  const cause = compareProducers(unit.producer, object.file, pair.compiler);
  const message = `Cannot build a patch for ${program.program.name}: ${pair.unit} is not what the program was built from, ${found}; ${cause}`;
  return new SutureError("source-mismatch", message, {
    unit: pair.unit, ...(difference === undefined ? {} : { function: difference.name, offset: formatAddress(BigInt(difference.offset)) }),
  });
}
