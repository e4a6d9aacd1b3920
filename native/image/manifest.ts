// The manifest of a patch image: what the patch is, which module each of its objects belongs to, what is
// redirected, and how every symbol that the image does not define is found in the process. Written by the
// Creator, read by the Loader; it is all that the two share.

import type { FileAddress, FileRange } from "../address.ts";

export const imageFormat = 1;

/** The section of the image that holds the manifest, as JSON. */
export const manifestSectionName = ".suture.manifest";

/** A patch: what the author calls it, and one object per module that it changes. */
export interface PatchManifest {
  readonly format: typeof imageFormat;
  readonly name: string;
  readonly description: string;
  readonly architecture: "x86-64";
  /** The diffs as given, in order. */
  readonly diffs: readonly SourceDiffRecord[];
  readonly compilers: readonly string[];
  readonly objects: readonly PatchObject[];
  /** How the patch was built. Written by the Creator for people and audits; the Loader does not look at it. */
  readonly build?: BuildRecord;
}

export interface BuildRecord {
  /** What was compiled, with what. */
  readonly units: readonly CompiledUnit[];
  /** What the author was told: parts of the diff that are no part of the patch, fuzz that the diff needed. */
  readonly notes: readonly string[];
  /** Structures and enumerations whose change the author has declared to be harmless. */
  readonly allowedLayouts: readonly string[];
}

export interface CompiledUnit {
  readonly unit: string;
  /** Compiler, version and flags as the program's debug information has them. */
  readonly producer: string;
  /** The compiler and its recorded options, without source and output. */
  readonly command: readonly string[];
}

export interface SourceDiffRecord {
  readonly name: string;
  readonly text: string;
}

/** The part of a patch that belongs to one ELF module. */
export interface PatchObject {
  readonly module: ModuleIdentity;
  /** Functions whose entries are redirected. */
  readonly functions: readonly PatchedFunction[];
  /** What is written into variables that the program has, in the same stop. */
  readonly values: readonly ValueWrite[];
  /** Functions that travel along but replace nothing. */
  readonly added: readonly AddedFunction[];
  /** Symbols that the image leaves undefined, and where the Loader finds them. */
  readonly imports: readonly Import[];
  /** Sections of the image that are loaded for this object, by index. */
  readonly sections: readonly number[];
  /** Sections with debug information about these, by index. Absent: none. */
  readonly debug?: readonly number[];
  /**
   * The process's own unwinder must be told of this code. `required`: exceptions may come through it; `wanted`: the
   * program looks at its stack. Absent: neither.
   */
  readonly unwinding?: "required" | "wanted";
  /** In the order in which they run. */
  readonly callbacks?: readonly Callback[];
  readonly proof: ProofRecord;
}

export interface ModuleIdentity {
  /** Base name, for messages. */
  readonly name: string;
  /** Lower-case hex. */
  readonly buildId: string;
  readonly kind: "program" | "library";
}

export interface PatchedFunction {
  readonly name: string;
  /** The translation unit, relative to the source root: tells same-named statics apart. */
  readonly unit: string;
  readonly oldEntry: FileAddress;
  readonly oldSize: number;
  /** Everything that a thread must not stand in: the body and its cold parts. */
  readonly oldRanges: readonly FileRange[];
  /** Where in the old function the jump goes: 0, or 4 when it keeps its endbr64. */
  readonly redirectOffset: number;
  /** The bytes that the jump takes away, as the build left them. */
  readonly expected: Uint8Array;
  /** Symbol index of the replacement in the image. */
  readonly newSymbol: number;
  readonly newSize: number;
  /** Why it is replaced: its own code differs, it held an inlined copy, … One line. */
  readonly reason: string;
  /** Never returns, runs at start-up only, …: said before a commit (X20). Empty when ordinary. */
  readonly warnings: readonly string[];
}

/** `set variable = bytes if it is bytes`. */
export interface ValueWrite {
  /** As the author named it: `limits.most`, `net.c:retries`. */
  readonly name: string;
  /** Where the variable is. */
  readonly variable: FileAddress;
  /** Where in it the bytes are. */
  readonly offset: number;
  readonly expected: Uint8Array;
  readonly replacement: Uint8Array;
}

export const callbackMoments = ["pre-patch", "post-patch", "pre-unpatch", "post-unpatch"] as const;
export type CallbackMoment = (typeof callbackMoments)[number];

/** A function of the patch that the process runs when the patch comes or goes. */
export interface Callback {
  readonly when: CallbackMoment;
  readonly name: string;
  /** Symbol index in the image. */
  readonly symbol: number;
}

export interface AddedFunction {
  readonly name: string;
  readonly unit: string;
  readonly newSymbol: number;
  readonly newSize: number;
}

/** Where the Loader finds an undefined symbol of the image. */
export type Import = { readonly symbol: number; readonly name: string } & (
  /** In the object's own module, at an address that the Creator has proved. */
  | { readonly from: "module"; readonly at: FileAddress }
  /** By name among the dynamic symbols of the loaded modules, in load order. */
  | { readonly from: "process"; readonly version?: string }
  /** The thread-pointer offset of a variable in the program's own TLS block, as linked. */
  | { readonly from: "thread"; readonly offset: bigint }
  /** The address that the object's own module holds in a slot at this address: what an indirect function was resolved to, or 0 where nobody defines a weak symbol. */
  | { readonly from: "slot"; readonly at: FileAddress }
);

/** What the Creator compared with the running program's file before it trusted source, flags and compiler. */
export interface ProofRecord {
  readonly units: number;
  readonly functions: number;
  readonly bytes: number;
  /** The user went on without the proof: how many functions are others in the program. */
  readonly waivedFor?: number;
}
