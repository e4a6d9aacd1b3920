// Puts a patch into a process while it runs: finds room, links for that place, maps, and records. Nothing is redirected
// here, so nothing that runs can notice. What was staged can be given back as long as no entry leads to it.

import { address } from "../address.ts";
import type { Address } from "../address.ts";
import { SutureError } from "../errors.ts";
import { writeI32 } from "../elf/mod.ts";
import type { Mapping, Target } from "../target/mod.ts";
import type { StagedMapping, TracerClient } from "../tracer.ts";
import type { BoundFunction, BoundObject, BoundPatch } from "./check.ts";
import { forgetFrames, registerFrames } from "./frames.ts";
import { encodeRecord } from "./ledger-format.ts";
import { dropEmptyLedger, ensureLedger, isPlaceTaken, Ledger, readLiveMappings, unmapLedger, unmapOurs } from "./ledger.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerCallback, LedgerFunction, LedgerPatch } from "./ledger-records.ts";
import { linkObject } from "./link.ts";
import type { LinkedObject } from "./link.ts";
import { findPlaces, noRoom, occupying, withMappings } from "./place.ts";
import { refuse } from "./refusal.ts";
import { undoingOnFailure } from "./undo.ts";

const placesToTry = 8;
const longestName = 200;

/** Enough for the record of a patch, wherever it will be mapped. */
function recordLength(bound: BoundPatch): number {
  const linked = bound.objects.filter(isMappedAtAll).map(pretendLinked);
  const longest = encodeRecord({ record: "staged", patch: ledgerPatch(bound, linked) }).length;
  return longest + 512 * (1 + bound.objects.reduce((sum, { functions }) => sum + functions.length, 0));
}

/** One that only sets values has nothing to be mapped. */
const isMappedAtAll = ({ laidOut }: BoundObject): boolean => laidOut.object.sections.length > 0;

/** Addresses of any length are a matter of a few bytes each. */
function pretendLinked({ module, functions, laidOut: { object: { callbacks = [] } } }: BoundObject): LinkedObject {
  const base = module.span.start;
  const range = { start: base, end: base };
  const entries = new Map([...functions.map(({ newSymbol }) => newSymbol), ...callbacks.map(({ symbol }) => symbol)].map((symbol) => [symbol, base]));
  return { base, contents: new Uint8Array(), segments: [], range, code: range, constant: { ...range, sha256: "0".repeat(64) }, tables: range, entries, through: base, frames: { table: range, objects: range, language: range } };
}

export interface Staged {
  readonly ledger: Ledger;
  readonly patch: LedgerPatch;
  readonly bytes: number;
}

/** `known`: the ledger that is there. What fails leaves nothing behind, unless the thread that was to do it still may: then the next one settles that. Refuses: unreachable-memory, out-of-memory, cannot-borrow-thread, unresolved-symbol. */
export async function stagePatch(tracer: TracerClient, target: Target, process: ProcessIdentity, bound: BoundPatch, known: Ledger | undefined): Promise<Staged> {
  const roomy = known === undefined ? undefined : await ensureLedger(tracer, target, process, known, recordLength(bound));
  return undoingOnFailure(async () => {
    const staged = await stageSomewhere(tracer, target, process, bound, roomy);
    await tellUnwinders(tracer, target, process, bound, staged);
    return staged;
  }, async () => {
    if (roomy !== undefined) await dropEmptyLedger(tracer, process, roomy);
  });
}

async function stageSomewhere(tracer: TracerClient, target: Target, process: ProcessIdentity, bound: BoundPatch, known: Ledger | undefined): Promise<Staged> {
  for (let attempt = 0; ; attempt++) {
    const linked = await linkSomewhere(tracer, target, bound, attempt);
    const patch = ledgerPatch(bound, linked);
    const mappings = linked.map(({ base, contents, segments }, index) => ({ name: mappingName(bound, index), at: base, contents, segments }));
    const bytes = mappings.reduce((sum, { contents }) => sum + contents.length, 0);
    try {
      if (known === undefined) return { ledger: await Ledger.createWith(tracer, target, process, { record: "staged", patch }, mappings, attempt), patch, bytes };
      await stageTold(tracer, process, patch, mappings, known);
      return { ledger: known, patch, bytes };
    } catch (error) {
      const mayTryAgain = attempt + 1 < placesToTry && isPlaceTaken(error) && (known === undefined || known.hasRoomFor(recordLength(bound)));
      if (!mayTryAgain) throw error;
    }
  }
}

/** The record comes first: what is mapped is always accounted for. */
async function stageTold(tracer: TracerClient, { pid, startTime }: ProcessIdentity, patch: LedgerPatch, mappings: readonly StagedMapping[], ledger: Ledger): Promise<void> {
  await ledger.append({ record: "staged", patch });
  try {
    if (mappings.length > 0) await tracer.stage(pid, startTime, mappings);
  } catch (error) {
    // By a thread that goes on by itself it may be mapped later on.
    if (!isLate(error)) await ledger.append({ record: "gone", name: patch.name });
    throw error;
  }
}

const isLate = (error: unknown): boolean => error instanceof SutureError && error.data["late"] === true;

async function tellUnwinders(tracer: TracerClient, target: Target, process: ProcessIdentity, bound: BoundPatch, { patch, ledger }: Staged): Promise<void> {
  const isRequired = bound.objects.some(({ laidOut }) => laidOut.object.unwinding === "required");
  await undoingOnFailure(() => registerFrames(tracer, target, process, patch, isRequired), () => unstagePatch(tracer, process, patch, ledger));
}

