// A fix of a Debian source package as the tests see it: the package's own diff, what is known of it, and what the
// Creator can make of it.

import type { BuildResult } from "../../shell/results.ts";
import type { BuiltSource } from "../support/debian/build.ts";
import type { DebianSource } from "../support/debian/source.ts";

/** What can be asked of a server over its own protocol, and what it says before and after. */
export interface Question<Server> {
  readonly ask: (server: Server) => Promise<string>;
  /** Absent where the question ends a server that has not got the fix. */
  readonly vulnerable?: string;
  readonly fixed: string;
}

export interface Fix<Server> {
  /** File in debian/patches. */
  readonly patch: string;
  /** Fixes that the diff is written on top of: they are part of the same patch, before it. */
  readonly on?: readonly string[];
  /** Functions that the running server gets new; others may come along where the compiler inlined. */
  readonly functions?: readonly string[];
  readonly question?: Question<Server>;
  /** The kind of the right refusal, and what its message names. */
  readonly refused?: { readonly kind: string; readonly says: string };
  /** What the table of docs/CVES.md says of it: what a client sees, or why no client of the test's server can. */
  readonly effect: string;
}

export type FixOutcome =
  | { readonly kind: "built"; readonly built: BuildResult; readonly image: string; readonly bytes: number }
  | { readonly kind: "refused"; readonly error: { readonly kind: string; readonly message: string } };

export interface PatchedProgram extends BuiltSource {
  readonly source: DebianSource;
  readonly server: string;
}

/** The package's patches from its first fix on, with what is known of each. One that nobody knows has to be taken and given back all the same. */
export function fixesOf<Server>({ source }: PatchedProgram, base: string, known: readonly Fix<Server>[]): readonly Fix<Server>[] {
  const names = source.series.slice(source.series.findIndex((entry) => entry.endsWith(base)) + 1);
  return names.map((patch) => known.find((fix) => fix.patch === patch) ?? { patch, effect: "not in the tests' table yet" });
}

export const diffsOf = <Server>({ patch, on = [] }: Fix<Server>): readonly string[] => [...on, patch];

export const nameOf = ({ patch }: { readonly patch: string }): string => patch.replace(/\.patch$/, "");
