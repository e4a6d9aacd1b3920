// Refuses a diff that changes the layout of a structure: objects of the old layout are alive in the process. Says which functions
// get another signature.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { SutureError } from "../errors.ts";
import type { StructureLayout, TracerClient } from "../tracer.ts";
import { compareLayouts } from "./layouts.ts";
import { compareSignatures } from "./signatures.ts";
import type { SignatureChange } from "./signatures.ts";
import type { ObjectPair } from "./types.ts";

/** Gives the functions whose signature changes. */
export async function checkLayouts(tracer: TracerClient, pair: ObjectPair): Promise<readonly SignatureChange[]> {
  const directory = await mkdtemp(join(tmpdir(), "suture-layouts-"));
  try {
    const original = await layoutsOf(tracer, join(directory, "original.o"), pair.original);
    const patched = await layoutsOf(tracer, join(directory, "patched.o"), pair.patched);
    refuseChanges(pair.unit, original, patched);
    return compareSignatures(original, patched);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function layoutsOf(tracer: TracerClient, path: string, object: Uint8Array): Promise<readonly StructureLayout[]> {
  await writeFile(path, object);
  return tracer.layouts(path);
}

function refuseChanges(unit: string, original: readonly StructureLayout[], patched: readonly StructureLayout[]): void {
  const [first, ...others] = compareLayouts(original, patched);
  if (first === undefined) return;
  const more = others.length === 0 ? "" : `, and ${others.length} more ${others.length === 1 ? "structure changes" : "structures change"}`;
  throw new SutureError("not-patchable",
    `Cannot build a patch from ${unit}: ${first.text}${more}, and the running program holds objects of the old layout; keep the layout and put new data beside it`,
    { unit, structure: first.structure, reason: first.text, structures: [first, ...others].map(({ structure }) => structure), ...(first.member === undefined ? {} : { member: first.member }) });
}
