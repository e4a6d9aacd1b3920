// From what travels to the patch image: sections are copied with their names, relocations point at symbols of the
// image or at imports, and the unwind tables are cut down to the functions that travel.
//
// A relocation becomes an import where include.ts found its target outside of the image; imports are told apart by
// where they lead, so two static variables of one name stay two symbols.

import { formatAddress } from "../address.ts";
import { sectionFlag, writeEhFrame, writeI32, x86Relocation } from "../elf/mod.ts";
import type { ElfRelocation, ElfSection } from "../elf/mod.ts";
import type { ImageFunction, ImageImport, ImageObject, ImageSection, ImageSymbol, ModuleIdentity, PatchObject, PatchedFunction } from "../image/mod.ts";
import type { ComparedUnit, Found, Inclusion, Piece, Target } from "./include.ts";
import type { Definition } from "./object-code.ts";
import { notPatchable } from "./refusal.ts";
import { debugSections } from "./source-lines.ts";
import type { SourceLines } from "./source-lines.ts";
import { unwindingOf } from "./unwinding.ts";

/** What is known about a function of the program that is replaced. */
export type OldFunction = Omit<PatchedFunction, "name" | "unit" | "newSymbol" | "newSize" | "reason">;

export interface Assembly {
  readonly module: ModuleIdentity;
  readonly units: readonly ComparedUnit[];
  readonly inclusion: Inclusion;
  readonly unwinding: PatchObject["unwinding"];
  readonly lines: SourceLines;
  readonly oldFunctionOf: (unit: ComparedUnit, definition: Definition) => OldFunction;
}

/** The part of the image that belongs to one module. */
export function assembleObject({ module, units, inclusion, unwinding, lines, oldFunctionOf }: Assembly): ImageObject {
  const writer = new ObjectWriter(inclusion);
  const sections = inclusion.pieces.map((piece) => writer.sectionOf(piece));
  for (const piece of inclusion.pieces) writer.relocate(piece);
  const records = units.flatMap((unit) => unwindSection(writer, unit, inclusion));
  return {
    module, values: [], sections: [...sections, ...records], debug: debugSections(inclusion, lines, (piece) => writer.sectionSymbol(piece)),
    ...(unwinding === undefined ? {} : { unwinding }),
    callbacks: inclusion.callbacks.map(({ unit, definition, when }) => ({ when, symbol: writer.symbolOf(unit, definition) })),
    functions: replacements(writer, inclusion, oldFunctionOf),
    added: inclusion.added.map(({ unit, definition }) => ({ name: definition.name, unit: unit.proved.pair.unit, newSymbol: writer.symbolOf(unit, definition) })),
    imports: writer.imports(),
    symbols: writer.symbols(),
    proof: {
      units: units.length,
      functions: units.reduce((sum, { proved }) => sum + proved.functions.size - proved.unproved.size, 0),
      bytes: units.reduce((sum, { proved }) => sum + proved.bytes, 0),
      ...(units.some(({ proved }) => proved.isWaived) ? { waivedFor: units.reduce((sum, { proved }) => sum + proved.unproved.size, 0) } : {}),
    },
  };
}

/** Aliases share one entry, which can be redirected once. */
function replacements(writer: ObjectWriter, { replacing }: Inclusion, oldFunctionOf: Assembly["oldFunctionOf"]): readonly ImageFunction[] {
  const functions = new Map<bigint, ImageFunction>();
  for (const { unit, definition, reason } of replacing) {
    const old = oldFunctionOf(unit, definition);
    const name = unit.comparison.correlation.originals.get(definition.name)?.name ?? definition.name;
    if (functions.has(old.oldEntry) && definition.symbol.binding === "local") continue;
    functions.set(old.oldEntry, {
      name, unit: unit.proved.pair.unit, ...old, newSymbol: writer.symbolOf(unit, definition), reason,
    });
  }
  return [...functions.values()];
}

class ObjectWriter {
  readonly #inclusion: Inclusion;
  readonly #sections = new Map<ElfSection, ImageSection>();
  readonly #sectionSymbols = new Map<ElfSection, ImageSymbol>();
  readonly #symbols = new Map<Definition, ImageSymbol>();
  readonly #imports = new Map<string, ImageImport>();
  readonly #absent = new Map<string, ImageSymbol>();

  constructor(inclusion: Inclusion) {
    this.#inclusion = inclusion;
  }

  sectionOf({ unit, section }: Piece): ImageSection {
    const known = this.#sections.get(section);
    if (known !== undefined) return known;
    // Merging is a linker's business; here every reference already says which bytes it means.
    const flags = section.flags & ~(sectionFlag.merge | sectionFlag.strings | sectionFlag.group | sectionFlag.linkOrder);
    const bytes = section.bytes.slice();
    const made: ImageSection = { name: section.name, type: section.type, flags, alignment: section.alignment, bytes, size: section.size, relocations: [] };
    this.#sections.set(section, made);
    for (const definition of unit.comparison.patched.definitionsBySection.get(section.index) ?? []) this.symbolOf(unit, definition);
    return made;
  }

