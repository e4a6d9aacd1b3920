// `suture stack`: where each thread is. One short stop copies registers and stacks; everything after is worked out from
// the copy, while the process runs on.

import { address, nameAt, openTarget, SutureError, type Target, type ThreadStack } from "../../native/mod.ts";
import { parseCount } from "../options.ts";
import type { StackResult } from "../results.ts";
import { addPidOption, defineCommand, requirePid } from "./command.ts";

interface StackOptions {
  readonly pid?: number;
  readonly thread?: number;
}

export const stack = defineCommand<[], StackOptions>({
  configure: (command) => addPidOption(command).option("--thread <tid>", "only this thread", parseCount),
  examples: ["stack --pid 4242", "stack --pid 4242 --thread 4245"],
  exitCodes: [0, 2, 3],
  async run(context, _operands, { pid: named, thread }) {
    const pid = requirePid(context, named, "show stacks");
    const tracer = await context.session.tracer();
    const target = await openTarget(tracer, pid);
    const { threads, stop } = await tracer.stacks(pid);
    const chosen = threads.filter(({ tid }) => thread === undefined || tid === thread);
    if (chosen.length === 0) throw noSuchThread(pid, thread);
    return { result: { type: "stacks", stacks: { pid, stop, threads: await Promise.all(chosen.map((one) => nameFrames(target, one))) } } };
  },
});

async function nameFrames(target: Target, { tid, name, state, complete, frames }: ThreadStack): Promise<StackResult> {
  // A return address may be the first byte after a call that does not return: the call itself tells whose frame it is.
  const places = frames.map((at, depth) => ({ at, within: depth === 0 ? at : address(at - 1n) }));
  const named = await Promise.all(places.map(async ({ at, within }) => ({ at, function: await nameAt(target, within) })));
  return { tid, name, state, complete, frames: named };
}

const noSuchThread = (pid: number, tid: number | undefined): SutureError =>
  new SutureError("usage", `Cannot show stacks: pid ${pid} has no thread ${tid}; see "suture threads --pid ${pid}"`, { pid });
