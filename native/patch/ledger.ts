// The ledger of a process: found by its name among the mappings, read whole, appended to. It lies in memory that the
// process itself may not write; who may trace the process can. One writer at a time: see lock.ts.

import { setTimeout as sleep } from "node:timers/promises";
import { address, formatAddress } from "../address.ts";
import type { Address, AddressRange } from "../address.ts";
import { alignUp } from "../elf/mod.ts";
import { SutureError } from "../errors.ts";
import { parseMaps } from "../target/mod.ts";
import type { Mapping, Target } from "../target/mod.ts";
import type { MemoryWrite, StagedMapping, TracerClient } from "../tracer.ts";
import { pageSize } from "./layout.ts";
import { encodeRecord, lengthOf, NotALedger, readLedger, recordHeadSize, writeLedger } from "./ledger-format.ts";
import type { LedgerPatch, LedgerRecord } from "./ledger-records.ts";
import { recordsOf, replay } from "./ledger-state.ts";
import type { CarriedPatch, LedgerState } from "./ledger-state.ts";
import { findPlaces, noRoom, occupying, withMappings } from "./place.ts";
import { refuse } from "./refusal.ts";

export const ledgerName = "suture-ledger";
/** As /proc/PID/maps spells it. */
export const ledgerPath = `/memfd:${ledgerName} (deleted)`;
const ourPrefix = "/memfd:suture-";

const smallestLedger = 64 << 10;
const largestLedger = 64 << 20;
/** Every patch must be able to go through its remaining states, some of them several times, without a new ledger. */
const roomForStates = 4096;
const placesToTry = 8;
const mostLooks = 5;
const pauseBetweenLooks = 20;

/** What identifies a process to the tracer. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: bigint;
}

/** A record whose text is in the ledger and whose head is not: `seal` makes it count. */
export interface PreparedRecord {
  readonly seal: MemoryWrite;
  /** To be called when `seal` has been written by whoever was given it. */
  readonly sealed: () => void;
}

export class Ledger {
  readonly #tracer: TracerClient;
  readonly #process: ProcessIdentity;
  #range: AddressRange;
  #generation: number;
  #bytes: Uint8Array;
  #records: LedgerRecord[];
  #end: number;
  /** From here on there are only zeroes. Between the end and here lies what an unfinished change has left. */
  #clean: number;

  private constructor(tracer: TracerClient, process: ProcessIdentity, start: Address, bytes: Uint8Array) {
    const { generation, records, end } = readLedger(bytes);
    if (replay(records) === undefined) throw new NotALedger("its records contradict each other");
    this.#range = { start, end: address(start + BigInt(bytes.length)) };
    this.#generation = generation;
    this.#tracer = tracer;
    this.#process = process;
    this.#bytes = bytes;
    this.#records = [...records];
    this.#end = end;
    this.#clean = endOfContents(bytes);
  }

  /** Refuses: bad-ledger. */
  static async read(tracer: TracerClient, process: ProcessIdentity, range: AddressRange): Promise<Ledger> {
    let before: Uint8Array | undefined;
    for (let looks = 1; ; looks++) {
      const bytes = await readBytes(tracer, process, range);
      try {
        return new Ledger(tracer, process, range.start, bytes);
      } catch (error) {
        if (!(error instanceof NotALedger)) throw error;
        // Somebody may have been writing to it; what is damaged stays so.
        if (looks === mostLooks || (before !== undefined && Buffer.from(before).equals(bytes))) throw badLedger(process, range, error);
        before = bytes;
        await sleep(pauseBetweenLooks);
      }
    }
  }

  /** Maps a new ledger into the process, anywhere. */
  static async create(tracer: TracerClient, target: Target, process: ProcessIdentity, state: LedgerState, generation: number, room: number): Promise<Ledger> {
    const contents = writeLedger(generation, recordsOf(state), sizeFor(recordsOf(state), room));
    const at = await mapAnywhere(tracer, target, process, contents);
    return new Ledger(tracer, process, at, contents);
  }

  /** The first one of a process, and with it what it tells of: a thread is borrowed for both at once. Refuses: unreachable-memory, also where one of the places is taken. */
  static async createWith(tracer: TracerClient, target: Target, process: ProcessIdentity, record: LedgerRecord, mappings: readonly StagedMapping[], attempt: number): Promise<Ledger> {
    const contents = writeLedger(1, [record], sizeFor([record], roomForStates));
    const taken = mappings.map(({ at, contents: { length } }) => occupying({ start: at, end: address(at + BigInt(alignUp(length, pageSize))) }));
    const at = await placeFor(tracer, target, process, contents, attempt, taken);
    await tracer.stage(process.pid, process.startTime, [ledgerMapping(at, contents), ...mappings]);
    return new Ledger(tracer, process, at, contents);
  }

  get range(): AddressRange {
    return this.#range;
  }

