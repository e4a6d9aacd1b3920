// What crosses the border between the engine and suture-tracer, as the rooms see it. How it is written on the
// wire is described in PROTOCOL.md and known to ../tracer.ts alone.

import type { Address, AddressRange, FileAddress, FileRange } from "../address.ts";

/** What a process is, from /proc, without stopping it. */
export interface ProcessDescription {
  readonly pid: number;
  /** The target of /proc/PID/exe as the target's own mount namespace spells it. */
  readonly program: string;
  readonly name: string;
  /** Clock ticks since boot; together with the pid it identifies the process for good. */
  readonly startTime: bigint;
  readonly uid: number;
  readonly threads: number;
}

export interface ThreadDescription {
  readonly tid: number;
  readonly name: string;
  /** The letter of /proc/PID/task/TID/stat: R, S, D, T, t, Z, X, I. */
  readonly state: string;
}

/** What {@link TracerClient.holders} finds. */
export interface Holders {
  readonly mappings: readonly HeldMapping[];
  /** Processes that may not be looked into. */
  readonly hidden: number;
}

export interface HeldMapping extends AddressRange {
  readonly pid: number;
  readonly program: string;
  readonly startTime: bigint;
}

/** A concrete (out-of-line) function as the debug information states it. */
export interface DebugFunction {
  readonly name: string;
  /** The linkage (mangled) name where it differs. */
  readonly linkageName?: string;
  readonly entry: FileAddress;
  /** All ranges, cold parts included; the one with the entry comes first. */
  readonly ranges: readonly FileRange[];
  /** Index into {@link DebugInformation.units}. */
  readonly unit: number;
  /** Where it is declared: absolute where the unit's directory is, else as the compiler was given it. */
  readonly file?: string;
  readonly line?: number;
  readonly external: boolean;
  /** DW_AT_noreturn. */
  readonly noReturn: boolean;
}

/** A place where a function was inlined. */
export interface InlinedCopy {
  readonly name: string;
  readonly unit: number;
  /** Entry of the concrete function that holds the copy. */
  readonly into: FileAddress;
  readonly ranges: readonly FileRange[];
}

export interface DebugUnit {
  /** DW_AT_name, as the compiler was given it. */
  readonly name: string;
  /** DW_AT_comp_dir. */
  readonly directory: string;
  readonly producer: string;
  readonly language: number;
  /** What its line table names, where that was asked for: indexes into {@link DebugInformation.files}. */
  readonly files: readonly number[];
}

export interface DebugInformation {
  /** The file that the debug information was read from: the program itself, or its separate debug file. */
  readonly from: string;
  /** Absolute where the unit's directory is, else as the compiler was given it. */
  readonly files: readonly string[];
  readonly units: readonly DebugUnit[];
  readonly functionCount: number;
  /** Read when first asked for: a program has thousands. */
  readonly functions: readonly DebugFunction[];
  readonly inlined: readonly InlinedCopy[];
}

/** A member of a structure; the members of nameless structures inside count as its own. */
export interface MemberLayout {
  readonly name: string;
  readonly bitOffset: number;
  readonly bitSize: number;
  readonly type: string;
}

/** A complete, named structure of a compiled unit; or a static variable, as one member that says how its bits are read. */
export interface DebugOptions {
  /** Where functions were inlined, too. */
  readonly inlined?: boolean;
  /** Which files each unit has code or declarations of, too. */
  readonly unitFiles?: boolean;
  /** The separate debug file; looked for when not given. Refused when it is of another build. */
  readonly debugFile?: string | undefined;
}

export interface LayoutOptions extends Pick<DebugOptions, "debugFile"> {
  /** This unit of a linked file. */
  readonly unit?: Pick<DebugUnit, "name" | "directory">;
}

