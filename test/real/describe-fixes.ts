// The tests of one package's fixes, one after the other on one loaded server: taken and given back, or refused with the
// right reason, and in the table of docs/CVES.md with that verdict.

import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { cvesFile, verdictsIn } from "../../scripts/cves.ts";
import { buildFixes } from "./build-fixes.ts";
import { nameOf, type Fix, type FixOutcome, type PatchedProgram } from "./fix.ts";
import { keepResults, resultOf, type FixResult } from "./results.ts";
import { goRound, type Load, type RunningServer } from "./round.ts";

export interface FixTests<Server extends RunningServer> {
  readonly program: PatchedProgram;
  readonly fixes: readonly Fix<Server>[];
  /** For the images. */
  readonly directory: string;
  /** Called in the tests: the server that takes every fix, and the load on it. */
  readonly stage: () => { readonly server: Server; readonly load: Load };
}

export function describeFixes<Server extends RunningServer>({ program, fixes, directory, stage }: FixTests<Server>): (fix: Fix<Server>) => Promise<FixOutcome> {
  const outcomeOf = buildFixes(program, directory, fixes);
  const results: FixResult[] = [];
  for (const fix of fixes) {
    it(titleOf(fix), async () => {
      const outcome = await outcomeOf(fix);
      expect(outcome).toMatchObject(expectedOutcome(fix));
      const { server, load } = stage();
      const stops = outcome.kind === "built" ? await goRound(server, load, fix, outcome) : undefined;
      results.push(resultOf(fix, outcome, stops));
    });
  }
  it(`has every verdict on ${program.source.name} ${program.source.version} in docs/CVES.md (npm run cves)`, async () => {
    const kept = await keepResults(program, results);
    expect(results.map(({ fix }) => fix)).toEqual(fixes.map(nameOf));
    expect(verdictsIn(await readFile(cvesFile, "utf8"), kept.program)).toMatchObject(Object.fromEntries(results.map(({ fix, verdict }) => [fix, verdict])));
  });
  return outcomeOf;
}

const titleOf = <Server>(fix: Fix<Server>): string =>
  fix.refused === undefined ? `takes ${nameOf(fix)} under load and gives it back` : `is not offered ${nameOf(fix)}: ${fix.refused.kind}, ${fix.refused.says}`;

function expectedOutcome<Server>({ refused }: Fix<Server>): object {
  if (refused === undefined) return { kind: "built" };
  const message: unknown = expect.stringContaining(refused.says);
  return { kind: "refused", error: { kind: refused.kind, message } };
}
