// What goes into the Creator and what comes out.

import type { PatchManifest } from "../image/mod.ts";

export interface SourceDiff {
  readonly name: string;
  readonly text: string;
}

export interface CreateOptions {
  /** Name of the patch. Default: of the first diff, without directory and ending. */
  readonly name?: string;
  readonly description?: string;
  /** Root of the source tree that built the program, as it was then. The diffs' paths start here. */
  readonly source: string;
  /** Leading components of the diffs' paths that are not the tree's, as of `patch -p`. Default: 1. */
  readonly strip?: number;
  /** The program or library as it runs: an ELF file with symbols, or with separate debug information. */
  readonly target: string;
  /** Further modules of the same process, such as its libraries: one patch for all of them, switched in one stop. */
  readonly moreTargets?: readonly string[];
  /** Its separate debug file. Default: found by build-id, by debug link, or by debuginfod where DEBUGINFOD_URLS is set. */
  readonly debugFile?: string | undefined;
  /** Default: `compile_commands.json` in `source`. */
  readonly compileCommands?: string;
  /** `variable=VALUE if VALUE`, as {@link createPatchImage} writes them into the running program; see values.ts. */
  readonly values?: readonly string[];
  /**
   * Structures and enumerations ("struct client") that may change although objects of them may be alive. The author
   * answers for that; the image says so.
   */
  readonly allowedLayouts?: readonly string[];
  /** Go on where source, flags or compiler are not those of the program. Recorded in the image. */
  readonly waivesProof?: boolean;
  readonly onProgress?: (progress: CreateProgress) => void;
  /** Parallel compilations. Default: number of cores. */
  readonly jobs?: number;
  /** Directory of objects from earlier builds; null: none are read or kept. Default: in the user's directory for caches. */
  readonly objectCache?: string | null;
}

export type CreateProgress =
  /** Something that the user should know and that stops nothing: a file of the diff left out, fuzz that patch(1) needed. */
  | { readonly step: "note"; readonly text: string }
  /** The diffs are applied: the units of these files are looked for. */
  | { readonly step: "search"; readonly files: readonly string[] }
  /** Compilers are asked, unit by unit, which of these files they include. */
  | { readonly step: "searching"; readonly files: readonly string[]; readonly done: number; readonly of: number }
  | { readonly step: "units"; readonly units: readonly string[] }
  | { readonly step: "compiling"; readonly unit: string; readonly side: "original" | "patched"; readonly done: number; readonly of: number }
  | { readonly step: "compiled"; readonly unit: string; readonly side: "original" | "patched"; readonly done: number; readonly of: number; readonly milliseconds: number }
  | { readonly step: "proved"; readonly unit: string; readonly functions: number }
  | { readonly step: "compared"; readonly unit: string; readonly changed: readonly string[]; readonly added: readonly string[] }
  | { readonly step: "assembled"; readonly bytes: number };

export interface CreatedPatch {
  readonly manifest: PatchManifest;
  /** The patch image, ready to be written to a file. Same input, same bytes. */
  readonly image: Uint8Array;
  readonly milliseconds: number;
}

/** One entry of compile_commands.json, normalised. */
export interface CompileCommand {
  /** Absolute. */
  readonly directory: string;
  /** Absolute path of the main source file. */
  readonly file: string;
  /** Compiler and arguments, without a shell. */
  readonly arguments: readonly string[];
  /** Absolute path of the object file, where the command names one. */
  readonly output?: string;
}

/** A unit compiled as it was, each function and variable in a section of its own. */
export interface OriginalUnit {
  /** Path of the main source file relative to the source root. */
  readonly unit: string;
  /** As DW_AT_name would have it: the source path as the compile command spells it. */
  readonly spelled: string;
  /** Working directory of the compile command. */
  readonly directory: string;
  readonly compiler: string;
  /** The recorded options, without source and output. */
  readonly flags: readonly string[];
  readonly original: Uint8Array;
  /**
   * The original with its functions in one section, where that can be had without compiling again: what the proof tries before
   * `plain`.
   */
  readonly joined?: () => Promise<Uint8Array | undefined>;
  /**
   * The unit compiled exactly as recorded, without sections of its own: what the proof falls back to where the
   * assembler shortened a jump between neighbours. Compiled when first asked for.
   */
  readonly plain: () => Promise<Uint8Array>;
}

/** And as patched. */
export interface ObjectPair extends OriginalUnit {
  readonly patched: Uint8Array;
  /**
   * Both sides compiled so that data of other modules is reached through the table of addresses, for programs that have no
   * copy of what the patch wants to use. Undefined where the compiler has no option for that.
   */
  readonly indirect?: () => Promise<Pick<ObjectPair, "original" | "patched" | "lined"> | undefined>;
  /**
   * The patched unit with the numbers that the lines of its sources have by themselves, for debug information. Absent where
   * `patched` has them.
   */
  readonly lined?: () => Promise<Uint8Array>;
}
