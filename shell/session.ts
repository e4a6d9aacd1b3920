// What the commands of one run share: the helper program, started when a command first needs it and ended with the
// session, and the wish to stop.

import { SutureError, Tracer } from "../native/mod.ts";

export class Session implements AsyncDisposable {
  #tracer: Promise<Tracer> | undefined;
  #interruption = new AbortController();
  #cleansUp = false;

  /** The helper. One that could not be started is tried again by the next command. */
  async tracer(): Promise<Tracer> {
    const tracer = this.#tracer ??= Tracer.start();
    try {
      return await tracer;
    } catch (error) {
      this.#tracer = undefined;
      throw error;
    }
  }

  /** Aborted when the user wants out. */
  get signal(): AbortSignal {
    return this.#interruption.signal;
  }

  /** Runs work that answers the signal by itself, to put things in order before it ends. */
  async whileCleaningUpItself<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#cleansUp = true;
    try {
      return await work();
    } finally {
      this.#cleansUp = false;
    }
  }

  /**
   * Returns whether the session may be ended at once. It may unless work under way puts things in order by itself; a
   * second wish is not put off. Ending is safe at any instant: the helper undoes what is half done when its input closes.
   */
  interrupt(): boolean {
    const isSecond = this.#interruption.signal.aborted;
    this.#interruption.abort(new SutureError("interrupted", "Cannot go on: interrupted"));
    return isSecond || !this.#cleansUp;
  }

  /** After an interrupted command, for the next one. */
  rearm(): void {
    if (this.#interruption.signal.aborted) this.#interruption = new AbortController();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const tracer = await this.#tracer?.catch(() => undefined);
    this.#tracer = undefined;
    await tracer?.[Symbol.asyncDispose]();
  }
}
