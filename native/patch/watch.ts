// A patch for every process that runs a program: those that run, and each that starts later, as soon as its dynamic linker is
// done. Goes on until it is told to stop. Looks at the machine's list of processes a few times a second: at those that are new, and now
// and then at all, as a process may become another program and a number may be given again.
//
// What it cannot patch is told, and tried again after a while, longer each time; but not what can never come right: a process of
// another build, one that may not be touched, one whose patch refuses it.

import { setTimeout as sleep } from "node:timers/promises";

import { SutureError } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import { decodeImage } from "../image/mod.ts";
import { isLinked, openTarget } from "../target/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { applyPatch } from "./apply.ts";
import { stateIn } from "./carrying.ts";
import { onceUntraced } from "./our-tracers.ts";
import { chooseOne, filesAt, isStillThere, listPids } from "./processes.ts";
import type { ChosenProcess } from "./processes.ts";
import type { TransactionOptions, TransactionResult } from "./types.ts";

export type WatchEvent =
  | { readonly event: "applied"; readonly pid: number; readonly transaction: TransactionResult }
  /** It has it already: from an earlier run, or from the process that it was forked from. */
  | { readonly event: "carried"; readonly pid: number }
  | { readonly event: "failed"; readonly pid: number; readonly error: SutureError; readonly triesAgain: boolean };

export interface WatchOptions extends Pick<TransactionOptions, "timeout" | "maxStop" | "scan"> {
  /** Paths: every process that runs one of these files, or one that they have replaced there. */
  readonly programs: readonly string[];
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: WatchEvent) => void;
}

/** Milliseconds between two looks. */
const pause = 100;
const looksUntilAll = 20;
/** Hundredths of a second for which a new process is looked at each time: it may still become the program. */
const settling = 300n;
const firstPause = 1000;
const longestPause = 60_000;

const hopeless: ReadonlySet<ErrorKind> = new Set([
  "build-id-mismatch", "bytes-mismatch", "not-permitted", "unsupported-architecture", "callback-refused", "callback-failed", "bad-image", "unsupported-image-version",
]);

/** Refuses, before anything is done: file-not-found, bad-image. */
export async function watchPrograms(tracer: TracerClient, image: Uint8Array, options: WatchOptions): Promise<void> {
  await filesAt(options.programs);
  const watch = new Watch(tracer, image, options);
  for (let looks = 0; !options.signal.aborted; looks++) {
    await watch.look(looks % looksUntilAll === 0);
    await sleep(pause, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

interface Watched {
  readonly chosen: ChosenProcess;
  isSettled: boolean;
  failure?: ErrorKind;
  pause: number;
  nextTry: number;
}

class Watch {
  readonly #tracer: TracerClient;
  readonly #image: Uint8Array;
  readonly #name: string;
  readonly #digest: string;
  readonly #options: WatchOptions;
  /** Looked at and of no interest, for now. */
  #others = new Set<number>();
  readonly #watched = new Map<number, Watched>();

  constructor(tracer: TracerClient, image: Uint8Array, options: WatchOptions) {
    this.#tracer = tracer;
    this.#image = image;
    ({ manifest: { name: this.#name }, digest: this.#digest } = decodeImage(image));
    this.#options = options;
  }

  async look(atAll: boolean): Promise<void> {
    const pids = await listPids();
    await this.#forget(pids, atAll);
    // A file that is being replaced is there again at the next look.
    const files = await filesAt(this.#options.programs).catch(() => new Set<string>());
    for (const pid of pids) if (!this.#others.has(pid) && !this.#watched.has(pid)) await this.#notice(pid, files);
    for (const watched of this.#watched.values()) if (!this.#options.signal.aborted && !watched.isSettled && performance.now() >= watched.nextTry) await this.#apply(watched);
  }

  async #forget(pids: readonly number[], atAll: boolean): Promise<void> {
    const alive = new Set(pids);
    this.#others = new Set(atAll ? [] : [...this.#others].filter((pid) => alive.has(pid)));
    for (const [pid, { chosen }] of this.#watched) if (!alive.has(pid) || (atAll && !isStillThere(chosen))) this.#watched.delete(pid);
  }

  async #notice(pid: number, files: ReadonlySet<string>): Promise<void> {
    const { chosen, isYoung } = await chooseOne(pid, files, settling);
    if (chosen !== undefined) this.#watched.set(pid, { chosen, isSettled: false, pause: firstPause, nextTry: 0 });
    else if (!isYoung) this.#others.add(pid);
  }

  async #apply(watched: Watched): Promise<void> {
    const { pid } = watched.chosen;
    try {
      if (!await onceUntraced(pid, async () => isLinked(await openTarget(this.#tracer, pid)))) return;
      const event = await this.#isCarried(pid) ? { event: "carried", pid } as const : { event: "applied", pid, transaction: await this.#applyTo(pid) } as const;
      watched.isSettled = true;
      this.#options.onEvent(event);
    } catch (error) {
      await this.#note(watched, error);
    }
  }

  async #isCarried(pid: number): Promise<boolean> {
    return await stateIn(this.#tracer, pid, this.#name, this.#digest) === "active";
  }

  #applyTo(pid: number): Promise<TransactionResult> {
    const { programs: _, onEvent: __, ...options } = this.#options;
    return applyPatch(this.#tracer, this.#image, pid, options);
  }

  async #note(watched: Watched, error: unknown): Promise<void> {
    const { pid } = watched.chosen;
    if (!(error instanceof SutureError) || error.kind === "tracer-failed") throw error;
    if (error.kind === "interrupted") return;
    if (!isStillThere(watched.chosen)) return void this.#watched.delete(pid);
    watched.isSettled = hopeless.has(error.kind);
    watched.nextTry = performance.now() + watched.pause;
    watched.pause = Math.min(2 * watched.pause, longestPause);
    // Each reason once: it may stand in the way for hours.
    if (watched.failure === error.kind) return;
    watched.failure = error.kind;
    this.#options.onEvent({ event: "failed", pid, error, triesAgain: !watched.isSettled });
  }
}
