// Can this function be patched, and why not: the one answer that Creator, shell and editor give.

import { SutureError } from "../errors.ts";
import type { DebugUnit, InlinedCopy } from "../tracer.ts";
import { startupFunctions } from "./dynamic.ts";
import type { ProgramFunction } from "./functions.ts";
import { assemblyLanguage } from "./jumps.ts";
import { nearNames } from "./near-names.ts";
import type { Program } from "./program.ts";
import { redirectSite } from "./redirect.ts";
import type { RedirectRefusal } from "./redirect.ts";
import { unitsNamed } from "./units.ts";

export type Verdict = "patchable" | "with-care" | "not-patchable";

/** Why a function cannot be patched. */
export type ObstacleKind =
  | "unknown-function" | "several-functions" | "only-inlined" | "no-debug-information" | "ifunc" | "folded" | RedirectRefusal["kind"];
/** What to know before it is patched. */
export type CautionKind = "runs-once" | "never-returns" | "assembly" | "clone";

export interface PatchabilityReason {
  readonly kind: ObstacleKind | CautionKind;
  /** One line that goes on from the function's name. */
  readonly text: string;
}

export interface Patchability {
  /** As asked for. */
  readonly name: string;
  /** Absent where no single function is meant. */
  readonly function?: ProgramFunction;
  readonly verdict: Verdict;
  readonly reasons: readonly PatchabilityReason[];
}

const mostNamesInMessage = 5;

/** Finds the function first; `unit` as in {@link Program.functionsOfUnit} tells same-named ones apart. */
export async function explainPatchability(program: Program, name: string, unit?: string): Promise<Patchability> {
  const candidates = findCandidates(program, name, unit);
  const [only, second] = candidates;
  if (only === undefined) return { name, verdict: "not-patchable", reasons: [await explainAbsence(program, name, unit)] };
  if (second !== undefined) return { name, verdict: "not-patchable", reasons: [severalFunctions(candidates)] };
  return { ...explainFunction(program, only), name };
}

/** For a function that is already found. */
export function explainFunction(program: Program, target: ProgramFunction): Patchability {
  const obstacles = findObstacles(program, target);
  const cautions = findCautions(program, target);
  const needsCare = cautions.some(isWarning);
  const verdict = obstacles.length > 0 ? "not-patchable" : needsCare ? "with-care" : "patchable";
  return { name: target.name, function: target, verdict, reasons: [...obstacles, ...cautions] };
}

/** What a patch of this function has to carry as its warnings; one line each. */
export const warningsFor = (program: Program, target: ProgramFunction): readonly string[] =>
  findCautions(program, target).filter(isWarning).map(({ text }) => text);

/** A clone is worth saying, but whoever builds the patch compares the clone itself. */
const isWarning = ({ kind }: PatchabilityReason): boolean => kind !== "clone";

/** Throws not-patchable, with the reasons, where the verdict is so. */
export function requirePatchable(program: Program, target: ProgramFunction): void {
  const { verdict, reasons } = explainFunction(program, target);
  if (verdict !== "not-patchable") return;
  const text = reasons.map((reason) => reason.text).join("; ");
  throw new SutureError("not-patchable", `Cannot patch ${target.name} in ${program.name}: ${text}`, {
    function: target.name, reasons: reasons.map((reason) => ({ kind: reason.kind, text: reason.text })),
  });
}

function findCandidates(program: Program, name: string, unit: string | undefined): readonly ProgramFunction[] {
  const isMeant = unitFilter(program, unit);
  const linked = program.functionsNamed(name).filter((each) => isMeant(each.unit));
  // A function of which only clones are left has no symbol of its own name.
  return linked.length > 0 ? linked : program.functionsOfSource(name).filter((each) => isMeant(each.unit));
}

function unitFilter(program: Program, name: string | undefined): (unit: DebugUnit | undefined) => boolean {
  if (name === undefined) return () => true;
  const units = new Set(unitsNamed(program.units, name));
  return (unit) => unit !== undefined && units.has(unit);
}

function severalFunctions(candidates: readonly ProgramFunction[]): PatchabilityReason {
  const places = candidates.map((each) => (each.name === each.sourceName ? each.unit?.name ?? "a unit without debug information" : each.name));
  return { kind: "several-functions", text: `${candidates.length} functions have this name (${listNames(places)}): say which one` };
}

