// The shortest way to ask a live process what a patch does: a unit with `long answer(long n)`, which another one calls.

import type { CreateOptions } from "../../native/create/types.ts";
import type { PatchManifest } from "../../native/image/mod.ts";
import { applyPatch, revertPatch } from "../../native/patch/mod.ts";
import type { TracerClient } from "../../native/tracer.ts";
import { startTarget } from "../support/mod.ts";
import type { Beside, Target } from "../support/mod.ts";
import { openWorkshop } from "./workshop.ts";
import type { Sources } from "./workshop.ts";

const main = `
#include <stdio.h>
#include <stdlib.h>
long answer(long n);
int main(void) {
  char line[32];
  setvbuf(stdout, 0, _IOLBF, 0);
  puts("ready");
  while (fgets(line, sizeof line, stdin)) printf("= %ld\\n", answer(atol(line)));
  return 0;
}
`;

/** `unit.c` as it was and as patched, and other files that stay or change. */
export function answerSources(before: string, after: string, rest: Partial<Sources> = {}): Sources {
  return { flags: ["-g", "-O2"], ...rest, original: { "unit.c": before, "main.c": main, ...rest.original }, patched: { "unit.c": after, ...rest.patched } };
}

export interface LiveAnswers {
  /** Before the patch, with it, after it. */
  readonly answers: readonly number[];
  readonly manifest: PatchManifest;
}

/** Asks `question` three times. */
export async function liveAnswers(tracer: TracerClient, sources: Sources, question = 5, options: Partial<CreateOptions> = {}): Promise<LiveAnswers> {
  await using workshop = await openWorkshop(tracer, sources);
  const { bytes, manifest } = await workshop.build({ name: "fix", ...options });
  await using target = await startTarget(workshop.path);
  const answers = [await ask(target, question)];
  await applyPatch(tracer, bytes, target.pid);
  answers.push(await ask(target, question));
  await revertPatch(tracer, "fix", target.pid);
  answers.push(await ask(target, question));
  return { answers, manifest };
}

async function ask(target: Target, question: number): Promise<number> {
  const before = target.lines.length;
  target.write(`${question}\n`);
  return Number((await target.line(/^= /, before)).slice(2));
}

/** Builds only, while the program runs; for refusals. */
export async function buildOnly(tracer: TracerClient, sources: Sources, beside: Beside, options: Partial<CreateOptions> = {}): Promise<PatchManifest> {
  await using workshop = await openWorkshop(tracer, sources);
  return (await beside(workshop.path, () => workshop.build({ name: "fix", ...options }))).manifest;
}
