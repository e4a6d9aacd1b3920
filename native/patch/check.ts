// Does the patch belong to this process, as it runs now? Finds the module of each object, the old functions and what the
// imports mean; refuses whatever does not fit. Reads only: nothing has been written when this is through.

import { address, formatAddress, rebase } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import { readU64 } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { Import, PatchImage, PatchObject, PatchedFunction, ValueWrite } from "../image/mod.ts";
import { findDynamicSymbol } from "../target/mod.ts";
import type { Module, Target } from "../target/mod.ts";
import { checkUnwinders } from "./frames.ts";
import type { LedgerFunction } from "./ledger-records.ts";
import { stateOf } from "./ledger-state.ts";
import type { CarriedPatch } from "./ledger-state.ts";
import { layOutObject } from "./link.ts";
import type { LaidOutObject, Resolved } from "./link.ts";
import { refuse } from "./refusal.ts";
import { layersAt } from "./stacking.ts";

/** A patch whose every part has been found in a process. */
export interface BoundPatch {
  readonly name: string;
  readonly digest: string;
  readonly objects: readonly BoundObject[];
}

export interface BoundObject {
  readonly module: Module;
  readonly laidOut: LaidOutObject;
  readonly functions: readonly BoundFunction[];
  readonly values: readonly BoundValue[];
  readonly resolved: ReadonlyMap<number, Resolved>;
}

/** A function as stated, and where it is. */
export interface BoundFunction extends PatchedFunction {
  readonly entry: Address;
  /** Where the jump goes. */
  readonly at: Address;
  /** Where no thread may stand. */
  readonly ranges: readonly AddressRange[];
  /** What the entry holds now: what was linked there, or the jump of an older patch. */
  readonly saved: Uint8Array;
}

export interface BoundValue extends ValueWrite {
  readonly at: Address;
}

/**
 * Refuses: already-applied, build-id-mismatch, unsupported-architecture, bytes-mismatch, unresolved-symbol, not-patchable,
 * bad-image.
 */
export async function checkPatch({ manifest, elf, digest }: PatchImage, target: Target, carried: readonly CarriedPatch[], act = `apply patch "${manifest.name}" to pid ${target.pid}`): Promise<BoundPatch> {
  const { name } = manifest;
  checkName(name, act, carried);
  const modules = manifest.objects.map((object) => ({ object, module: findModule(object, target, name) }));
  const objects: BoundObject[] = [];
  for (const { object, module } of modules) {
    const functions = object.functions.map((each) => bindEntry(bindFunction(each, module, act), act, carried));
    for (const each of functions) await checkBytes(each, target, act);
    await checkUnwinders(object, module, target, act);
    const values = object.values.map((each) => bindValue(each, module, target, act));
    objects.push({ module, functions, values, laidOut: layOutObject(name, object, elf), resolved: await resolveImports(object, module, target, act) });
  }
  return { name, digest, objects };
}

function checkName(name: string, act: string, carried: readonly CarriedPatch[]): void {
  if (name === "ledger") throw refuse("bad-image", act, "its name is that of the ledger itself; build it under another one");
  const found = carried.find(({ patch }) => patch.name === name);
  if (found === undefined) return;
  const isLoaded = stateOf(found) === "loaded";
  throw refuse("already-applied", act, isLoaded ? "a patch of this name is loaded already; activate it, or unload it first" : "a patch of this name is applied already; revert it first", { patch: name });
}

function findModule({ module: wanted }: PatchObject, target: Target, patch: string): Module {
  const act = `stage patch "${patch}" in pid ${target.pid}`;
  const data = { pid: target.pid, patch, module: wanted.name, wanted: wanted.buildId };
  const [found, second] = target.modules.filter(({ buildId }) => buildId === wanted.buildId);
  if (found === undefined) {
    const namesake = wanted.kind === "program" ? target.program : target.modules.find(({ name }) => name === wanted.name);
    if (namesake === undefined) throw refuse("build-id-mismatch", act, `it has not loaded ${wanted.name}, for which the image was made`, data);
    const id = namesake.buildId === undefined ? "no build-id" : `build-id ${namesake.buildId}`;
    throw refuse("build-id-mismatch", act, `${namesake.name} has ${id}, the image was made for ${wanted.buildId}`, { ...data, found: namesake.buildId ?? null });
  }
  if (second !== undefined) throw refuse("not-patchable", act, `it has loaded ${wanted.name} twice, and a patch is for one copy`, data);
  if (found.machine !== 62) throw refuse("unsupported-architecture", act, `${found.name} is not for x86-64, for which the image was made`, data);
  return found;
}

