// Calls into the target: a thread of its own runs one function, on top of what it does, while all others run on. Only a
// thread that stands in no code whose locks the function may want: allocators, the dynamic linker, the unwinder. When no
// thread is free, we wait and look again.

import { setTimeout as sleep } from "node:timers/promises";
import { address } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import type { ElfFile, ElfSymbol } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import type { Module, Target } from "../target/mod.ts";
import type { CallOutcome, TracerClient } from "../tracer.ts";
import type { ProcessIdentity } from "./ledger.ts";

export interface TargetCall {
  readonly function: Address;
  /** Where the patch has {@link callCode}. */
  readonly through: Address;
  readonly arguments?: readonly bigint[];
  /** Beyond what is avoided by everyone. */
  readonly avoid?: readonly AddressRange[];
  readonly patienceMilliseconds?: number;
  /** How long to look for a thread. Milliseconds. */
  readonly timeout?: number;
}

const defaultPatience = 2000;
const defaultTimeout = 5000;
const pause = 20;

/** Refuses: cannot-borrow-thread, process-gone. */
export async function callInTarget(tracer: TracerClient, target: Target, { pid, startTime }: ProcessIdentity, call: TargetCall): Promise<CallOutcome> {
  const { errnoLocation, avoid } = await surroundingsOf(target);
  const deadline = performance.now() + (call.timeout ?? defaultTimeout);
  for (;;) {
    try {
      return await tracer.call(pid, startTime, {
        function: call.function, through: call.through, arguments: call.arguments ?? [], avoid: [...avoid, ...call.avoid ?? []], hold: avoid,
        patienceMilliseconds: call.patienceMilliseconds ?? defaultPatience, ...(errnoLocation === undefined ? {} : { errnoLocation }),
      });
    } catch (error) {
      if (!(error instanceof SutureError) || error.kind !== "cannot-borrow-thread" || performance.now() >= deadline) throw error;
    }
    await sleep(pause);
  }
}

interface Surroundings {
  readonly errnoLocation?: Address;
  readonly avoid: readonly AddressRange[];
}

const known = new WeakMap<Target, Promise<Surroundings>>();

function surroundingsOf(target: Target): Promise<Surroundings> {
  const found = known.get(target) ?? readSurroundings(target);
  known.set(target, found);
  return found;
}

async function readSurroundings({ modules }: Target): Promise<Surroundings> {
  const avoid: AddressRange[] = [];
  let errnoLocation: Address | undefined;
  for (const module of modules) {
    const elf = await module.elf().catch(() => undefined);
    // Nobody knows what it is: no thread is borrowed in it.
    if (elf === undefined) {
      avoid.push(...codeOf(module));
      continue;
    }
    errnoLocation ??= functionIn(module, elf, "__errno_location");
    avoid.push(...whereLocksAreHeld(module, elf));
  }
  return { avoid, ...(errnoLocation === undefined ? {} : { errnoLocation }) };
}

const allocator = new Set([
  "malloc", "free", "calloc", "realloc", "reallocarray", "memalign", "aligned_alloc", "posix_memalign", "valloc", "pvalloc", "malloc_trim", "malloc_stats", "malloc_info", "mallopt",
  "mallinfo", "mallinfo2", "malloc_usable_size",
]);
const linkers = new Set(["dlopen", "dlclose", "dlsym", "dl_iterate_phdr", "_dl_find_object"]);

/** The C library is more than its allocator, whose functions lie side by side in it; a library that is one is avoided as a whole. */
function whereLocksAreHeld(module: Module, elf: ElfFile): readonly AddressRange[] {
  const functions = definedFunctions(elf);
  const isLinker = functions.some(({ name }) => name === "_dl_allocate_tls" || name === "__tls_get_addr");
  const isUnwinder = elf.dynamicSymbols.some((symbol) => symbol.name === "_Unwind_RaiseException" && isDefined(symbol));
  const allocating = functions.filter(({ name }) => allocator.has(name));
  const isProgram = module.hasInterpreter || functions.some(({ name }) => name === "main" || name === "__libc_start_main");
  if (!isProgram && (isLinker || isUnwinder || allocating.length > 0)) return codeOf(module);
  const linking = functions.filter(({ name }) => linkers.has(name) || name.startsWith("_Unwind_"));
  return [...spanOf(module, allocating), ...linking.map((symbol) => rangeOf(module, symbol))];
}

const codeOf = ({ mappings }: Module): readonly AddressRange[] =>
  mappings.filter(({ isExecutable }) => isExecutable).map(({ start, end }) => ({ start, end }));

/** From the first to the last of them: what lies between was compiled with them. */
function spanOf(module: Module, symbols: readonly ElfSymbol[]): readonly AddressRange[] {
  const ranges = symbols.map((symbol) => rangeOf(module, symbol));
  const [first] = ranges;
  if (first === undefined) return [];
  return [ranges.reduce((span, { start, end }) => ({ start: start < span.start ? start : span.start, end: end > span.end ? end : span.end }), first)];
}

const rangeOf = ({ bias }: Module, { value, size }: ElfSymbol): AddressRange =>
  ({ start: address(value + bias), end: address(value + bias + BigInt(Math.max(size, 1))) });

const isDefined = ({ section }: ElfSymbol): boolean => typeof section === "number";

const definedFunctions = ({ dynamicSymbols, symbols }: ElfFile): readonly ElfSymbol[] =>
  [...dynamicSymbols, ...symbols].filter((symbol) => (symbol.type === "function" || symbol.type === "ifunc") && isDefined(symbol));

/** A function that the module defines, exported or not. */
export function functionIn({ bias }: Module, { dynamicSymbols, symbols }: ElfFile, name: string): Address | undefined {
  const isMeant = (symbol: ElfSymbol): boolean => symbol.name === name && symbol.type === "function" && isDefined(symbol);
  const found = dynamicSymbols.find(isMeant) ?? symbols.find(isMeant);
  return found === undefined ? undefined : address(found.value + bias);
}
