// Where the symbols of a unit live in the program, as decoded from the program's own code. Every decode of one symbol
// has to agree with every other; what they disagree about is not the object that the program was linked from.

import type { FileAddress } from "../address.ts";
import { fileAddress, formatAddress } from "../address.ts";
import type { ElfSymbol } from "../elf/mod.ts";
import { slotAt } from "./links.ts";
import type { Slot } from "./links.ts";
import { isMerged } from "./object-code.ts";
import type { ObjectCode } from "./object-code.ts";
import type { LinkedProgram } from "./program.ts";
import type { Decoded } from "./relaxations.ts";
import { blockOffsetOf } from "./thread-slots.ts";

/** Where a symbol was found. */
export type Binding =
  | { readonly kind: "address"; readonly at: FileAddress }
  /** Through a PLT stub or a GOT slot that the dynamic linker fills by name. */
  | { readonly kind: "dynamic"; readonly symbol: ElfSymbol; readonly stub?: FileAddress }
  | { readonly kind: "thread"; readonly offset: bigint }
  /** In the block of thread variables of a library. */
  | { readonly kind: "thread-block"; readonly offset: bigint }
  /** A weak symbol that nobody defined when the program was linked. */
  | { readonly kind: "absent" };

/** By name: names of symbols are unique within one object file. */
export type Bindings = ReadonlyMap<string, Binding>;

/** Two decodes of one symbol that disagree. */
export class BindingConflict extends Error {}

/** Collects decodes of one object; `finish` gives every definition of a placed section its address. */
export class Binder {
  readonly #program: LinkedProgram;
  readonly #object: ObjectCode;
  readonly #sections = new Map<number, { readonly base: bigint; readonly by: string }>();
  readonly #names = new Map<string, { readonly binding: Binding; readonly by: string }>();

  constructor(program: LinkedProgram, object: ObjectCode) {
    this.#program = program;
    this.#object = object;
  }

  /** What `by`, a function, says about `symbol`. */
  record(symbol: ElfSymbol, decoded: Decoded, by: string): void {
    const binding = this.#bindingOf(decoded);
    if (binding === undefined) return;
    const home = typeof symbol.section === "number" ? this.#object.file.sections[symbol.section] : undefined;
    // A weak definition may have lost to another object's, so it says nothing about its section.
    // The address of an indirect function is that of a stub.
    // Of a merged section the linker keeps each constant for itself.
    const placesSection = home !== undefined && !isMerged(home) && symbol.binding !== "weak" && symbol.type !== "ifunc" && binding.kind === "address";
    // Literals lie elsewhere when functions have sections of their own; only named data keeps its place in its section.
    if (home !== undefined && !this.#object.definitionsBySection.has(home.index)) return;
    if (placesSection) this.#placeSection(home.index, binding.at - symbol.value, by);
    else if (symbol.type !== "section" && symbol.name !== "") this.#name(symbol, binding, by);
  }

  finish(): Bindings {
    const bindings = new Map<string, Binding>();
    for (const [name, { binding }] of this.#names) bindings.set(name, binding);
    for (const [index, { base }] of this.#sections) {
      for (const { name, start, symbol } of this.#object.definitionsBySection.get(index) ?? []) {
        if (symbol.type !== "tls" && !bindings.has(name)) bindings.set(name, { kind: "address", at: fileAddress(base + BigInt(start)) });
      }
    }
    return bindings;
  }

  #bindingOf(decoded: Decoded): Binding | undefined {
    switch (decoded.kind) {
      case "address": return this.#bindingOfAddress(decoded.value);
      case "slot": return this.#bindingOfSlot(slotAt(this.#program.program.elf, this.#program.links, decoded.at));
      case "thread": return { kind: "thread", offset: decoded.offset };
      case "thread-block": return { kind: "thread-block", offset: decoded.offset };
      case "thread-slot": return this.#bindingOfThreadSlot(decoded.at);
      case "nothing": return undefined;
    }
  }

  #bindingOfAddress(value: bigint): Binding | undefined {
    const stub = this.#program.links.stubs.get(value);
    if (stub?.kind === "symbol") return { kind: "dynamic", symbol: stub.symbol, stub: fileAddress(value) };
    return value === 0n ? { kind: "absent" } : { kind: "address", at: fileAddress(value) };
  }

  #bindingOfSlot(slot: Slot): Binding | undefined {
    switch (slot.kind) {
      case "symbol": return { kind: "dynamic", symbol: slot.symbol };
      case "address": return slot.at === 0n ? { kind: "absent" } : { kind: "address", at: fileAddress(slot.at) };
      default: return undefined;
    }
  }

  #bindingOfThreadSlot(at: bigint): Binding | undefined {
    const offset = blockOffsetOf(this.#program, at);
    return offset === undefined ? undefined : { kind: "thread-block", offset };
  }

  #placeSection(index: number, base: bigint, by: string): void {
    const known = this.#sections.get(index);
    if (known === undefined) this.#sections.set(index, { base, by });
    else if (known.base !== base) {
      const name = this.#object.file.sections[index]?.name ?? "";
      throw new BindingConflict(`section ${name} is at ${formatAddress(known.base)} according to ${known.by} and at ${formatAddress(base)} according to ${by}`);
    }
  }

  #name({ name, binding: strength }: ElfSymbol, binding: Binding, by: string): void {
    const known = this.#names.get(name);
    // Where a call of a weak one that nobody defines would lead is the linker's whim.
    const isNowhere = strength === "weak" && [known?.binding, binding].some((each) => each?.kind === "absent");
    if (known === undefined || isMoreExact(binding, known.binding) || (isNowhere && binding.kind === "absent")) this.#names.set(name, { binding, by });
    else if (!isNowhere && !agree(known.binding, binding)) {
      throw new BindingConflict(`${name} is at ${describe(known.binding)} according to ${known.by} and at ${describe(binding)} according to ${by}`);
    }
  }
}

const isMoreExact = (one: Binding, other: Binding): boolean =>
  one.kind === "dynamic" && other.kind === "dynamic" && one.stub !== undefined && other.stub === undefined && one.symbol.name === other.symbol.name;

function agree(one: Binding, other: Binding): boolean {
  if (one.kind === "dynamic" && other.kind === "dynamic") return one.symbol.name === other.symbol.name;
  if (one.kind === "address" && other.kind === "address") return one.at === other.at;
  if (isThread(one) || isThread(other)) return one.kind === other.kind && isThread(one) && isThread(other) && one.offset === other.offset;
  // A copy relocation or canonical stub is an address in code and a name in a slot.
  return one.kind === "dynamic" || other.kind === "dynamic" || one.kind === other.kind;
}

const isThread = (binding: Binding): binding is Binding & { readonly offset: bigint } => "offset" in binding;

function describe(binding: Binding): string {
  switch (binding.kind) {
    case "address": return formatAddress(binding.at);
    case "dynamic": return `the dynamic symbol ${binding.symbol.name}`;
    case "thread": case "thread-block": return `thread offset ${binding.offset}`;
    case "absent": return "no address";
  }
}
