// The typed client of suture-tracer: starts the helper, sends one request at a time or several at once, turns
// its errors into SutureError. The protocol is described in tracer/PROTOCOL.md. No policy lives here: what to
// stop, what to write and what to do about a refusal is decided by the rooms that use it.

import { address, fileAddress, formatAddress, type Address, type AddressRange, type FileRange } from "./address.ts";
import { SutureError } from "./errors.ts";
import { findHelper, TracerConnection, type Answer } from "./tracer/connection.ts";
import type {
  Branch, CallOutcome, DebugFunction, DebugInformation, DebugOptions, DebugUnit, ForbiddenAddresses, FunctionCall, Holders, InlinedCopy, LayoutOptions, MemoryReference, MemoryWrite, ProcessDescription, ProcessTransition, ReferenceLook, StagedMapping,
  StopFigures, StructureLayout, ThreadDescription, ThreadStack, TracerBlocker, TracerClient, TransitionOutcome, TransitionRequest,
} from "./tracer/types.ts";

export type * from "./tracer/types.ts";

export const protocolVersion = 3;

export interface TracerOptions {
  /** The helper program; found by itself when not given. */
  readonly program?: string;
}

/** A running helper. `await using tracer = await Tracer.start()`, or dispose it by hand. */
export class Tracer implements TracerClient {
  readonly #connection: TracerConnection;

  private constructor(connection: TracerConnection) {
    this.#connection = connection;
  }

