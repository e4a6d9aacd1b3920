// Refuses a diff that changes the layout of a structure: objects of the old layout are alive in the process. The author
// may know better (no such object exists yet, or none meets new code), and has to say so by the structure's name. Says which
// functions get another signature.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { SutureError } from "../errors.ts";
import type { StructureLayout, TracerClient } from "../tracer.ts";
import { compareLayouts } from "./layouts.ts";
import type { LayoutChange } from "./layouts.ts";
import { withScratch } from "./scratch.ts";
import { compareSignatures } from "./signatures.ts";
import type { SignatureChange } from "./signatures.ts";
import type { ObjectPair } from "./types.ts";

/** Of the structures of a unit, before and after. */
export interface UnitLayouts {
  readonly original: readonly StructureLayout[];
  readonly patched: readonly StructureLayout[];
}

export interface LayoutCheck {
  /** Names of structures, with or without their kind, that may change. */
  readonly allowed?: readonly string[] | undefined;
  /** The functions that differ, for the message. May throw. */
  readonly concerned?: () => readonly string[];
}

export const readLayouts = (tracer: TracerClient, pair: ObjectPair): Promise<UnitLayouts> => withScratch(async (directory) => {
  const [original, patched] = await Promise.all([layoutsOfObject(tracer, join(directory, "original.o"), pair.original), layoutsOfObject(tracer, join(directory, "patched.o"), pair.patched)]);
  return { original, patched };
});

/** Gives the functions whose signature changes. */
export function checkLayouts({ unit }: ObjectPair, { original, patched }: UnitLayouts, check: LayoutCheck = {}): readonly SignatureChange[] {
  refuseLayouts(unit, original, patched, check);
  return compareSignatures(original, patched);
}

/** The helper reads files; `path` is where the object may lie meanwhile. */
export async function layoutsOfObject(tracer: TracerClient, path: string, object: Uint8Array): Promise<readonly StructureLayout[]> {
  await writeFile(path, object);
  return tracer.layouts(path);
}

/** Refuses what differs and may not. */
export function refuseLayouts(unit: string, original: readonly StructureLayout[], patched: readonly StructureLayout[], { allowed = [], concerned }: LayoutCheck): void {
  const changes = compareLayouts(original, patched).filter(({ structure }) => !isAllowed(structure, allowed));
  if (changes.length > 0) throw layoutsDiffer(unit, changes, namesOf(concerned));
}

const isAllowed = (structure: string, allowed: readonly string[]): boolean =>
  allowed.includes(structure) || allowed.includes(structure.replace(/^\w+ /, ""));

/** What the comparison cannot say, because it refuses something itself, is not needed. */
function namesOf(concerned: LayoutCheck["concerned"]): readonly string[] {
  try {
    return [...(concerned?.() ?? [])].sort();
  } catch {
    return [];
  }
}

const mostNamed = 5;

function layoutsDiffer(unit: string, changes: readonly LayoutChange[], functions: readonly string[]): SutureError {
  const [first, ...others] = changes;
  const structures = changes.map(({ structure }) => structure);
  const more = others.length === 0 ? "" : `, ${nameSome(structures.slice(1))} ${others.length === 1 ? "changes" : "change"} too`;
  const used = functions.length === 0 ? "" : ` and meets them in ${nameSome(functions)}`;
  const changed = changes.map(({ structure, member, before, after, text }) =>
    ({ structure, text, ...(member === undefined ? {} : { member }), ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }));
  return new SutureError("not-patchable",
    `Cannot build a patch from ${unit}: ${first?.text ?? ""}${more}, and the running program holds objects of the old layout${used}; keep the layout and put new data beside it in a shadow variable, or say --allow-layout "${first?.structure ?? ""}" if no old object can meet the new code`,
    { unit, structure: first?.structure ?? "", reason: first?.text ?? "", structures, changes: changed, functions: [...functions], ...(first?.member === undefined ? {} : { member: first.member }) });
}

const nameSome = (names: readonly string[]): string =>
  names.slice(0, mostNamed).join(", ") + (names.length > mostNamed ? ` and ${names.length - mostNamed} more` : "");
