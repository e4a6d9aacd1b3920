// Loads a patch: checks that it belongs to the process, and puts it there. Nothing leads to it yet, so nothing that runs can
// notice. In one process or in several: all of them, or everything is given back everywhere.

import { decodeImage } from "../image/mod.ts";
import type { PatchImage } from "../image/mod.ts";
import type { TracerClient } from "../tracer.ts";
import { actOn, stateIn } from "./carrying.ts";
import type { Carrying, Verb } from "./carrying.ts";
import { checkPatch } from "./check.ts";
import type { BoundPatch } from "./check.ts";
import { readEntries, summarize } from "./entries.ts";
import { followForks } from "./forked.ts";
import { pageSize } from "./layout.ts";
import { dropEmptyLedger } from "./ledger.ts";
import { requireMemory } from "./memory-limit.ts";
import type { OpenProcess } from "./open-process.ts";
import { chooseProcesses, selectionOf } from "./processes.ts";
import type { ChosenProcess, Processes } from "./processes.ts";
import { refuse } from "./refusal.ts";
import { stagePatch, unstagePatch } from "./stage.ts";
import { inEach, reportOf, resultOf, withLockedProcesses } from "./transaction.ts";
import type { TransactionOptions, TransactionResult } from "./types.ts";
import { undoInEach, undoingOnFailure } from "./undo.ts";

/** The patch stays, inactive, until it is unloaded, whatever becomes of the one who loaded it. With `dryRun` it is given back at once. */
export async function loadPatch(tracer: TracerClient, image: Uint8Array, processes: Processes, options: TransactionOptions = {}): Promise<TransactionResult> {
  const decoded = decodeImage(image);
  const selection = selectionOf(processes);
  const result = await loadInto(tracer, decoded, await chooseProcesses(selection), options);
  if (result.result !== "loaded") return result;
  const { name, digest } = result.patch;
  return followForks(selection, `load patch "${name}"`, result, {
    isDone: async (pid) => ["loaded", "active"].includes(await stateIn(tracer, pid, name, digest) ?? ""),
    change: (chosen) => loadInto(tracer, decoded, [chosen], options),
  });
}

function loadInto(tracer: TracerClient, image: PatchImage, chosen: readonly ChosenProcess[], options: TransactionOptions): Promise<TransactionResult> {
  return withLockedProcesses(tracer, chosen, (opens) => staging(opens, image, "load", options, async (staged) => {
    if (options.dryRun) {
      await undoInEach(staged, giveBack);
      return resultOf("checked", staged, staged.map(reportOf));
    }
    const kept = await inEach(staged, async (each) => {
      await each.ledger.append({ record: "kept", name: each.patch.name });
      return each;
    });
    return resultOf("loaded", kept, kept.map(reportOf));
  }));
}

/** Puts the patch into each process and goes on with `work`; when that fails it is given back everywhere. */
export async function staging<Result>(opens: readonly OpenProcess[], image: PatchImage, verb: Verb, options: TransactionOptions, work: (staged: readonly Carrying[]) => Promise<Result>): Promise<Result> {
  const bound = await inEach(opens.map((open) => ({ open })), ({ open }) => bind(image, open, verb));
  // Everything so far has only read.
  const staged: Carrying[] = [];
  return undoingOnFailure(async () => {
    await inEach(bound, async (each) => { staged.push(await stage(each, options)); });
    return await work(staged);
  }, () => undoInEach(staged, giveBack));
}

interface Bound {
  readonly open: OpenProcess;
  readonly bound: BoundPatch;
}

async function bind(image: PatchImage, open: OpenProcess, verb: Verb): Promise<Bound> {
  const act = actOn(verb, image.manifest.name, `pid ${open.process.pid}`);
  const bound = await checkPatch(image, open.target, open.ledger?.patches ?? [], act);
  requireMemory(act, open.process.pid, memoryFor(bound));
  return { open, bound };
}

/** With a copy of each page that an entry lies in. */
const memoryFor = ({ objects }: BoundPatch): number =>
  objects.reduce((sum, { laidOut, functions }) => sum + laidOut.size + pageSize * new Set(functions.map(({ at }) => at / BigInt(pageSize))).size, 0);

async function stage({ open, bound }: Bound, { onProgress }: TransactionOptions): Promise<Carrying> {
  const { tracer, target, process } = open;
  const { ledger, patch, bytes } = await stagePatch(tracer, target, process, bound, open.ledger);
  onProgress?.({ step: "staged", pid: process.pid, bytes });
  return { open, ledger, patch };
}

/** Only when every entry is seen to be the old one: nothing may lead to what is taken away. */
export async function giveBack({ open: { tracer, process }, ledger, patch }: Carrying): Promise<void> {
  const found = ledger.find(patch.name);
  if (found === undefined) return;
  const held = found.state === "staged" ? summarize((await readEntries(tracer, process, patch)).filter(({ holds }) => holds !== "foreign")) : found.state;
  if (held !== "old") {
    throw refuse("unfinished-transaction", `undo patch "${patch.name}" in pid ${process.pid}`, `its entries are ${held}; the next apply or revert will settle that`, { patch: patch.name });
  }
  await unstagePatch(tracer, process, patch, ledger);
  await dropEmptyLedger(tracer, process, ledger);
}