async function linkSomewhere(tracer: TracerClient, target: Target, bound: BoundPatch, attempt: number): Promise<readonly LinkedObject[]> {
  let taken = await readLiveMappings(tracer, target.pid);
  return bound.objects.filter(isMappedAtAll).map((object) => {
    const base = choosePlace(taken, object, attempt, target.pid);
    const linked = linkObject(object.laidOut, base, object.resolved);
    taken = withMappings(taken, [occupying(linked.range)]);
    return linked;
  });
}

function choosePlace(mappings: readonly Mapping[], { module, laidOut }: BoundObject, attempt: number, pid: number): Address {
  const places = findPlaces(mappings, module, laidOut.size);
  const place = places[Math.min(attempt, places.length - 1)];
  if (place !== undefined) return place;
  throw noRoom(`stage patch "${laidOut.patch}" in pid ${pid}`, laidOut.size, { pid, module: module.name });
}

/** /proc/PID/maps shows it; the kernel takes 249 bytes. Profilers tell files apart by it: those of several modules have several names. */
function mappingName({ name, digest, objects }: BoundPatch, index: number): string {
  const mapped = objects.filter(isMappedAtAll);
  const whole = mapped.length === 1 ? `suture-${name}` : `suture-${name}:${mapped[index]?.module.name ?? index}`;
  return Buffer.byteLength(whole) <= longestName ? whole : `suture-${[...name].slice(0, 40).join("")}…${digest.slice(0, 16)}`;
}

function ledgerPatch({ name, digest, objects }: BoundPatch, linked: readonly LinkedObject[]): LedgerPatch {
  const pairs = objects.filter(isMappedAtAll).flatMap((object, at) => (linked[at] === undefined ? [] : [{ object, linked: linked[at] }]));
  const callbacks = pairs.flatMap(({ object, linked: each }) => callbacksOf(object, each));
  const unproved = objects.reduce((sum, { laidOut: { object: { proof } } }) => sum + (proof.waivedFor ?? 0), 0);
  return {
    name, digest,
    modules: objects.map(({ module, laidOut }) => ({ name: laidOut.object.module.name, buildId: module.buildId ?? "" })),
    functions: pairs.flatMap((pair) => pair.object.functions.map((each) => ledgerFunction(each, pair.object, pair.linked))),
    values: objects.flatMap(({ module, values }) => values.map(({ name: variable, at, expected, replacement }) => ({ name: variable, module: module.name, at, expected, replacement }))),
    mappings: pairs.map(({ linked: { range, code, constant, tables, through, frames } }) =>
      ({ ...range, code, constant, tables, ...(through === undefined ? {} : { through }), ...(frames === undefined ? {} : { frames }) })),
    ...(callbacks.length === 0 ? {} : { callbacks }),
    ...(unproved === 0 ? {} : { unproved }),
  };
}

function callbacksOf({ laidOut: { object } }: BoundObject, { entries, through }: LinkedObject): readonly LedgerCallback[] {
  return (object.callbacks ?? []).map(({ when, name, symbol }) => {
    const at = entries.get(symbol);
    if (at === undefined || through === undefined) throw refuse("internal", `call ${name}`, "it was not linked");
    return { when, name, at, through };
  });
}

function ledgerFunction({ name, unit, entry, at, saved, ranges, newSymbol, newSize }: BoundFunction, { module, laidOut }: BoundObject, { entries }: LinkedObject): LedgerFunction {
  const replacement = entries.get(newSymbol);
  if (replacement === undefined) throw refuse("internal", `redirect ${name}`, "its replacement was not linked");
  // Parts that the compiler has split off are its code too.
  const parts = laidOut.object.added.filter((added) => added.unit === unit && added.name.startsWith(`${name}.`));
  const newRanges = [{ newSymbol, newSize }, ...parts].flatMap((part) => {
    const start = entries.get(part.newSymbol);
    return start === undefined || part.newSize === 0 ? [] : [{ start, end: address(start + BigInt(part.newSize)) }];
  });
  return { name, unit, module: module.name, old: entry, new: replacement, at, saved, jump: jumpFrom(at, replacement, saved), ranges, newRanges };
}

/** The bytes that lead from `at` to `to`; what of the old ones the jump does not need stays as it is. */
function jumpFrom(at: Address, to: Address, old: Uint8Array): Uint8Array {
  const bytes = old.slice();
  const distance = to - address(at + 5n);
  if (BigInt.asIntN(32, distance) !== distance) throw refuse("internal", "redirect a function", "its replacement is out of reach");
  bytes[0] = 0xe9; // jmp rel32
  writeI32(bytes, 1, Number(distance));
  return bytes;
}

/** Gives the mappings of a patch back, and the ledger with the last one. The caller has made sure that no entry leads there and no thread is inside. */
export async function unstagePatch(tracer: TracerClient, process: ProcessIdentity, patch: LedgerPatch, ledger: Ledger): Promise<void> {
  await forgetFrames(tracer, process, patch);
  // A thread is borrowed for both at once.
  if (ledger.isOnlyOf(patch.name)) return unmapLedger(tracer, process, ledger, patch.mappings);
  await unmapOurs(tracer, process, patch.mappings);
  await ledger.append({ record: "gone", name: patch.name });
}
