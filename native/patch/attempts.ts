// What the attempts of one switch have cost the process: how many there were, and how long threads were held by the last
// one and by the worst.

import type { StopFigures } from "../tracer.ts";
import type { StopReport } from "./types.ts";

type Held = Pick<StopReport, "workingMicroseconds" | "sleepingMicroseconds">;
const nobody: Held = { workingMicroseconds: 0, sleepingMicroseconds: 0 };

export class Attempts {
  readonly #began = performance.now();
  #count = 0;
  #last = nobody;
  #worst = nobody;

  begin(): void {
    this.#last = nobody;
    this.#count++;
  }

  held({ workingMicroseconds, sleepingMicroseconds }: StopFigures): void {
    this.#last = { workingMicroseconds, sleepingMicroseconds };
    this.#worst = {
      workingMicroseconds: Math.max(this.#worst.workingMicroseconds, workingMicroseconds),
      sleepingMicroseconds: Math.max(this.#worst.sleepingMicroseconds, sleepingMicroseconds),
    };
  }

  report(): StopReport {
    const { workingMicroseconds: worstWorkingMicroseconds, sleepingMicroseconds: worstSleepingMicroseconds } = this.#worst;
    return { ...this.#last, attempts: this.#count, worstWorkingMicroseconds, worstSleepingMicroseconds };
  }

  /** "tried 20 times in 5.0 s" */
  describe(): string {
    return `tried ${this.#count === 1 ? "once" : `${this.#count} times in ${((performance.now() - this.#began) / 1000).toFixed(1)} s`}`;
  }
}