  symbolOf(unit: ComparedUnit, definition: Definition): ImageSymbol {
    const known = this.#symbols.get(definition);
    if (known !== undefined) return known;
    const { name, symbol, size, section } = definition;
    if (section === undefined) throw notPatchable(unit.proved.pair.unit, { variable: name }, "has no section");
    const made: ImageSymbol = {
      name, size, type: symbol.type, binding: symbol.binding, visibility: symbol.visibility,
      section: this.sectionOf({ unit, section }), value: symbol.value,
    };
    this.#symbols.set(definition, made);
    return made;
  }

  relocate(piece: Piece): void {
    const section = this.sectionOf(piece);
    for (const relocation of piece.section.relocations) {
      const target = this.#inclusion.targetOf(piece, relocation);
      if (target.kind !== "constant") section.relocations.push(this.relocation(piece, relocation, relocation.offset));
      else if (target.value !== undefined) writeI32(section.bytes, relocation.offset, Number(target.value));
    }
  }

  /** `relocation` of `piece` as it stands in the image, at `offset`. */
  relocation(piece: Piece, relocation: ElfRelocation, offset: number): ImageSection["relocations"][number] {
    const target = this.#inclusion.targetOf(piece, relocation);
    const { type, symbol, addend } = relocation;
    if (target.kind === "own-slot") return { offset, type: x86Relocation.R_X86_64_PC32, symbol: this.#importOf({ name: target.name, found: { from: "module", at: target.at } }), addend: -4n };
    if (target.kind === "constant") throw notPatchable(piece.unit.proved.pair.unit, { section: piece.section.name }, "has unwind information that refers to a thread-local variable");
    if (target.kind === "absent") return { offset, type, symbol: this.#absentSymbol(target.name), addend };
    // A definition of another unit is external here: its symbol has no value in this object. That of a common symbol is its alignment.
    const value = symbol.section === "undefined" || symbol.section === "common" ? 0n : symbol.value;
    if (target.kind === "import") return { offset, type, symbol: this.#importOf(target), addend: addend + value - (symbol.section === "undefined" ? 0n : BigInt(target.origin)) };
    const { definition } = target;
    if (definition === undefined) return { offset, type, symbol: this.sectionSymbol(target.piece), addend: addend + value };
    return { offset, type, symbol: this.symbolOf(target.piece.unit, definition), addend: addend + (symbol.section === "undefined" ? 0n : value - BigInt(definition.start)) };
  }

  sectionSymbol(piece: Piece): ImageSymbol {
    const known = this.#sectionSymbols.get(piece.section);
    if (known !== undefined) return known;
    const made: ImageSymbol = { name: "", type: "section", binding: "local", section: this.sectionOf(piece), value: 0n, size: 0 };
    this.#sectionSymbols.set(piece.section, made);
    return made;
  }

  #absentSymbol(name: string): ImageSymbol {
    const known = this.#absent.get(name);
    if (known !== undefined) return known;
    const symbol: ImageSymbol = { name, type: "notype", binding: "global", section: "absolute", value: 0n, size: 0 };
    this.#absent.set(name, symbol);
    return symbol;
  }

  #importOf({ name, found }: Pick<Target & { kind: "import" }, "name" | "found">): ImageSymbol {
    const key = `${found.from} ${name} ${placeOfImport(found)}`;
    const known = this.#imports.get(key);
    if (known !== undefined) return known.symbol;
    const symbol: ImageSymbol = { name, type: found.from === "thread" ? "tls" : "notype", binding: "global", section: "undefined", value: 0n, size: 0 };
    this.#imports.set(key, { symbol, ...found });
    return symbol;
  }

  imports(): readonly ImageImport[] {
    return [...this.#imports.values()];
  }

  /** Names for debuggers: all that the image defines. */
  symbols(): readonly ImageSymbol[] {
    return [...this.#symbols.values()];
  }
}

function placeOfImport(found: Found): string {
  switch (found.from) {
    case "module": case "slot": return formatAddress(found.at);
    case "process": return found.version ?? "";
    case "thread": return String(found.offset);
  }
}

/** The unwind records of the functions that travel. */
function unwindSection(writer: ObjectWriter, unit: ComparedUnit, { pieces }: Inclusion): readonly ImageSection[] {
  const { section: source, bySection } = unwindingOf(unit.comparison.patched);
  const fdes = pieces.filter((piece) => piece.unit === unit).flatMap(({ section }) => bySection.get(section.index) ?? []);
  if (source === undefined || fdes.length === 0) return [];
  const { bytes, relocations } = writeEhFrame(fdes);
  const section: ImageSection = { name: ".eh_frame", type: source.type, flags: source.flags & ~sectionFlag.group, alignment: source.alignment, bytes, relocations: [] };
  for (const relocation of relocations) section.relocations.push(writer.relocation({ unit, section: source }, relocation, relocation.offset));
  return [section];
}
