// The process that was chosen ends, and before the next step another one has its number: the same program, at the same
// addresses, so that nothing but the time of its start tells them apart. It is not touched, at whatever step that happens.

import { afterAll, beforeAll, expect, test } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { SutureError } from "../../native/errors.ts";
import { applyPatch, listPatches, revertPatch } from "../../native/patch/mod.ts";
import { Tracer } from "../../native/tracer.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { compileTarget, snapshotOf, startTarget } from "../support/mod.ts";
import type { ProcessSnapshot, Target } from "../support/mod.ts";
import { Corners } from "./corner.ts";

let tracer: Tracer;
let corners: Corners;
let launcher: string;
beforeAll(async () => {
  tracer = await Tracer.start();
  corners = await Corners.open();
  ({ program: launcher } = await compileTarget("takes-a-number.c"));
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  corners[Symbol.dispose]();
});

/** The kernel counts times of start in hundredths of a second. */
const twoTicks = 20;

interface Successor {
  readonly target: Target;
  readonly untouched: ProcessSnapshot;
}

/** At the same addresses each time. */
const plainly = (): readonly string[] => ["/usr/bin/setarch", "-R", corners.program, "plain"];

async function takeNumber(pid: number): Promise<Successor> {
  const target = await startTarget(launcher, { parameters: [`${pid}`, ...plainly()] });
  return { target, untouched: await snapshotOf(pid) };
}

interface Replacing {
  readonly client: TracerClient;
  /** Undefined when there were not so many requests. */
  readonly successor: () => Promise<Successor> | undefined;
}

/** A tool whose process is another one from its request of this number on. */
function replacing(first: Target, at: number): Replacing {
  let requests = 0;
  let successor: Promise<Successor> | undefined;
  const client = new Proxy<TracerClient>(tracer, {
    get: (real, name: keyof TracerClient) => async (...request: readonly unknown[]) => {
      if (requests++ === at) successor = first.stop().then(() => takeNumber(first.pid));
      await successor;
      return (Reflect.get(real, name) as (...parameters: readonly unknown[]) => Promise<unknown>).apply(real, [...request]);
    },
  });
  return { client, successor: () => successor };
}

interface Act {
  readonly name: string;
  readonly from: (pid: number) => Promise<unknown>;
  readonly act: (by: TracerClient, pid: number) => Promise<unknown>;
}
const acts: readonly Act[] = [
  { name: "apply", from: async () => undefined, act: (by, pid) => applyPatch(by, corners.image, pid) },
  { name: "revert", from: (pid) => applyPatch(tracer, corners.image, pid), act: (by, pid) => revertPatch(by, "two", pid) },
];

test.each(acts)("$name: another process has got the number before each of the requests in turn", async ({ name, from, act }) => {
  const [program = "", ...parameters] = plainly();
  for (let at = 1; ; at++) {
    await using first = await startTarget(program, { parameters });
    await from(first.pid);
    await sleep(twoTicks);
    const { client, successor: replaced } = replacing(first, at);
    const end = await act(client, first.pid).then(() => "done", (error: unknown) => (error instanceof SutureError ? `${error.kind}: ${error.message}` : String(error)));
    const successor = await replaced();
    if (successor === undefined) {
      expect(end).toBe("done");
      expect(at).toBeGreaterThan(8);
      return;
    }
    await using target = successor.target;
    // A switch that was over before is one that was done; what was read of the one may not be there in the other.
    expect([at, end, await snapshotOf(first.pid)]).toEqual([at, expect.stringMatching(/^(process-gone|no-such-process|no-such-patch|unreadable-memory|done)\b/), successor.untouched]);
    expect(await listPatches(tracer, first.pid)).toMatchObject([{ patches: [] }]);
    const lines = target.lines.length;
    target.write("ask\n");
    expect([at, name, await target.line(/^answers/, lines)]).toEqual([at, name, "answers: 1"]);
  }
}, 60_000);