function bindFunction(each: PatchedFunction, module: Module, act: string): Omit<BoundFunction, "saved"> {
  const entry = rebase(each.oldEntry, module.bias);
  const at = address(entry + BigInt(each.redirectOffset));
  const written = { start: at, end: address(at + BigInt(each.expected.length)) };
  const ranges = each.oldRanges.map(({ start, end }) => ({ start: rebase(start, module.bias), end: rebase(end, module.bias) }));
  if (![...ranges, written].every((range) => isCodeOf(module, range))) {
    throw refuse("bad-image", act, `function ${each.name} would be at ${formatAddress(entry)}, which is not code of ${module.name}`, { function: each.name });
  }
  // The jump may take padding behind a short function.
  const isCovered = ranges.some(({ start, end }) => start <= written.start && written.end <= end);
  return { ...each, entry, at, ranges: isCovered ? ranges : [...ranges, written] };
}

const isCodeOf = (module: Module, range: AddressRange): boolean =>
  module.mappings.some(({ start, end, isExecutable }) => isExecutable && start <= range.start && range.end <= end);

/** On top of an older patch only where that one's jump takes the very same bytes. */
function bindEntry(each: Omit<BoundFunction, "saved">, act: string, carried: readonly CarriedPatch[]): BoundFunction {
  const { name, at, expected } = each;
  const layers = layersAt(carried, at);
  const other = carried.find(({ patch }) => patch.functions.some((one) => overlaps(one, at, expected.length) && (one.at !== at || one.saved.length !== expected.length)));
  if (other !== undefined) {
    throw refuse("already-applied", act, `the entry of function ${name} overlaps one that patch "${other.patch.name}" redirects; revert that first`, { function: name, patch: other.patch.name });
  }
  const [oldest, newest] = [layers[0], layers.at(-1)];
  if (oldest === undefined || newest === undefined) return { ...each, saved: expected };
  if (!Buffer.from(oldest.function.saved).equals(expected)) throw bytesMismatch(act, `function ${name}`, at, expected, oldest.function.saved);
  return { ...each, saved: newest.function.jump };
}

const overlaps = (other: LedgerFunction, at: Address, length: number): boolean =>
  other.at < at + BigInt(length) && at < other.at + BigInt(other.saved.length);

async function checkBytes({ name, at, saved }: BoundFunction, target: Target, act: string): Promise<void> {
  const found = await target.read(at, saved.length);
  if (Buffer.from(found).equals(saved)) return;
  throw bytesMismatch(act, `function ${name}`, at, saved, found);
}

/** Something has been written there: a breakpoint, a probe, another tool's jump. */
export function bytesMismatch(act: string, what: string, at: Address, expected: Uint8Array, found: Uint8Array): SutureError {
  const [wanted, there] = [expected, found].map((bytes) => Buffer.from(bytes).toString("hex"));
  return refuse("bytes-mismatch", act, `${what} has ${there ?? ""} at ${formatAddress(at)} where ${wanted ?? ""} is expected; a debugger or another tool may have written there`, {
    what, at: formatAddress(at), expected: wanted ?? "", found: there ?? "",
  });
}

/** Whether it is as expected is for the stop to say: the program may write it at any time. */
function bindValue(each: ValueWrite, module: Module, target: Target, act: string): BoundValue {
  const at = address(rebase(each.variable, module.bias) + BigInt(each.offset));
  const end = address(at + BigInt(each.expected.length));
  const isInside = module.span.start <= at && end <= module.span.end;
  if (isInside && target.mappings.some((mapping) => mapping.isWritable && mapping.start <= at && end <= mapping.end)) return { ...each, at };
  throw refuse("not-patchable", act, `variable ${each.name} at ${formatAddress(at)} is not in memory of ${module.name} that the program can write; code may know a constant by heart`, { variable: each.name });
}

async function resolveImports({ imports }: PatchObject, module: Module, target: Target, act: string): Promise<ReadonlyMap<number, Resolved>> {
  const resolved = new Map<number, Resolved>();
  for (const entry of imports) resolved.set(entry.symbol, await resolveImport(entry, module, target, act));
  return resolved;
}

async function resolveImport(entry: Import, module: Module, target: Target, act: string): Promise<Resolved> {
  switch (entry.from) {
    case "module": return { is: "address", address: placeIn(module, entry, act) };
    case "process": return { is: "address", address: (await findDynamicSymbol(target, entry.name, entry.version)).address };
    // Of a weak symbol that no module defines it holds 0, and the module's own code knows that.
    case "slot": return { is: "address", address: address(readU64(await target.read(placeIn(module, entry, act), 8), 0)), mayBeNull: true };
    case "thread":
      // Only the program's own block lies at a distance that was known when it was linked.
      if (module !== target.program) throw refuse("unresolved-symbol", act, `"${entry.name}" is thread-local in ${module.name}, which is not the program`, { symbol: entry.name });
      return { is: "thread-offset", offset: entry.offset };
  }
}

function placeIn(module: Module, { name, at }: Import & { readonly from: "module" | "slot" }, act: string): Address {
  const place = rebase(at, module.bias);
  // One past the end is a place too: that of `end` and its like.
  if (place >= module.span.start && place <= module.span.end) return place;
  throw refuse("bad-image", act, `"${name}" would be at ${formatAddress(place)}, outside of ${module.name}`, { symbol: name });
}
