// What a patch image is made from: the manifest's parts with sections and symbols as objects in the place of
// indexes, so that whoever collects them from several compiled files need not count.

import type { NewRelocation, NewSection, NewSymbol } from "../elf/mod.ts";
import type { AddedFunction, CallbackMoment, Import, PatchManifest, PatchObject, PatchedFunction } from "./manifest.ts";

/** A section that the Loader places, told apart by identity. Its relocations may be filled in later. */
export type ImageSection = NewSection;
/** A symbol that a section of the image defines, or one left undefined that is imported. Told apart by identity. */
export type ImageSymbol = NewSymbol;
export type ImageRelocation = NewRelocation;

/** {@link PatchManifest} before numbering. */
export interface ImageDescription extends Omit<PatchManifest, "format" | "architecture" | "objects"> {
  readonly objects: readonly ImageObject[];
}

export interface ImageObject extends Pick<PatchObject, "module" | "values" | "unwinding" | "proof"> {
  readonly functions: readonly ImageFunction[];
  readonly added: readonly ImageAddedFunction[];
  /** Each is one of the functions above. */
  readonly callbacks?: readonly { readonly when: CallbackMoment; readonly symbol: ImageSymbol }[];
  readonly imports: readonly ImageImport[];
  readonly sections: readonly ImageSection[];
  /** For debuggers and profilers; not loaded as the others are. */
  readonly debug?: readonly ImageSection[];
  /**
   * Symbols to keep for debuggers and profilers beyond those that functions, imports and relocations use. The
   * image's symbol table holds these first, in this order.
   */
  readonly symbols: readonly ImageSymbol[];
}

/** Its size in the image is that of `newSymbol`. */
export interface ImageFunction extends Omit<PatchedFunction, "newSymbol" | "newSize"> {
  readonly newSymbol: ImageSymbol;
}

export interface ImageAddedFunction extends Omit<AddedFunction, "newSymbol" | "newSize"> {
  readonly newSymbol: ImageSymbol;
}

type WithoutSymbol<Each> = Each extends Import ? Omit<Each, "symbol" | "name"> : never;

/** How the Loader finds an undefined symbol; under the symbol's own name. */
export type ImageImport = { readonly symbol: ImageSymbol } & WithoutSymbol<Import>;
