// What travels, and where everything else is found. Beginning with the functions that changed, every relocation is
// followed: to what belongs to the patch (new functions, literals, new variables, changed constants), or to what the
// running program already has.
//
// Which reference becomes what:
// - a call or jump to a function of the patch goes to the new one; its address, taken as a value, stays the old entry, so
//   that pointers compare as before (the old entry leads to the new function);
// - into the middle of a function (jump tables, unlikely parts): always within the patch;
// - variables that exist: the program's own, at the proven address, the symbol table's where no code of the unit told;
// - undefined symbols: another unit of the patch, the unit's own proven references, the program's global symbols, then
//   its dynamic ones and, for what the program never used, any loaded module, by name;
// - in a library, what it exports and reaches through PLT or GOT is found by name, because another module may come first.
//
// - thread-local variables: those of a program by their offset, all others through the slots that the module has for them.
//
// Refused by name: new thread-local variables, relocations not known here, what cannot be told apart, what cannot be found.

import { fileAddress } from "../address.ts";
import type { FileAddress } from "../address.ts";
import { x86Relocation as R } from "../elf/mod.ts";
import type { ElfRelocation, ElfSection, ElfSymbol } from "../elf/mod.ts";
import { callbackMoments } from "../image/mod.ts";
import type { CallbackMoment } from "../image/mod.ts";
import type { Binding } from "./bind.ts";
import type { Comparison } from "./compare.ts";
import { isLocalStatic, isWritableVariable } from "./correlate.ts";
import { isBranch, isCallThroughGot, isCode, isColdPart, isJumpTableEntry, isMerged, isPcRelative, referentOf, relocationTitle } from "./object-code.ts";
import type { Definition, Referent } from "./object-code.ts";
import { isLibrary, placeOf, threadOffsetOf, variableSymbol } from "./program.ts";
import type { LinkedProgram } from "./program.ts";
import type { ProvedUnit } from "./proof.ts";
import { OutOfReach, notPatchable } from "./refusal.ts";
import { checkRelocationType, checkSection, isThreadAccess, reasonOfInstrumentation, throughGot } from "./supported.ts";
import { blockBase } from "./thread-access.ts";
import { threadSlotFor } from "./thread-slots.ts";
import type { ThreadVariable } from "./thread-slots.ts";
import { unwindReferences, unwindingOf } from "./unwinding.ts";
import { onlyOfFamily, refuseAbsent, refuseUnknownClone } from "./waived-proof.ts";

/** A unit with all that is known about it. */
export interface ComparedUnit {
  readonly proved: ProvedUnit;
  readonly comparison: Comparison;
}

/** A section of a patched object that travels. */
export interface Piece {
  readonly unit: ComparedUnit;
  readonly section: ElfSection;
}

export type Found =
  | { readonly from: "module"; readonly at: FileAddress }
  | { readonly from: "process"; readonly version?: string }
  | { readonly from: "thread"; readonly offset: bigint }
  /** What the module's slot at `at` holds in the process. */
  | { readonly from: "slot"; readonly at: FileAddress };

/** What a relocation of a piece refers to in the end. */
export type Target =
  /** A place in a section of the image; `definition` where it is one. */
  | { readonly kind: "piece"; readonly piece: Piece; readonly definition?: Definition }
  /** Something outside of the image; the relocation's addend counts from `origin` of its symbol. */
  | { readonly kind: "import"; readonly name: string; readonly found: Found; readonly origin: number }
  /** A slot, or a pair, of the module's own table, in the place of one of the image. */
  | { readonly kind: "own-slot"; readonly name: string; readonly at: FileAddress }
  /** A weak symbol that nobody defined when the program was linked: address 0, in old and new code alike. */
  | { readonly kind: "absent"; readonly name: string }
  /** Known already; undefined where the field holds nothing. */
  | { readonly kind: "constant"; readonly value?: bigint };