  /** Refuses: tracer-failed (no helper, or it does not start), usage (it speaks another protocol). */
  static async start(options: TracerOptions = {}): Promise<Tracer> {
    const program = options.program ?? findHelper();
    const connection = new TracerConnection(program);
    try {
      const { result } = await connection.request("hello", { protocol: protocolVersion });
      if (result["protocol"] === protocolVersion) return new Tracer(connection);
      throw new SutureError("tracer-failed", `Cannot start the helper: ${program} is no suture-tracer`, { program });
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }

  async describeProcess(pid: number): Promise<ProcessDescription> {
    const { result } = await this.#connection.request("process", { pid });
    const wire = result as unknown as Wire<ProcessDescription>;
    return { ...wire, startTime: BigInt(wire.startTime) };
  }

  async readMaps(pid: number): Promise<string> {
    return textOf(await this.#connection.request("maps", { pid }));
  }

  async readMemory(pid: number, at: Address, length: number): Promise<Uint8Array> {
    return (await this.#connection.request("read", { pid, at: formatAddress(at), length })).body;
  }

  async readMappedFile(pid: number, mapping: AddressRange): Promise<Uint8Array> {
    const { result, body } = await this.#connection.request("mapped-file", { pid, ...wireRange(mapping) });
    const { size, parts } = result as unknown as { size: number; parts: readonly { offset: number; length: number }[] };
    const file = new Uint8Array(size);
    let used = 0;
    for (const { offset, length } of parts) file.set(body.subarray(used, used += length), offset);
    return file;
  }

  async listThreads(pid: number): Promise<readonly ThreadDescription[]> {
    const { result } = await this.#connection.request("threads", { pid });
    return result["threads"] as unknown as readonly ThreadDescription[];
  }

  async stacks(pid: number): Promise<{ readonly threads: readonly ThreadStack[]; readonly stop: StopFigures }> {
    const { result } = await this.#connection.request("stacks", { pid });
    const wire = result as unknown as { threads: readonly Wire<ThreadStack>[]; stop: StopFigures };
    return { threads: wire.threads.map((thread) => ({ ...thread, frames: thread.frames.map(readAddress) })), stop: wire.stop };
  }

  async references(pid: number, startTime: bigint, look: ReferenceLook): Promise<{ readonly references: readonly MemoryReference[]; readonly complete: boolean }> {
    const { result } = await this.#connection.request("references", { pid, startTime: formatAddress(startTime), ...wireLook(look) });
    const wire = result as unknown as { references: readonly { at: string; value: string }[]; complete: boolean };
    return { references: wire.references.map(readReference), complete: wire.complete };
  }

  async branchesInto(pid: number, ranges: readonly AddressRange[], head: AddressRange): Promise<readonly Branch[]> {
    const { result } = await this.#connection.request("branches", { pid, ranges: ranges.map(wireRange), ...wireRange(head) });
    return (result["branches"] as unknown as readonly Wire<Branch>[]).map(({ at, to }) => ({ at: readAddress(at), to: readAddress(to) }));
  }

  async holders(pathPrefix: string): Promise<Holders> {
    const { result } = await this.#connection.request("holders", { pathPrefix });
    const { mappings, hidden } = result as unknown as Wire<Holders>;
    return {
      hidden,
      mappings: mappings.map((mapping) => ({ ...mapping, startTime: BigInt(mapping.startTime), start: readAddress(mapping.start), end: readAddress(mapping.end) })),
    };
  }

  async debugInformation(path: string, { inlined = false, unitFiles = false, debugFile }: DebugOptions = {}): Promise<DebugInformation> {
    const answer = await this.#connection.request("debug", { path, inlined, unitFiles, ...(debugFile === undefined ? {} : { debugFile }) });
    return readDebugInformation(JSON.parse(textOf(answer)) as WireDebugInformation);
  }

  async layouts(path: string, { unit, debugFile }: LayoutOptions = {}): Promise<readonly StructureLayout[]> {
    const head = {
      path, ...(unit === undefined ? {} : { unit: { name: unit.name, directory: unit.directory } }), ...(debugFile === undefined ? {} : { debugFile }),
    };
    return JSON.parse(textOf(await this.#connection.request("layouts", head))) as readonly StructureLayout[];
  }

  async stage(pid: number, startTime: bigint, mappings: readonly StagedMapping[]): Promise<void> {
    const parameters = {
      pid,
      startTime: formatAddress(startTime),
      mappings: mappings.map(({ name, at, contents, segments }) => ({
        name,
        at: formatAddress(at),
        length: contents.length,
        segments: segments.map(({ offset, length, protection }) => ({ offset, length, protection })),
      })),
    };
    await this.#connection.request("stage", parameters, mappings.map(({ contents }) => contents));
  }

  async unmap(pid: number, startTime: bigint, ranges: readonly AddressRange[]): Promise<void> {
    await this.#connection.request("unmap", { pid, startTime: formatAddress(startTime), ranges: ranges.map(wireRange) });
  }

  async write(pid: number, startTime: bigint, writes: readonly MemoryWrite[]): Promise<void> {
    const parameters = { pid, startTime: formatAddress(startTime), writes: writes.map(wireWrite) };
    await this.#connection.request("write", parameters, writes.flatMap(bytesOfWrite));
  }

  async transition({ processes, maxStopMicroseconds, scanHeap = false }: TransitionRequest): Promise<TransitionOutcome> {
    const answer = await this.#connection.request(
      "transition",
      { processes: processes.map(wireTransition), maxStopMicroseconds, scanHeap },
      processes.flatMap(({ writes }) => writes.flatMap(bytesOfWrite)),
    );
    return readOutcome(answer);
  }

  async call(pid: number, startTime: bigint, { function: called, through, errnoLocation, arguments: given, avoid, hold, patienceMilliseconds }: FunctionCall): Promise<CallOutcome> {
    const { result } = await this.#connection.request("call", {
      pid, startTime: formatAddress(startTime), function: formatAddress(called), through: formatAddress(through), errnoLocation: formatAddress(errnoLocation ?? 0n),
      arguments: [0, 1, 2].map((at) => formatAddress(given[at] ?? 0n)), avoid: avoid.map(wireRange), hold: hold.map(wireRange), patienceMilliseconds,
    });
    const wire = result as unknown as { readonly end: CallOutcome["end"]; readonly value: string; readonly signal: number };
    switch (wire.end) {
      case "returned": return { end: wire.end, value: BigInt(wire.value) };
      case "crashed": return { end: wire.end, signal: wire.signal };
      default: return { end: wire.end };
    }
  }
}

/** A type as it comes over the wire: 64-bit numbers are strings, bytes are their length. */
type Wire<T> = T extends bigint ? string
  : T extends Uint8Array ? number
  : T extends readonly (infer Element)[] ? readonly Wire<Element>[]
  : T extends object ? { readonly [Key in keyof T]: Wire<T[Key]> }
  : T;

type DebugFunctionRow = readonly [
  name: string, linkageName: string | null, entry: string, ranges: readonly string[], unit: number, file: number, line: number,
  external: boolean, noReturn: boolean,
];
type InlinedCopyRow = readonly [name: string, unit: number, into: string, ranges: readonly string[]];

interface WireDebugInformation {
  readonly from: string;
  readonly files: readonly string[];
  readonly units: readonly DebugUnit[];
  readonly functions: readonly DebugFunctionRow[];
  readonly inlined: readonly InlinedCopyRow[];
}

const textOf = ({ body }: Answer): string => Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8");
const readAddress = (text: string): Address => address(BigInt(text));
const readReference = ({ at, value }: { readonly at: string; readonly value: string }): MemoryReference =>
  (BigInt(at) === 0n ? { value: readAddress(value) } : { at: readAddress(at), value: readAddress(value) });
const wireRange = ({ start, end }: AddressRange) => ({ start: formatAddress(start), end: formatAddress(end) });
const wireForbidden = ({ endIsFree = false, ...range }: ForbiddenAddresses) => ({ ...wireRange(range), endIsFree });
const bytesOfWrite = ({ expected, replacement }: MemoryWrite): readonly Uint8Array[] => [expected, replacement];

const wireWrite = ({ at, expected, replacement, entry }: MemoryWrite) =>
  ({ at: formatAddress(at), expected: expected.length, replacement: replacement.length, ...(entry === true ? { entry } : {}) });

const wireTransition = ({ pid, startTime, forbidden, writes, leaving }: ProcessTransition) => ({
  pid, startTime: formatAddress(startTime), forbidden: forbidden.map(wireForbidden), writes: writes.map(wireWrite),
  ...(leaving === undefined ? {} : { leaving: wireLook(leaving) }),
});

const wireLook = ({ into, except, code }: ReferenceLook) => ({ into: into.map(wireRange), except: except.map(wireRange), code: code.map(wireRange) });

function readOutcome({ result, body }: Answer): TransitionOutcome {
  const wire = result as unknown as Wire<TransitionOutcome>;
  switch (wire.outcome) {
    case "done":
    case "over-budget":
    case "gone":
      return wire;
    case "mismatch":
      return { ...wire, at: readAddress(wire.at), found: body };
    case "blocked":
      return { ...wire, blockers: wire.blockers.map(readBlocker) };
    default:
      throw new SutureError("internal", `Cannot read the answer to a transition: its outcome is ${JSON.stringify(result["outcome"])}`);
  }
}

const readBlocker = (blocker: Wire<TracerBlocker>): TracerBlocker => (blocker.reason === "in-memory"
  ? { ...blocker, at: readAddress(blocker.at), value: readAddress(blocker.value) }
  : { ...blocker, frames: blocker.frames.map(readAddress) });

function readDebugInformation({ from, files, units, functions, inlined }: WireDebugInformation): DebugInformation {
  let read: readonly DebugFunction[] | undefined;
  return {
    from,
    files,
    units,
    functionCount: functions.length,
    get functions() {
      return (read ??= functions.map((row) => readFunction(row, files)));
    },
    inlined: inlined.map(readInlinedCopy),
  };
}

function readFunction(row: DebugFunctionRow, files: readonly string[]): DebugFunction {
  // A program has thousands of them: nothing is taken apart by position, or spread.
  const read: { -readonly [Field in keyof DebugFunction]: DebugFunction[Field] } =
    { name: row[0], entry: fileAddress(BigInt(row[2])), ranges: readRanges(row[3]), unit: row[4], external: row[7], noReturn: row[8] };
  const file = files[row[5]];
  if (row[1] !== null) read.linkageName = row[1];
  if (file !== undefined) read.file = file;
  if (row[6] !== 0) read.line = row[6];
  return read;
}

const readInlinedCopy = ([name, unit, into, ranges]: InlinedCopyRow): InlinedCopy =>
  ({ name, unit, into: fileAddress(BigInt(into)), ranges: readRanges(ranges) });

/** [start, end, start, end, …] */
function readRanges(ends: readonly string[]): FileRange[] {
  const ranges: FileRange[] = [];
  for (let i = 0; i + 1 < ends.length; i += 2) {
    ranges.push({ start: fileAddress(BigInt(ends[i] ?? 0)), end: fileAddress(BigInt(ends[i + 1] ?? 0)) });
  }
  return ranges;
}