async function explainAbsence(program: Program, name: string, unit: string | undefined): Promise<PatchabilityReason> {
  const isMeant = unitFilter(program, unit);
  const copies = (await program.inlinedCopies()).filter((copy) => copy.name === name && isMeant(program.units[copy.unit]));
  return copies.length > 0 ? onlyInlined(program, copies) : unknownFunction(program, name, unit);
}

function onlyInlined(program: Program, copies: readonly InlinedCopy[]): PatchabilityReason {
  const holders = [...new Set(copies.map((copy) => program.functionAt(copy.into)?.name ?? "???"))].sort();
  const where = holders.length === 1 ? "one function" : `${holders.length} functions`;
  return { kind: "only-inlined", text: `it exists only inlined, in ${where}: ${listNames(holders)}; a patch of its source replaces these` };
}

function unknownFunction(program: Program, name: string, unit: string | undefined): PatchabilityReason {
  const elsewhere = unit === undefined ? [] : [...program.functionsNamed(name), ...program.functionsOfSource(name)];
  const units = [...new Set(elsewhere.map((each) => each.unit?.name ?? "a unit without debug information"))];
  const near = nearNames(program.functions.map((each) => each.sourceName), name);
  const hint = units.length > 0 ? `; there is one in ${listNames(units)}` : near.length > 0 ? `; did you mean ${near.join(" or ")}?` : "";
  return { kind: "unknown-function", text: `${program.name} has no such function${unit === undefined ? "" : ` in ${unit}`}${hint}` };
}

function findObstacles(program: Program, target: ProgramFunction): readonly PatchabilityReason[] {
  const obstacles: PatchabilityReason[] = [];
  if (target.isIndirect) {
    obstacles.push({ kind: "ifunc", text: "it is an indirect function: the implementation was chosen when the program started; patch the implementation" });
  }
  if (target.unit === undefined) {
    obstacles.push({ kind: "no-debug-information", text: "no debug information describes it; build its unit with -g or install the -dbgsym package" });
  }
  if (target.foldedWith.length > 0) {
    obstacles.push({ kind: "folded", text: `the linker has folded it with ${listNames(target.foldedWith)}; a patch would change them too` });
  }
  const answer = redirectSite(program, target);
  return answer.possible ? obstacles : [...obstacles, answer.reason];
}

function findCautions(program: Program, target: ProgramFunction): readonly PatchabilityReason[] {
  const cautions: PatchabilityReason[] = [];
  const once = runsOnce(program, target);
  if (once !== undefined) cautions.push({ kind: "runs-once", text: once });
  if (target.noReturn) cautions.push({ kind: "never-returns", text: "it never returns: a thread that is in it stays in the old code and blocks the commit" });
  if (target.unit?.language === assemblyLanguage) cautions.push({ kind: "assembly", text: "it is written in assembly: nobody vouches that it has one entry only" });
  if (target.name !== target.sourceName && target.name.startsWith(`${target.sourceName}.`)) {
    cautions.push({ kind: "clone", text: `the compiler has made ${target.name} of it: its arguments may differ from the source` });
  }
  return cautions;
}

const startNames: ReadonlySet<string> = new Set(["_start", "_init", "_fini", "__libc_csu_init", "__libc_csu_fini", "__libc_start_main"]);
const startups = new WeakMap<Program, ReadonlySet<bigint>>();

function runsOnce(program: Program, target: ProgramFunction): string | undefined {
  if (program.kind === "program" && target.name === "main" && target.external) {
    return "it runs from the start of the program to its end: a running process never enters it again";
  }
  let entries = startups.get(program);
  if (entries === undefined) startups.set(program, (entries = startupFunctions(program.elf)));
  if (!startNames.has(target.name) && !entries.has(target.entry)) return undefined;
  return "it runs when the module is loaded or unloaded: what it did in a running process is done";
}

const listNames = (names: readonly string[]): string =>
  (names.length <= mostNamesInMessage ? names.join(", ") : `${names.slice(0, mostNamesInMessage).join(", ")} and ${names.length - mostNamesInMessage} more`);
