// Finds structures whose layout the diff changes, by comparing what the debug information of both compilations
// states. Such a patch is refused: objects with the old layout are alive in the process, and new code would read
// them wrongly without any error. A structure that only one side has changes no live object. So it is with enumerations of
// which a name gets another number: what is stored means something else then. Variables that live as long as
// the program are compared too, by what their bits mean: an integer read as a floating-point number is another value.

import type { MemberLayout, StructureLayout } from "../tracer.ts";

/** One difference, the first of its structure: which member, and where it was and is. Offsets and sizes in bytes. */
export interface LayoutChange {
  readonly structure: string;
  readonly member?: string;
  readonly change: "added" | "removed" | "moved" | "resized" | "retyped" | "size" | "renumbered";
  readonly before?: number;
  readonly after?: number;
  readonly text: string;
}

/** What changed, one entry for each structure, sorted by name. */
export function compareLayouts(original: readonly StructureLayout[], patched: readonly StructureLayout[]): readonly LayoutChange[] {
  const before = byName(original);
  const changes: LayoutChange[] = [];
  for (const [name, after] of byName(patched)) {
    if (after.kind === "function") continue; // see signatures.ts
    const old = before.get(name);
    const change = old === undefined ? undefined : firstChange(name, old, after);
    if (change !== undefined) changes.push(change);
  }
  changes.push(...namelessEnumerations(original, patched));
  return changes.sort((a, b) => (a.structure < b.structure ? -1 : 1));
}

/** A unit may have several without a name that share names of theirs: those that stay as they are pair first, the rest by a name that both hold. */
function namelessEnumerations(original: readonly StructureLayout[], patched: readonly StructureLayout[]): readonly LayoutChange[] {
  const before = original.filter(isNameless);
  const take = (isPartner: (each: StructureLayout) => boolean): StructureLayout | undefined => {
    const at = before.findIndex(isPartner);
    return at < 0 ? undefined : before.splice(at, 1)[0];
  };
  const changed = patched.filter(isNameless).filter((after) => take((old) => textOf(old) === textOf(after)) === undefined);
  return changed.flatMap((after) => {
    const names = new Set(after.members.map(({ name }) => name));
    const old = take(({ members }) => members.some(({ name }) => names.has(name)));
    const [first] = old?.members ?? [];
    return old === undefined || first === undefined ? [] : enumerationChange(`enum of ${first.name}`, old, after) ?? [];
  });
}

const textOf = ({ members }: StructureLayout): string => members.map(({ name, type }) => `${name}=${type}`).join();

const isNameless = ({ kind, name }: StructureLayout): boolean => kind === "enum" && name === "";

/** A new name takes no number from anybody; one that takes another number changes what live data say. */
function enumerationChange(structure: string, before: StructureLayout, after: StructureLayout): LayoutChange | undefined {
  const old = new Map(before.members.map(({ name, type }) => [name, type]));
  const changed = after.members.find(({ name, type }) => old.has(name) && old.get(name) !== type);
  if (changed === undefined) return undefined;
  const was = old.get(changed.name) ?? "";
  return { structure, member: changed.name, change: "renumbered", before: Number(was), after: Number(changed.type), text: `${structure} has ${changed.name} as ${changed.type} instead of ${was}` };
}

/** A unit may know a name twice (two functions with a local structure each): the first one stands for it. */
function byName(layouts: readonly StructureLayout[]): ReadonlyMap<string, StructureLayout> {
  const found = new Map<string, StructureLayout>();
  for (const layout of layouts) {
    if (isNameless(layout)) continue;
    const name = `${layout.kind} ${layout.name}`;
    if (!found.has(name)) found.set(name, layout);
  }
  return found;
}

function firstChange(structure: string, before: StructureLayout, after: StructureLayout): LayoutChange | undefined {
  if (after.kind === "variable") return variableChange(structure, before, after);
  if (after.kind === "enum") return enumerationChange(structure, before, after);
  const old = new Map(before.members.map((member) => [member.name, member]));
  const current = new Set(after.members.map((member) => member.name));
  // What was added or removed comes first: it is the cause, and what moved behind it the consequence.
  const added = after.members.find((member) => !old.has(member.name));
  if (added !== undefined) {
    return { structure, member: added.name, change: "added", after: bytes(added.bitOffset), text: `${structure} gets a member ${added.name} at offset ${place(added)}${consequence(before, after)}` };
  }
  const removed = before.members.find((member) => !current.has(member.name));
  if (removed !== undefined) {
    return { structure, member: removed.name, change: "removed", before: bytes(removed.bitOffset), text: `${structure} loses its member ${removed.name} at offset ${place(removed)}${consequence(before, after)}` };
  }
  for (const member of after.members) {
    const change = memberChange(structure, old.get(member.name) ?? member, member);
    if (change !== undefined) return change;
  }
  if (before.size === after.size) return undefined;
  return { structure, change: "size", before: before.size, after: after.size, text: `${structure} is ${after.size} bytes long instead of ${before.size}` };
}

/** What an added or removed member does to the others. */
function consequence(before: StructureLayout, after: StructureLayout): string {
  const old = new Map(before.members.map((member) => [member.name, member]));
  const moved = after.members.find((member) => (old.get(member.name) ?? member).bitOffset !== member.bitOffset);
  const was = moved === undefined ? undefined : old.get(moved.name);
  if (moved !== undefined && was !== undefined) return `, which moves ${moved.name} from ${place(was)} to ${place(moved)}`;
  return before.size === after.size ? "" : `, which makes it ${after.size} bytes long instead of ${before.size}`;
}

/** Sizes are compared where the objects are; of an equal size, what the bits mean may still be another. */
function variableChange(structure: string, before: StructureLayout, after: StructureLayout): LayoutChange | undefined {
  const [was] = before.members;
  const [is] = after.members;
  if (was === undefined || is === undefined || was.type === is.type || before.size !== after.size) return undefined;
  return { structure, change: "retyped", text: `${structure} is ${is.type} instead of ${was.type}` };
}

function memberChange(structure: string, before: MemberLayout, after: MemberLayout): LayoutChange | undefined {
  const member = after.name;
  if (before.bitOffset !== after.bitOffset) {
    return { structure, member, change: "moved", before: bytes(before.bitOffset), after: bytes(after.bitOffset), text: `${structure} has ${member} at offset ${place(after)} instead of ${place(before)}` };
  }
  if (before.bitSize !== after.bitSize) {
    return { structure, member, change: "resized", before: before.bitSize / 8, after: after.bitSize / 8, text: `${structure} has a member ${member} of ${length(after)} instead of ${length(before)}` };
  }
  if (before.type === after.type) return undefined;
  return { structure, member, change: "retyped", text: `${structure} has a member ${member} of type ${after.type} instead of ${before.type}` };
}

const bytes = (bits: number): number => Math.floor(bits / 8);

/** The byte offset, and the bit for a bit-field. */
const place = ({ bitOffset }: MemberLayout): string => (bitOffset % 8 === 0 ? `${bytes(bitOffset)}` : `${bytes(bitOffset)}, bit ${bitOffset % 8}`);
const length = ({ bitSize }: MemberLayout): string => (bitSize % 8 === 0 ? `${bitSize / 8} bytes` : `${bitSize} bits`);