export interface StructureLayout {
  readonly kind: "struct" | "union" | "class" | "enum" | "variable" | "function";
  /** Empty for an enumeration without a name. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly members: readonly MemberLayout[];
}

/** One range of a mapping that {@link TracerClient.stage} makes: a slice of the file with a protection. */
export interface StagedSegment {
  /** Offset into the mapping and into its file; a multiple of the page size, like `length`. */
  readonly offset: number;
  readonly length: number;
  readonly protection: "r" | "rw" | "rx";
}

/** A private mapping of a new memory file, made in the target by a borrowed thread. */
export interface StagedMapping {
  /** Name of the memory file: /proc/PID/maps shows it as `/memfd:NAME (deleted)`. */
  readonly name: string;
  readonly at: Address;
  readonly contents: Uint8Array;
  readonly segments: readonly StagedSegment[];
}

export interface MemoryWrite {
  readonly at: Address;
  readonly expected: Uint8Array;
  readonly replacement: Uint8Array;
  /**
   * Code that threads run into: in a transition all entries are parked before any is replaced, so that whoever dies in the
   * middle, no thread ever sees some old and some new. At least three bytes. What is listed before a process's entries is written
   * while they are parked, what is listed behind them when they are not any more.
   */
  readonly entry?: boolean;
}

export interface ForbiddenAddresses extends AddressRange {
  /** A return address equal to `end` does not count, whatever stands before it: the bytes matter, not the function. */
  readonly endIsFree?: boolean;
}

/** What a transition does to one process. */
export interface ProcessTransition {
  readonly pid: number;
  readonly startTime: bigint;
  /**
   * No frame of any thread may stand here: `start < instruction pointer < end`, `start < return address <= end`.
   * (At `start` itself a thread has not begun the function; a return address equal to `end` follows a last call.)
   */
  readonly forbidden: readonly ForbiddenAddresses[];
  /** All or none, in this order, under the stop. */
  readonly writes: readonly MemoryWrite[];
  /** Memory that nobody uses from then on: it is looked for, in passing, whether the process refers to it. */
  readonly leaving?: ReferenceLook;
}

/** Words of the process that point into `into`, but for those in mappings that begin in `except`. `code`: where return addresses are a matter of stacks. */
export interface ReferenceLook {
  readonly into: readonly AddressRange[];
  readonly except: readonly AddressRange[];
  readonly code: readonly AddressRange[];
}

/** A function of the process that one of its own threads is to call. */
export interface FunctionCall {
  readonly function: Address;
  /** Code in the process that makes the call: native/patch/calls.ts. */
  readonly through: Address;
  /** `__errno_location`, where the program has it. */
  readonly errnoLocation?: Address;
  /** Three at the most. */
  readonly arguments: readonly bigint[];
  /** No frame of the thread may stand here: code that holds locks which the function may want. */
  readonly avoid: readonly AddressRange[];
  /** A function that does not return in time is given more, while it stands in such code itself. */
  readonly hold: readonly AddressRange[];
  readonly patienceMilliseconds: number;
}

/** All but `returned`: the function was left where it was, and the thread went on as if nothing had been. */
export type CallOutcome =
  | { readonly end: "returned"; readonly value: bigint }
  | { readonly end: "crashed"; readonly signal: number }
  | { readonly end: "late" }
  /** It wanted to end the process or to run another program in its place. */
  | { readonly end: "ended" };

export interface TransitionRequest {
  readonly processes: readonly ProcessTransition[];
  readonly maxStopMicroseconds: number;
  /** Look for frames in all memory that can be written, too: those of coroutines that no thread is on. */
  readonly scanHeap?: boolean;
}

/** How long threads were held by one all-stop, worst thread of each sort, in microseconds. */
export interface StopFigures {
  readonly workingMicroseconds: number;
  readonly sleepingMicroseconds: number;
  readonly workingThreads: number;
  readonly sleepingThreads: number;
}

/** Before anybody was held: how long deep stacks were searched, and of how many threads only the newest part was read in the stop because of that. */
export interface AheadFigures {
  readonly microseconds: number;
  readonly threads: number;
}

export interface ScanFigures {
  readonly bytes: number;
  readonly microseconds: number;
}

/** What stands in the way, and in which of the `forbidden` ranges of the process, by index. */
export type TracerBlocker = {
  readonly pid: number;
  /** The process of the request whose memory it is: another than `pid` when that one only shares it. */
  readonly of: number;
  readonly tid: number;
  readonly threadName: string;
  /** It runs, or has run since a moment before the stop. */
  readonly working: boolean;
  readonly reason: "in-use" | "unreliable-stack" | "not-stopped";
  /** Absent unless in use. */
  readonly forbidden?: number;
  /** Program counters from the innermost frame outwards as far as CFI or the scan could tell. */
  readonly frames: readonly Address[];
} | {
  readonly pid: number;
  readonly of: number;
  readonly reason: "in-memory";
  readonly forbidden: number;
  /** The word, the return address in it, and what it lies in. */
  readonly at: Address;
  readonly value: Address;
  readonly mapping: string;
};

export type TransitionOutcome =
  /** `unreferenced`: processes that do not refer to what is leaving. Of others that is not known. */
  | { readonly outcome: "done"; readonly unreferenced: readonly number[]; readonly ahead: AheadFigures; readonly stop: StopFigures }
  /** `inspected`: the threads that were looked at. A sleeping one in the way ends it before the working ones are. */
  | { readonly outcome: "blocked"; readonly blockers: readonly TracerBlocker[]; readonly inspected: readonly number[]; readonly ahead: AheadFigures; readonly stop: StopFigures }
  | { readonly outcome: "mismatch"; readonly pid: number; readonly at: Address; readonly found: Uint8Array; readonly stop: StopFigures }
  /** `scan`: what a look through memory takes, zero where none was asked for. */
  | { readonly outcome: "over-budget"; readonly scan: ScanFigures; readonly ahead: AheadFigures; readonly stop: StopFigures }
  | { readonly outcome: "gone"; readonly pid: number };

/** A thread's copy: registers and frames, taken in one short stop. */
export interface ThreadStack {
  readonly tid: number;
  readonly name: string;
  readonly state: string;
  /** Complete: the outermost frame was reached by CFI. */
  readonly complete: boolean;
  readonly frames: readonly Address[];
}

/** A word of the process that is an address in a range asked for. */
export interface MemoryReference {
  /** Undefined: in a register. */
  readonly at?: Address;
  readonly value: Address;
}

/** A jump, or an entry of a jump table, and where it leads. */
export interface Branch {
  readonly at: Address;
  readonly to: Address;
}

/** The helper. One instance serves many requests and many processes; dispose it to end it. */
export interface TracerClient extends AsyncDisposable {
  /** Refuses: no-such-process, not-permitted, already-traced, unsupported-architecture. */
  describeProcess(pid: number): Promise<ProcessDescription>;
  /** The text of /proc/PID/maps. */
  readMaps(pid: number): Promise<string>;
  readMemory(pid: number, at: Address, length: number): Promise<Uint8Array>;
  /**
   * The ELF file behind a mapping, with zeros for what does not tell of its symbols: its code, data and debug information. Through /proc/PID/map_files
   * or the target's root; deleted files too.
   */
  readMappedFile(pid: number, mapping: AddressRange): Promise<Uint8Array>;
  listThreads(pid: number): Promise<readonly ThreadDescription[]>;
  /** One short stop; unwinding from the copy. */
  stacks(pid: number): Promise<{ readonly threads: readonly ThreadStack[]; readonly stop: StopFigures }>;
  /**
   * Sixteen at the most: in registers, used stacks and all memory that the process can write. It runs on meanwhile: none found is evidence,
   * not proof.
   */
  references(pid: number, startTime: bigint, look: ReferenceLook): Promise<{ readonly references: readonly MemoryReference[]; readonly complete: boolean }>;
  /**
   * Where code in `ranges`, the whole of a function, jumps into `head`: a loop whose beginning is there. Jump tables included.
   * Refuses: unreadable-memory, where an instruction cannot be decoded.
   */
  branchesInto(pid: number, ranges: readonly AddressRange[], head: AddressRange): Promise<readonly Branch[]>;
  /** Every process that maps a file of this name (prefix match on the maps line's path); unreadable ones are passed over. */
  holders(pathPrefix: string): Promise<Holders>;
  /** Refuses: no-debug-information, bad-elf, file-not-found. `inlined` is filled only when asked for. */
  debugInformation(path: string, options?: DebugOptions): Promise<DebugInformation>;
  /** Layouts as debug information states them, of an object or of one unit of a linked file. Refuses: file-not-found, bad-elf, no-debug-information. */
  layouts(path: string, options?: LayoutOptions): Promise<readonly StructureLayout[]>;
  /** All mappings or none; the target runs on meanwhile. Refuses: cannot-borrow-thread, out-of-memory, unreachable-memory (place taken). */
  stage(pid: number, startTime: bigint, mappings: readonly StagedMapping[]): Promise<void>;
  /** Gives mappings back. The caller has made sure that nobody is inside. */
  unmap(pid: number, startTime: bigint, ranges: readonly AddressRange[]): Promise<void>;
  /** Writes memory that no thread executes (ledger, staged data) without a stop; `expected` is checked first. */
  write(pid: number, startTime: bigint, writes: readonly MemoryWrite[]): Promise<void>;
  transition(request: TransitionRequest): Promise<TransitionOutcome>;
  /** On one thread that stands in none of the ranges to avoid, while all others run on. Refuses: cannot-borrow-thread, out-of-memory. */
  call(pid: number, startTime: bigint, call: FunctionCall): Promise<CallOutcome>;
}