  get generation(): number {
    return this.#generation;
  }

  get state(): LedgerState {
    return replay(this.#records) ?? nothing;
  }

  get patches(): readonly CarriedPatch[] {
    return this.state.patches;
  }

  get retired(): readonly LedgerPatch[] {
    return this.state.retired;
  }

  find(name: string): CarriedPatch | undefined {
    return this.patches.find(({ patch }) => patch.name === name);
  }

  /** Would it have nothing more to say without this patch? */
  isOnlyOf(name: string): boolean {
    return this.retired.length === 0 && this.patches.every(({ patch }) => patch.name === name);
  }

  get isMapped(): boolean {
    return this.#range.start < this.#range.end;
  }

  /** It is not mapped any more. */
  forget(): void {
    this.#records = [];
    this.#range = { start: this.#range.start, end: this.#range.start };
  }

  /** Whoever holds this one holds the larger one from now on. */
  growInto(larger: Ledger): void {
    this.#range = larger.#range;
    this.#generation = larger.#generation;
    this.#bytes = larger.#bytes;
    this.#records = larger.#records;
    this.#end = larger.#end;
    this.#clean = larger.#clean;
  }

  hasRoomFor(length: number): boolean {
    return this.#end + length + roomForStates <= this.#bytes.length;
  }

  async append(record: LedgerRecord): Promise<void> {
    const { seal, sealed } = await this.prepare(record);
    await this.#write(seal);
    sealed();
  }

  /** Writes the record but for its head. One may be under way; another append before it is sealed takes its place. */
  async prepare(record: LedgerRecord): Promise<PreparedRecord> {
    const { head, rest, length } = encodeRecord(record);
    const at = this.#end;
    if (at + length > this.#bytes.length) throw refuse("internal", `write to the ledger of pid ${this.#process.pid}`, "it is full");
    const next = at + length;
    const leftover = new Uint8Array(Math.max(0, this.#clean - next));
    // The zeroes behind a record are what ends the ledger, so they are there before it counts.
    await this.#write(this.#change(at + recordHeadSize, Buffer.concat([rest, leftover])));
    this.#clean = next;
    return {
      seal: this.#change(at, head),
      sealed: () => {
        this.#bytes.set(head, at);
        this.#records.push(record);
        this.#end = next;
      },
    };
  }

  #change(at: number, replacement: Uint8Array): MemoryWrite {
    return { at: address(this.range.start + BigInt(at)), expected: this.#bytes.slice(at, at + replacement.length), replacement };
  }

  async #write(write: MemoryWrite): Promise<void> {
    await this.#tracer.write(this.#process.pid, this.#process.startTime, [write]);
    this.#bytes.set(write.replacement, Number(write.at - this.range.start));
  }
}

/** A ledger is nearly all zeroes, and is read for every change: so without a call for each byte. */
function endOfContents(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

async function readBytes(tracer: TracerClient, process: ProcessIdentity, range: AddressRange): Promise<Uint8Array> {
  const length = Number(range.end - range.start);
  if (length > largestLedger) throw badLedger(process, range, new NotALedger(`it has ${length} bytes; ${largestLedger} is the limit`));
  return tracer.readMemory(process.pid, range.start, length);
}

const badLedger = ({ pid }: ProcessIdentity, { start }: AddressRange, error: NotALedger): SutureError =>
  refuse("bad-ledger", `read the ledger of pid ${pid} at ${formatAddress(start)}`, `${error.message}; what it says about patches cannot be trusted`, { pid }, error);

const nothing: LedgerState = { patches: [], retired: [] };

/** Those of a process that has memory: one that is ending has none. Refuses: process-gone. */
export async function readLiveMappings(tracer: TracerClient, pid: number): Promise<readonly Mapping[]> {
  const mappings = parseMaps(await tracer.readMaps(pid));
  if (mappings.length === 0) throw refuse("process-gone", `make room in pid ${pid}`, "the process has ended", { pid });
  return mappings;
}

const sizeFor = (records: Iterable<LedgerRecord>, room: number): number => alignUp(Math.max(smallestLedger, 2 * (lengthOf(records) + room)), pageSize);

const ledgerMapping = (at: Address, contents: Uint8Array): StagedMapping =>
  ({ name: ledgerName, at, contents, segments: [{ offset: 0, length: contents.length, protection: "r" }] });

/** As if these mappings were there already. */
async function placeFor(tracer: TracerClient, target: Target, { pid }: ProcessIdentity, { length }: Uint8Array, attempt: number, taken: readonly Mapping[] = []): Promise<Address> {
  const mappings = withMappings(await readLiveMappings(tracer, pid), taken);
  const places = findPlaces(mappings, { span: target.program.span, isFixed: false }, length);
  const at = places[Math.min(attempt, places.length - 1)];
  if (at === undefined) throw noRoom(`make a ledger in pid ${pid}`, length, { pid, module: target.program.name });
  return at;
}

async function mapAnywhere(tracer: TracerClient, target: Target, process: ProcessIdentity, contents: Uint8Array): Promise<Address> {
  for (let attempt = 0; ; attempt++) {
    const at = await placeFor(tracer, target, process, contents, attempt);
    try {
      await tracer.stage(process.pid, process.startTime, [ledgerMapping(at, contents)]);
      return at;
    } catch (error) {
      if (attempt + 1 >= placesToTry || !isPlaceTaken(error)) throw error;
    }
  }
}

export const isPlaceTaken = (error: unknown): boolean =>
  error instanceof SutureError && error.kind === "unreachable-memory";

export const isLedgerMapping = ({ path }: Mapping): boolean => path === ledgerPath;

/** Mappings that Suture has made: patches and ledgers. */
export const isOurs = ({ path }: Mapping): boolean => path.startsWith(ourPrefix);

export const readOurMappings = async (tracer: TracerClient, pid: number): Promise<readonly Mapping[]> => parseMaps(await tracer.readMaps(pid)).filter(isOurs);

/** The one among these mappings of the process. Refuses: bad-ledger, also where it is missing. */
export async function findLedger(tracer: TracerClient, process: ProcessIdentity, mappings: readonly Mapping[]): Promise<Ledger | undefined> {
  const ledgers = mappings.filter(isLedgerMapping);
  if (ledgers.length > 0 || !mappings.some(isOurs)) return openLedger(tracer, process, ledgers);
  // Somebody may have been at work between two parts of the list.
  const again = await readOurMappings(tracer, process.pid);
  if (again.length === 0) return undefined;
  const found = again.filter(isLedgerMapping);
  if (found.length === 0) throw refuse("bad-ledger", `read the ledger of pid ${process.pid}`, "the process has memory of patches and no ledger: it has unmapped it, and nobody can tell any more what is patched; restart the process", { pid: process.pid });
  return openLedger(tracer, process, found);
}

/** The ledger that counts. Refuses: bad-ledger. */
export async function openLedger(tracer: TracerClient, process: ProcessIdentity, mappings: readonly AddressRange[]): Promise<Ledger | undefined> {
  const found = await Promise.all(mappings.map((range) => Ledger.read(tracer, process, range)));
  return found.reduce<Ledger | undefined>((newest, ledger) => (newest === undefined || ledger.generation > newest.generation ? ledger : newest), undefined);
}

/** A ledger with room for `length` more bytes: the one that is there, which grows where it has to, or a new one. */
export async function ensureLedger(tracer: TracerClient, target: Target, process: ProcessIdentity, ledger: Ledger | undefined, length: number): Promise<Ledger> {
  if (ledger?.hasRoomFor(length)) return ledger;
  const larger = await Ledger.create(tracer, target, process, ledger?.state ?? nothing, (ledger?.generation ?? 0) + 1, length + roomForStates);
  if (ledger === undefined) return larger;
  const old = ledger.range;
  ledger.growInto(larger);
  await unmapOurs(tracer, process, [old]);
  return ledger;
}

/** Gives the ledger back when it has nothing more to say; true when it did. */
export async function dropEmptyLedger(tracer: TracerClient, process: ProcessIdentity, ledger: Ledger): Promise<boolean> {
  const { patches, retired } = ledger.state;
  if (patches.length + retired.length > 0) return false;
  if (!ledger.isMapped) return true;
  await unmapLedger(tracer, process, ledger);
  return true;
}

/** And before it what only it tells of. */
export async function unmapLedger(tracer: TracerClient, process: ProcessIdentity, ledger: Ledger, told: readonly AddressRange[] = []): Promise<void> {
  await unmapOurs(tracer, process, [...told, ledger.range]);
  ledger.forget();
}

/**
 * Gives back what of these ranges is still mapped, and ours, in this order: the process may have unmapped it, or have become another
 * program meanwhile, with something else in that place.
 */
export async function unmapOurs(tracer: TracerClient, { pid, startTime }: ProcessIdentity, ranges: readonly AddressRange[]): Promise<void> {
  const ours = await readOurMappings(tracer, pid);
  const pieces = ranges.flatMap(({ start, end }) => joined(ours.filter((mapping) => start <= mapping.start && mapping.end <= end)));
  if (pieces.length > 0) await tracer.unmap(pid, startTime, pieces);
}

/** Neighbours are one piece. */
function joined(mappings: readonly Mapping[]): readonly AddressRange[] {
  const pieces: AddressRange[] = [];
  for (const { start, end } of mappings) {
    const last = pieces.at(-1);
    if (last?.end === start) pieces[pieces.length - 1] = { start: last.start, end };
    else pieces.push({ start, end });
  }
  return pieces;
}