export interface Inclusion {
  /** In order of units and of sections. */
  readonly pieces: readonly Piece[];
  readonly targetOf: (piece: Piece, relocation: ElfRelocation) => Target;
  /** Functions of the patched objects that replace one of the program. */
  readonly replacing: readonly { readonly unit: ComparedUnit; readonly definition: Definition; readonly reason: string }[];
  readonly callbacks: readonly { readonly unit: ComparedUnit; readonly definition: Definition; readonly when: CallbackMoment }[];
  /** Functions that travel along. */
  readonly added: readonly { readonly unit: ComparedUnit; readonly definition: Definition }[];
}

export function includeDependencies(program: LinkedProgram, units: readonly ComparedUnit[]): Inclusion {
  const closure = new Closure(program, units);
  for (const unit of units) {
    for (const name of unit.comparison.changed.keys()) closure.includeChanged(unit, name);
  }
  for (const unit of units) closure.includeCallbacks(unit);
  closure.follow();
  return closure.finish();
}

class Closure {
  readonly #program: LinkedProgram;
  readonly #units: readonly ComparedUnit[];
  readonly #pieces = new Map<ElfSection, Piece>();
  readonly #targets = new Map<ElfRelocation, Target>();
  readonly #waiting: Piece[] = [];
  readonly #callbacks: Inclusion["callbacks"][number][] = [];

  constructor(program: LinkedProgram, units: readonly ComparedUnit[]) {
    this.#program = program;
    this.#units = units;
  }

  /** A changed function travels if the program has what it replaces. */
  includeChanged(unit: ComparedUnit, name: string): void {
    const definition = unit.comparison.patched.functions.get(name);
    const original = unit.comparison.correlation.originals.get(name);
    const doubt = original === undefined ? undefined : unit.proved.doubtful.get(original.name);
    if (doubt !== undefined) throw this.#refuse(unit, { function: name }, doubt);
    if (original !== undefined) refuseAbsent(unit.proved, original.name);
    if (definition === undefined || original === undefined || !unit.proved.functions.has(original.name)) return;
    refuseUnknownClone(unit.proved, original.name);
    if (definition.kind === "ifunc") throw this.#refuse(unit, { function: name }, "is an indirect function whose resolver differs, and it has been resolved already");
    this.#include(unit, definition);
  }

  /** Pointers that the macros of suture.h have gathered: in a section for each moment, in the order of the source. */
  includeCallbacks(unit: ComparedUnit): void {
    for (const when of callbackMoments) {
      const section = unit.comparison.patched.file.sections.find(({ name }) => name === `.suture.callbacks.${when.replace("-", "_")}`);
      for (const relocation of section?.relocations ?? []) {
        if (section === undefined) continue;
        const target = this.#resolve({ unit, section }, relocation);
        const definition = target.kind === "piece" ? target.definition : undefined;
        if (definition === undefined) throw this.#refuse(unit, { section: section.name }, `names ${relocation.symbol.name}, which is no function of the patch; a callback must be one that the patch brings along`);
        this.#callbacks.push({ unit, definition, when });
      }
    }
  }

  follow(): void {
    for (let piece = this.#waiting.pop(); piece !== undefined; piece = this.#waiting.pop()) {
      for (const relocation of piece.section.relocations) this.#targets.set(relocation, this.#resolve(piece, relocation));
      this.#followUnwinding(piece);
    }
  }

