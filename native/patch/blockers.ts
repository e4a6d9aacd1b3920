// Who stands in the way of a switch, by name, and how often in all tries of it: a function that was on a thread's stack
// in every one of them may never return. It says what was seen and asks; it does not claim to know.

import { formatAddress } from "../address.ts";
import type { JsonValue } from "../errors.ts";
import { nameAt } from "../target/mod.ts";
import type { Target } from "../target/mod.ts";
import type { TracerBlocker, TransitionOutcome } from "../tracer.ts";
import type { ForbiddenRange } from "./forbidden.ts";
import type { Blocker, FunctionOnStack } from "./types.ts";

/** Fewer tries say nothing about whether a function returns. */
const enoughTries = 3;

/** A process of the switch, as far as naming takes it. */
interface Forbidding {
  readonly target: Target;
  readonly forbidden: readonly ForbiddenRange[];
}

type Blocked = Extract<TransitionOutcome, { readonly outcome: "blocked" }>;
type TracedThread = Exclude<TracerBlocker, { readonly reason: "in-memory" }>;

/** Of one thread and one function. */
interface Sightings {
  tries: number;
  working: number;
}

/** Over all tries of one switch. */
export class BlockerHistory {
  /** In how many tries each thread was looked at: one that ended earlier has not asked those that it did not reach. */
  readonly #looks = new Map<number, number>();
  readonly #sightings = new Map<string, Sightings>();

  /** Names those of one try. */
  async note({ blockers, inspected }: Blocked, switches: readonly Forbidding[]): Promise<readonly Blocker[]> {
    for (const tid of inspected) this.#looks.set(tid, (this.#looks.get(tid) ?? 0) + 1);
    return Promise.all(blockers.map((blocker) => this.#name(blocker, switches.find(({ target }) => target.pid === blocker.of))));
  }

  async #name(blocker: TracerBlocker, found: Forbidding | undefined): Promise<Blocker> {
    if (blocker.reason === "in-memory") {
      const { pid, reason, at, value, mapping } = blocker;
      return { pid, reason, at, mapping, function: functionOf(found, blocker.forbidden) ?? await nameFrame(found, value, 1) };
    }
    const { pid, tid, threadName, reason, working, frames } = blocker;
    const stack = await Promise.all(frames.map((frame, depth) => nameFrame(found, frame, depth)));
    const head = { pid, tid, thread: threadName, working, tries: this.#looks.get(tid) ?? 1, stack };
    return reason === "in-use" ? { ...head, reason, ...this.#functionsOn(blocker, stack, found) } : { ...head, reason };
  }

  #functionsOn(blocker: TracedThread, stack: readonly string[], found: Forbidding | undefined): { readonly function: string; readonly functions: readonly [FunctionOnStack, ...FunctionOnStack[]] } {
    const { forbidden = [] } = found ?? {};
    const names = new Set(blocker.frames.flatMap((frame, depth) => {
      const range = forbidden.find(({ start, end }) => start < frame && (depth === 0 ? frame < end : frame <= end));
      return range === undefined ? [] : [range.function ?? stack[depth] ?? "???"];
    }));
    const [first = functionOf(found, blocker.forbidden) ?? "???", ...others] = names;
    const note = (name: string): FunctionOnStack => ({ function: name, ...this.#see(blocker, name) });
    return { function: first, functions: [note(first), ...others.map(note)] };
  }

  #see({ tid, working }: TracedThread, name: string): Readonly<Sightings> {
    const key = `${tid} ${name}`;
    const seen = this.#sightings.get(key) ?? { tries: 0, working: 0 };
    this.#sightings.set(key, seen);
    seen.tries++;
    if (working) seen.working++;
    return { ...seen };
  }
}

const functionOf = (found: Forbidding | undefined, range: number | undefined): string | undefined => found?.forbidden[range ?? -1]?.function;

/** All but the innermost are return addresses, which may lie behind the end of a function whose last act is a call. */
const nameFrame = async (found: Forbidding | undefined, frame: TracedThread["frames"][number], depth: number): Promise<string> =>
  found === undefined ? formatAddress(frame) : nameAt(found.target, frame, { isReturnAddress: depth > 0 });

const mostNamed = 3;

export function describeBlockers(blockers: readonly Blocker[]): string {
  const named = blockers.slice(0, mostNamed).map(describeBlocker).join("; ");
  return blockers.length > mostNamed ? `${named}; and ${blockers.length - mostNamed} more` : named;
}

function describeBlocker(blocker: Blocker): string {
  if (blocker.reason === "in-memory") {
    return `a stack that no thread is on returns into ${blocker.function} (${formatAddress(blocker.at)}, in ${blocker.mapping})`;
  }
  const thread = `thread ${blocker.tid} (${blocker.thread})`;
  switch (blocker.reason) {
    case "in-use": {
      const lasting = mostSeen(blocker.functions);
      return `${thread} is in ${lasting.function}${describeSightings(lasting, blocker.tries)} (${describeStack(blocker.stack)})`;
    }
    case "unreliable-stack": return `${thread} has a stack that cannot be read to its end (${describeStack(blocker.stack)})`;
    case "not-stopped": return `${thread} did not stop`;
  }
}

/** What is there in every try is what the others wait for; of several the innermost. */
const mostSeen = (functions: readonly [FunctionOnStack, ...FunctionOnStack[]]): FunctionOnStack =>
  functions.reduce((most, each) => (each.tries > most.tries ? each : most));

function describeSightings({ tries: seen, working }: FunctionOnStack, tries: number): string {
  if (tries === 1) return "";
  const often = `, on its stack in ${seen} of ${tries} tries`;
  if (seen < tries || tries < enoughTries) return often;
  return working === 0 ? `${often}, asleep in each: a call that never returns?` : `${often}, at work in ${working} of them: a loop that never returns?`;
}

const innermost = 5;
const outermost = 2;

/** Innermost first, as far as a line of text takes it. */
function describeStack(stack: readonly string[]): string {
  const shown = stack.length <= innermost + outermost + 1 ? stack : [...stack.slice(0, innermost), `… ${stack.length - innermost - outermost} more …`, ...stack.slice(-outermost)];
  return shown.join(" < ");
}

/** The functions that stood on a stack in every try, and often enough for it to mean something. */
export const neverLeft = (blockers: readonly Blocker[]): readonly string[] => [...new Set(blockers.flatMap((blocker) =>
  (blocker.reason === "in-use" && blocker.tries >= enoughTries ? blocker.functions.filter(({ tries }) => tries >= blocker.tries).map((each) => each.function) : [])))];

/** The data of an error. */
export const blockersJson = (blockers: readonly Blocker[]): JsonValue => blockers.map((blocker): JsonValue => {
  if (blocker.reason === "in-memory") return { ...blocker, at: formatAddress(blocker.at) };
  if (blocker.reason !== "in-use") return { ...blocker };
  return { ...blocker, functions: blocker.functions.map((each) => ({ ...each })) };
});
