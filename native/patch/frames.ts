// Patched code and the process's own unwinder. What carries an exception from its throw to its catch (and what prints a
// backtrace, or ends a thread by force) asks the dynamic linker where code belongs, which knows nothing of a patch. So the
// patch's unwind table is registered with libgcc, as just-in-time compilers do it: before anything leads to the code, until
// the code is unmapped. libgcc keeps the patch's record of it, which lies in the patch's own memory.
//
// Refuses: not-patchable where exceptions may come through and an unwinder takes no registrations (LLVM's libunwind, one
// that was linked in and stripped).

import { address, formatAddress } from "../address.ts";
import type { Address } from "../address.ts";
import { readU64, writeU64 } from "../elf/mod.ts";
import type { ElfFile } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { PatchObject } from "../image/mod.ts";
import { openTarget } from "../target/mod.ts";
import type { Module, Target } from "../target/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { callInTarget, functionIn } from "./calls.ts";
import { forgetterAt, frameObjectsSize, mostUnwinders, slotSize } from "./frame-objects.ts";
import { readOurMappings } from "./ledger.ts";
import type { ProcessIdentity } from "./ledger.ts";
import type { LedgerMapping, LedgerPatch } from "./ledger-records.ts";
import { refuse } from "./refusal.ts";

interface Unwinder {
  readonly module: Module;
  /** Absent: it takes no registrations. */
  readonly registry?: { readonly register: Address; readonly forget: Address };
}

async function findUnwinders({ modules }: Target): Promise<readonly Unwinder[]> {
  const found = await Promise.all(modules.map(async (module) => {
    const elf = await module.elf().catch(() => undefined);
    if (elf === undefined || functionIn(module, elf, "_Unwind_RaiseException") === undefined) return [];
    const [register, forget] = [functionIn(module, elf, "__register_frame_info"), functionIn(module, elf, "__deregister_frame_info")];
    return [{ module, ...(register === undefined || forget === undefined ? {} : { registry: { register, forget } }) }];
  }));
  return found.flat();
}

/** Reads only. Refuses: not-patchable. */
export async function checkUnwinders({ unwinding, imports }: PatchObject, module: Module, target: Target, act: string): Promise<void> {
  if (unwinding !== "required") return;
  const unwinders = await findUnwinders(target);
  const deaf = unwinders.find(({ registry }) => registry === undefined);
  if (deaf !== undefined) {
    throw refuse("not-patchable", act, `exceptions may come through the patch, and the unwinder in ${deaf.module.name} takes no registrations, as libgcc's does; build with -fno-exceptions, or restart`, { module: deaf.module.name });
  }
  const elf = await module.elf();
  const own = imports.find(({ name, from }) => from === "module" && isOfUnwinder(name) && !isImported(elf, name));
  if (own !== undefined && !unwinders.some((each) => each.module === module)) {
    throw refuse("not-patchable", act, `exceptions may come through the patch, and ${module.name} has an unwinder of its own (${own.name}) whose symbols are stripped; restart with the fixed program`, { module: module.name });
  }
}

const isOfUnwinder = (name: string): boolean => name.startsWith("_Unwind_") || name.startsWith("__gxx_personality");
const isImported = ({ dynamicSymbols }: ElfFile, name: string): boolean => dynamicSymbols.some((symbol) => symbol.name === name && symbol.section === "undefined");

/** The mappings are there, and nothing leads to them yet. Refuses: cannot-borrow-thread, out-of-memory, internal. */
export async function registerFrames(tracer: TracerClient, target: Target, process: ProcessIdentity, patch: LedgerPatch, isRequired: boolean): Promise<void> {
  const mappings = patch.mappings.filter(({ frames }) => frames !== undefined);
  if (mappings.length === 0) return;
  const unwinders = (await findUnwinders(target)).flatMap(({ registry }) => registry ?? []);
  try {
    for (const mapping of mappings) {
      for (const [slot, registry] of unwinders.slice(0, mostUnwinders).entries()) await register(tracer, target, process, mapping, slot, registry);
    }
  } catch (error) {
    if (isRequired || !(error instanceof SutureError) || error.kind !== "cannot-borrow-thread") throw error;
  }
}

async function register(
  tracer: TracerClient, target: Target, process: ProcessIdentity, { frames, through }: LedgerMapping, slot: number, { register: called, forget }: NonNullable<Unwinder["registry"]>,
): Promise<void> {
  if (frames === undefined || through === undefined) return;
  const object = slotOf(frames, slot);
  const name = new Uint8Array(8);
  writeU64(name, 0, forget);
  await tracer.write(process.pid, process.startTime, [{ at: address(object + BigInt(forgetterAt)), expected: new Uint8Array(8), replacement: name }]);
  const outcome = await callInTarget(tracer, target, process, { function: called, through, arguments: [frames.table.start, object] });
  if (outcome.end !== "returned") throw refuse("internal", `register unwind tables in pid ${process.pid}`, `__register_frame_info at ${formatAddress(called)} ${outcome.end}`);
}

const slotOf = ({ objects }: NonNullable<LedgerMapping["frames"]>, slot: number): Address => address(objects.start + BigInt(slot * slotSize));

/** Nothing leads to the code any more. What has never been mapped, as something else was in its place, is left alone. Refuses: cannot-borrow-thread, out-of-memory. */
export async function forgetFrames(tracer: TracerClient, process: ProcessIdentity, { mappings }: LedgerPatch): Promise<void> {
  if (mappings.every(({ frames }) => frames === undefined)) return;
  const ours = await readOurMappings(tracer, process.pid);
  let target: Target | undefined;
  for (const { frames, through } of mappings) {
    if (frames === undefined || through === undefined || !ours.some(({ start, end }) => start <= frames.objects.start && frames.objects.end <= end)) continue;
    const bytes = await tracer.readMemory(process.pid, frames.objects.start, frameObjectsSize).catch(() => new Uint8Array());
    for (let at = 0; at + slotSize <= bytes.length; at += slotSize) {
      const [first, forget] = [readU64(bytes, at), address(readU64(bytes, at + forgetterAt))];
      if (first === 0n || forget === 0n) continue;
      target ??= await openTarget(tracer, process.pid);
      // It ends with an abort, which the helper catches, where a run that died had come so far before.
      await callInTarget(tracer, target, process, { function: forget, through, arguments: [frames.table.start] });
      const slot = bytes.subarray(at, at + forgetterAt + 8);
      const now = await tracer.readMemory(process.pid, address(frames.objects.start + BigInt(at)), slot.length);
      await tracer.write(process.pid, process.startTime, [{ at: address(frames.objects.start + BigInt(at)), expected: now, replacement: new Uint8Array(slot.length) }]);
    }
  }
}