  /** Language data and personality routines travel with the code that needs them. */
  #followUnwinding({ unit, section: code }: Piece): void {
    const { patched } = unit.comparison;
    const { section } = unwindingOf(patched);
    if (section === undefined) return;
    for (const relocation of unwindReferences(patched, code)) this.#targets.set(relocation, this.#resolve({ unit, section }, relocation));
  }

  finish(): Inclusion {
    const pieces = this.#units.flatMap((unit) =>
      [...this.#pieces.values()].filter((piece) => piece.unit === unit).sort((one, other) => one.section.index - other.section.index));
    const functions = pieces.flatMap(({ unit, section }) =>
      (unit.comparison.patched.definitionsBySection.get(section.index) ?? [])
        .filter(({ kind }) => kind === "function").map((definition) => ({ unit, definition })));
    return {
      pieces,
      callbacks: this.#callbacks,
      targetOf: (piece, relocation) => this.#targets.get(relocation) ?? this.#resolve(piece, relocation),
      replacing: functions.flatMap(({ unit, definition }) => this.#isReplacing(unit, definition)
        ? [{ unit, definition, reason: unit.comparison.changed.get(definition.name) ?? "" }] : []),
      added: functions.filter(({ unit, definition }) => !isColdPart(definition.name) && !this.#isReplacing(unit, definition)),
    };
  }

  #isReplacing({ comparison, proved }: ComparedUnit, { name }: Definition): boolean {
    const original = comparison.correlation.originals.get(name);
    return !isColdPart(name) && comparison.changed.has(name) && original !== undefined && proved.functions.has(original.name);
  }

  #include(unit: ComparedUnit, definition: Definition): Piece {
    if (definition.section === undefined) throw this.#refuse(unit, { variable: definition.name }, "is a new common symbol; give it an initial value, or compile with -fno-common");
    // Constants that may be merged may be copied too; and functions of assembly, which lie in one section as they were written.
    const sharing = isMerged(definition.section) || isAssembly(unit, definition.section) ? undefined : (unit.comparison.patched.definitionsBySection.get(definition.section.index) ?? [])
      .find((each) => each.start !== definition.start && !this.#travels(unit, each));
    if (sharing !== undefined) throw this.#refuse(unit, subjectOf(definition), `shares section ${definition.section.name} with ${sharing.name}, which stays as it is`);
    const piece = this.#includeSection(unit, definition.section);
    // The unlikely part has no caller but the function; the function may reach it only through unwinding tables.
    const cold = definition.kind === "function" ? unit.comparison.patched.functions.get(`${definition.name}.cold`) : undefined;
    if (cold?.section !== undefined) this.#includeSection(unit, cold.section);
    return piece;
  }

  #travels({ comparison }: ComparedUnit, { name }: Definition): boolean {
    return comparison.changed.has(name) || comparison.added.has(name) || comparison.addedVariables.has(name) || comparison.replacedConstants.has(name);
  }

  #includeSection(unit: ComparedUnit, section: ElfSection): Piece {
    const known = this.#pieces.get(section);
    if (known !== undefined) return known;
    checkSection(unit.proved.pair.unit, section);
    const piece = { unit, section };
    this.#pieces.set(section, piece);
    this.#waiting.push(piece);
    return piece;
  }

  #resolve(piece: Piece, relocation: ElfRelocation): Target {
    const { unit, section } = piece;
    checkRelocationType(unit.proved.pair.unit, section, relocation, isLibrary(this.#program));
    const referent = referentOf(unit.comparison.patched, section, relocation);
    switch (referent.kind) {
      case "definition": return this.#resolveDefinition(piece, relocation, unit, referent);
      case "literal": return { kind: "piece", piece: this.#includeSection(unit, referent.section) };
      case "external": return this.#resolveExternal(piece, relocation, referent);
      case "nowhere": throw this.#refuse(unit, ...instrumented(referent.section) ?? [{ section: section.name }, `refers to a place of ${referent.section} that belongs to no variable`]);
    }
  }

  #resolveDefinition(piece: Piece, relocation: ElfRelocation, owner: ComparedUnit, referent: Referent & { kind: "definition" }): Target {
    const { definition } = referent;
    // What every unit brings along that needs it: the patch has one of it, as a program would.
    const first = hasVagueLinkage(definition) && !owner.comparison.correlation.originals.has(definition.name) ? this.#unitDefining(definition.name) : undefined;
    if (first !== undefined && first.unit !== owner) return this.#resolveDefinition(piece, relocation, first.unit, { ...referent, definition: first.definition });
    switch (definition.kind) {
      case "function": case "ifunc": return this.#resolveFunction(piece, relocation, owner, referent);
      case "variable": return this.#resolveVariable(relocation, owner, definition);
      case "thread-variable": return this.#resolveThreadVariable(owner, definition, relocation);
    }
  }

  #resolveFunction(piece: Piece, relocation: ElfRelocation, owner: ComparedUnit, referent: Referent & { kind: "definition" }): Target {
    const { definition, offset } = referent;
    const { comparison, proved } = owner;
    const { name } = definition;
    const original = comparison.correlation.originals.get(name);
    const inProgram = original === undefined ? undefined : proved.functions.get(original.name);
    const isInside = isColdPart(name) || offset !== 0 || isJumpTableEntry(piece, relocation, referent);
    const isCall = isBranch(piece.section, relocation.offset, relocation.type) || isCallThroughGot(piece.section, relocation.offset, relocation.type);
    if (definition.kind === "ifunc") return this.#resolveIndirectFunction(owner, definition, original, relocation);
    if (!isInside && this.#isInterposable(definition.symbol, relocation)) return processImport(definition.symbol.name);
    const isShared = original !== undefined || hasVagueLinkage(definition);
    const elsewhere = inProgram === undefined && isShared && !isInside ? this.#definedElsewhere(definition) : undefined;
    if (elsewhere !== undefined) return { kind: "import", name, found: { from: "module", at: placeOf(elsewhere) }, origin: definition.start };
    const isChanged = comparison.changed.has(name);
    const copy = definition.section === undefined ? undefined : this.#pieces.get(definition.section);
    if (isInside && copy !== undefined) return { kind: "piece", piece: copy, definition };
    if (isInside && inProgram !== undefined && !isChanged) throw this.#refuse(owner, { function: name }, "is reached into from code that travels without it");
    const staysOld = inProgram !== undefined && !isInside && (!isChanged || !isCall);
    if (staysOld && isCall) refuseUnknownClone(proved, inProgram.name);
    if (staysOld) return { kind: "import", name: inProgram.name, found: { from: "module", at: inProgram.at }, origin: definition.start };
    return { kind: "piece", piece: this.#include(owner, definition), definition };
  }

  /** A weak or shared definition that another object of the program won. */
  #definedElsewhere({ name, symbol }: Definition): ElfSymbol | undefined {
    if (symbol.binding === "local") return undefined;
    return this.#program.program.symbolsNamed(name).map((each) => each.symbol).find((each) => each.binding !== "local" && each.type === "function");
  }

  /** The program reaches an indirect function through a stub or a slot; what it reaches there, the patch does. */
  #resolveIndirectFunction(owner: ComparedUnit, { name, start }: Definition, original: Definition | undefined, relocation: ElfRelocation): Target {
    const binding = original === undefined ? undefined : owner.proved.bindings.get(original.name);
    const proved = original === undefined ? undefined : owner.proved.functions.get(original.name);
    const stub = binding?.kind === "address" && binding.at !== proved?.at ? binding.at : undefined;
    const found = this.#indirectPlace(proved?.at, stub, relocation);
    if (found === undefined) throw this.#refuse(owner, { function: name }, original === undefined ? "is a new indirect function, which nobody would resolve" : "is an indirect function that the program has neither a stub nor a slot for");
    return { kind: "import", name, found, origin: start };
  }

  /** In a program that may lie anywhere, code that reads a slot gets the implementation; all else gets the stub, if there is one. */
  #indirectPlace(resolver: FileAddress | undefined, stub: FileAddress | undefined, { type }: ElfRelocation): Found | undefined {
    const slot = [...this.#program.links.slots].find(([, each]) => each.kind === "indirect" && each.resolver === resolver)?.[0];
    const prefersSlot = stub === undefined || (throughGot.has(type) && this.#program.program.elf.type === "shared");
    if (slot !== undefined && prefersSlot) return { from: "slot", at: fileAddress(slot) };
    return stub === undefined ? undefined : { from: "module", at: stub };
  }

  #resolveVariable(relocation: ElfRelocation, owner: ComparedUnit, definition: Definition): Target {
    const { comparison } = owner;
    const { name } = definition;
    const isConstantCopy = comparison.replacedConstants.has(name) || isIndirection(definition);
    const original = comparison.correlation.originals.get(name);
    if (original === undefined && comparison.correlation.undecided.has(name)) {
      throw this.#refuse(owner, { variable: name }, "is a static variable of a function, and it cannot be told whether it is new or one that exists");
    }
    const merged = original === undefined && hasVagueLinkage(definition) ? variableSymbol(this.#program, name, owner.proved.unit, false) : undefined;
    if (merged !== undefined) return { kind: "import", name, found: { from: "module", at: placeOf(merged) }, origin: definition.start };
    if (original === undefined || isConstantCopy) return { kind: "piece", piece: this.#include(owner, definition), definition };
    if (this.#isInterposable(definition.symbol, relocation)) return processImport(name);
    const at = this.#placeOfVariable(owner, original);
    if (at !== undefined) return { kind: "import", name: original.name, found: { from: "module", at }, origin: definition.start };
    if (isWritableVariable(original) || isIdentity(original)) throw this.#refuse(owner, { variable: name }, "cannot be found in the program: no compared function refers to it and its name is missing or ambiguous in the symbol table");
    // A constant that the program dropped or folded away is as good as a copy of it.
    return { kind: "piece", piece: this.#includeSection(owner, sectionOfDefinition(definition)), definition };
  }

  #placeOfVariable({ proved }: ComparedUnit, original: Definition): FileAddress | undefined {
    const binding = proved.bindings.get(original.name);
    if (binding?.kind === "address") return binding.at;
    const symbol = proved.isWaived && isLocalStatic(original) ? onlyOfFamily(this.#program, proved, original) : variableSymbol(this.#program, original.name, proved.unit, original.symbol.binding === "local");
    return symbol === undefined || symbol.size !== original.size ? undefined : placeOf(symbol);
  }

  #resolveThreadVariable(owner: ComparedUnit, definition: Definition, relocation: ElfRelocation): Target {
    const original = owner.comparison.correlation.originals.get(definition.name);
    if (original === undefined) throw this.#refuse(owner, { variable: definition.name }, "is a new thread-local variable, and threads that run have no room for it");
    const binding = owner.proved.bindings.get(original.name);
    const isLocal = original.symbol.binding === "local";
    const symbol = variableSymbol(this.#program, original.name, owner.proved.unit, isLocal);
    if (isLibrary(this.#program)) {
      const offset = binding?.kind === "thread-block" ? binding.offset : symbol?.value;
      return this.#threadSlot(owner, original.name, { ...(isLocal ? {} : { name: original.name }), ...(offset === undefined ? {} : { offset }) }, relocation);
    }
    const offset = binding?.kind === "thread" ? binding.offset : symbol === undefined ? undefined : threadOffsetOf(this.#program, symbol);
    return this.#threadImport(owner, original.name, offset, definition.start, relocation);
  }

  /** A variable at no constant distance: through the module's own slots. */
  #threadSlot(owner: ComparedUnit, name: string, variable: ThreadVariable, { type, addend }: ElfRelocation): Target {
    const inside = type === R.R_X86_64_DTPOFF32 ? addend : addend + 4n;
    if (type === R.R_X86_64_TLSDESC_CALL) return { kind: "constant" };
    if (type === R.R_X86_64_DTPOFF32 && variable.offset !== undefined) return { kind: "constant", value: variable.offset + inside };
    const at = inside !== 0n ? undefined : threadSlotFor(this.#program, type, type === R.R_X86_64_TLSLD ? { offset: 0n } : variable);
    if (at === undefined) throw this.#refuse(owner, { variable: name }, `is thread-local and used through ${relocationTitle(type)}, for which ${this.#program.program.name} has no slot; use the variable where it was used before`);
    return { kind: "own-slot", name, at };
  }

  #threadImport(owner: ComparedUnit, name: string, offset: bigint | undefined, origin: number, { type }: ElfRelocation): Target {
    if (type !== R.R_X86_64_TPOFF32 && type !== R.R_X86_64_GOTTPOFF) throw this.#refuse(owner, { variable: name }, `is thread-local and used through ${relocationTitle(type)}, which is not supported`);
    if (offset === undefined) throw this.#refuse(owner, { variable: name }, "is thread-local, and its place in the program cannot be found");
    return { kind: "import", name, found: { from: "thread", offset }, origin };
  }

  #resolveExternal(piece: Piece, relocation: ElfRelocation, { name, symbol }: Referent & { kind: "external" }): Target {
    const { unit } = piece;
    if (name === "" || symbol.section === "absolute") throw this.#refuse(unit, { section: piece.section.name }, `has a relocation ${relocationTitle(relocation.type)} against a number, which is not supported`);
    const defining = this.#unitDefining(name);
    if (defining !== undefined && !this.#isInterposable(defining.definition.symbol, relocation)) {
      const offset = Number(relocation.addend) + (isPcRelative(relocation.type) ? 4 : 0);
      return this.#resolveDefinition(piece, relocation, defining.unit, { kind: "definition", definition: defining.definition, offset });
    }
    const binding = this.#bindingOf(unit, name);
    if (name === blockBase) {
      return isLibrary(this.#program) ? this.#threadSlot(unit, name, { offset: 0n }, relocation) : this.#threadImport(unit, name, 0n, 0, relocation);
    }
    if (isThreadAccess(relocation.type) && (isLibrary(this.#program) || binding?.kind !== "thread")) {
      const own = this.#ownThreadVariable(name);
      if (own === undefined || isLibrary(this.#program)) return this.#threadSlot(unit, name, { name, ...(own === undefined ? {} : { offset: own.value }) }, relocation);
    }
    const indirect = this.#program.program.symbolsNamed(name).find(({ symbol: { type, section } }) => type === "ifunc" && section !== "undefined")?.symbol;
    const found = indirect === undefined ? undefined : this.#indirectPlace(placeOf(indirect), binding?.kind === "address" ? binding.at : undefined, relocation);
    if (found !== undefined) return { kind: "import", name, found, origin: 0 };
    return this.#resolveBinding(piece, relocation, name, symbol, binding) ?? this.#resolveByName(piece, relocation, name, symbol);
  }

  #ownThreadVariable(name: string): ElfSymbol | undefined {
    return this.#program.program.symbolsNamed(name).map((each) => each.symbol).find(({ type, section, binding }) => type === "tls" && section !== "undefined" && binding !== "local");
  }

  /** Another unit of the patch that defines this global name. */
  #unitDefining(name: string): { readonly unit: ComparedUnit; readonly definition: Definition } | undefined {
    for (const unit of this.#units) {
      const definition = unit.comparison.patched.functions.get(name) ?? unit.comparison.patched.variables.get(name);
      if (definition !== undefined && definition.symbol.binding !== "local") return { unit, definition };
    }
    return undefined;
  }

  #bindingOf(unit: ComparedUnit, name: string): Binding | undefined {
    const isGlobal = ({ comparison }: ComparedUnit): boolean =>
      comparison.original.functions.get(name)?.symbol.binding !== "local" && comparison.original.variables.get(name)?.symbol.binding !== "local";
    return [unit, ...this.#units].filter(isGlobal).map(({ proved }) => proved.bindings.get(name)).find((each) => each !== undefined);
  }

  #resolveBinding(piece: Piece, relocation: ElfRelocation, name: string, symbol: ElfSymbol, binding: Binding | undefined): Target | undefined {
    switch (binding?.kind) {
      case undefined: return undefined;
      case "address": return { kind: "import", name, found: { from: "module", at: binding.at }, origin: 0 };
      case "thread": return this.#threadImport(piece.unit, name, binding.offset, 0, relocation);
      case "dynamic": return this.#dynamicImport(piece, relocation, name, binding.symbol);
      case "thread-block": return undefined;
      case "absent": return { kind: "absent", name: symbol.name };
    }
  }

  #resolveByName(piece: Piece, relocation: ElfRelocation, name: string, symbol: ElfSymbol): Target {
    const [own] = this.#program.program.symbolsNamed(name).map((each) => each.symbol).filter(({ binding }) => binding !== "local");
    if (own !== undefined && this.#isInterposable(own, relocation)) return processImport(name);
    if (own?.type === "tls") return this.#threadImport(piece.unit, name, threadOffsetOf(this.#program, own), 0, relocation);
    if (own?.type === "ifunc") throw this.#refuse(piece.unit, { function: name }, "is an indirect function that the program has neither a stub nor a slot for");
    if (own !== undefined) return { kind: "import", name, found: { from: "module", at: placeOf(own) }, origin: 0 };
    if (symbol.binding === "weak") throw this.#refuse(piece.unit, { section: piece.section.name }, `refers to ${name}, which is weak and which the program does not define`);
    return this.#dynamicImport(piece, relocation, name, this.#program.dynamicByName.get(name) ?? symbol);
  }

  #dynamicImport(piece: Piece, relocation: ElfRelocation, name: string, symbol: ElfSymbol): Target {
    const isCall = isBranch(piece.section, relocation.offset, relocation.type);
    // Of a weak one that no module may have, the program's own code knows no more than its slot says.
    const slot = symbol.binding === "weak" && symbol.section === "undefined" ? this.#slotHolding(name) : undefined;
    if (slot !== undefined) return { kind: "import", name, found: { from: "slot", at: slot }, origin: 0 };
    // An undefined dynamic symbol with a value is the stub that all modules take for the function's address.
    const isCanonical = symbol.section === "undefined" && symbol.value !== 0n && !isLibrary(this.#program);
    if (isCanonical && !isCall) return { kind: "import", name, found: { from: "module", at: fileAddress(symbol.value) }, origin: 0 };
    const isReachable = isCall || throughGot.has(relocation.type) || relocation.type === R.R_X86_64_64 || relocation.type === R.R_X86_64_PLT32;
    if (!isReachable) throw new OutOfReach(piece.unit.proved.pair.unit, name, `belongs to a library and is referred to by ${relocationTitle(relocation.type)}, as if it were in the program, which has no copy of it`);
    return processImport(name, symbol.version);
  }

  /** A slot that is filled when the module is loaded, not at the first call. */
  #slotHolding(name: string): FileAddress | undefined {
    const found = [...this.#program.links.slots].find(([, slot]) => slot.kind === "symbol" && !slot.isLazy && slot.symbol.name === name)?.[0];
    return found === undefined ? undefined : fileAddress(found);
  }

  /** In a library, an exported symbol reached through PLT or GOT may be another module's. */
  #isInterposable({ name, binding, visibility, section }: ElfSymbol, { type }: ElfRelocation): boolean {
    if (!isLibrary(this.#program) || binding === "local" || visibility !== "default" || section === "undefined") return false;
    return (throughGot.has(type) || type === R.R_X86_64_PLT32) && this.#program.dynamicByName.has(name);
  }

  #refuse(unit: ComparedUnit, subject: Parameters<typeof notPatchable>[1], reason: string): Error {
    return notPatchable(unit.proved.pair.unit, subject, reason);
  }
}

function instrumented(section: string): [subject: { readonly section: string }, reason: string] | undefined {
  const reason = reasonOfInstrumentation(section);
  return reason === undefined ? undefined : [{ section }, reason];
}

/** A definition that every unit which needs it brings along, and of which a program keeps one. */
const hasVagueLinkage = ({ symbol }: Definition): boolean => symbol.binding === "weak" || symbol.binding === "unique";

/** What stays as it is travels along in a copy, that nobody is led to but its neighbours in the section. */
const isAssembly = ({ proved }: ComparedUnit, section: ElfSection): boolean => isCode(section) && proved.unit.language === assembly;
const assembly = 0x8001; // DW_LANG_Mips_Assembler, of every machine

/** A pointer that the compiler makes for exception tables alone: any copy is as good, what it leads to is what counts. */
const isIndirection = ({ name }: Definition): boolean => name.startsWith("DW.ref.");

/** Type information of a type that only this unit knows: exceptions are told apart by its address. */
const isIdentity = ({ name, symbol }: Definition): boolean => symbol.binding === "local" && /^_ZT[IS]/.test(name);

const subjectOf = ({ kind, name }: Definition): { readonly function: string } | { readonly variable: string } =>
  kind === "function" || kind === "ifunc" ? { function: name } : { variable: name };

function sectionOfDefinition({ section, name }: Definition): ElfSection {
  if (section === undefined) throw notPatchable(name, { variable: name }, "has no section");
  return section;
}

const processImport = (name: string, version?: string): Target =>
  ({ kind: "import", name, found: { from: "process", ...(version === undefined ? {} : { version }) }, origin: 0 });
