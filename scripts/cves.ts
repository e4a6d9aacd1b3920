// `npm run cves`: writes docs/CVES.md, what became of every fix that Debian's source packages of redis and nginx carry,
// from the last run of the tests (`npm run test:real`).

import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { readResults, type FixResult, type ProgramResults } from "../test/real/results.ts";

export const cvesFile = fileURLToPath(new URL("../docs/CVES.md", import.meta.url));
const programs = ["redis", "nginx"];

export function formatCves(results: readonly ProgramResults[]): string {
  return `# Real fixes on real programs

Every security fix that Debian's source packages of redis and nginx carry, in the newest version that the mirror gives (named in each heading). The program is the package without its fixes, compiled with \`-g -O2\`, running under
load; nginx with a master and two workers, always patched in one stop. **patched**: the package's unchanged diff is built, applied and reverted, no request of the load fails, the code is
afterwards what it was, and where a client can see the fix, it sees it come and go. **refused**: it cannot be right for a running program. Written from a run of
the tests by \`npm run cves\`, on a busy machine of two cores; do not edit. The tests check the verdicts.

${results.map(formatProgram).join("\n")}`;
}

function formatProgram({ program, version, unavailable = [], fixes }: ProgramResults): string {
  const count = fixes.filter(({ verdict }) => verdict === "patched").length;
  const newer = unavailable.length === 0 ? "" : `The mirror's lists named ${unavailable.join(", ")} too, which it did not have.\n\n`;
  return `## ${program} ${version}: ${count} of ${fixes.length} patched

${newer}| fix | | functions | image, KiB | built in, s | working threads held, µs: apply, revert | |
|---|---|---|---|---|---|---|
${fixes.map(formatFix).join("\n")}
`;
}

function formatFix(result: FixResult): string {
  const { fix, on, verdict, functions = [], imageBytes, buildMilliseconds, stops, effect, reason } = result;
  const cells = [
    fix + (on.length > 0 ? `, with ${on.join(", ")}` : ""),
    verdict,
    functions.length > 0 ? String(functions.length) : "",
    imageBytes === undefined ? "" : (imageBytes / 1024).toFixed(1),
    buildMilliseconds === undefined ? "" : (buildMilliseconds / 1000).toFixed(1),
    stops === undefined ? "" : [stops.apply, stops.revert].map(({ workingMicroseconds }) => Math.round(workingMicroseconds)).join(", "),
    reason === undefined ? effect : `${effect}. ${reason}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** The verdicts on a program's fixes, by their names. */
export function verdictsIn(text: string, program: string): Readonly<Record<string, string>> {
  const section = text.split(/^## /m).find((each) => each.startsWith(`${program} `)) ?? "";
  return Object.fromEntries([...section.matchAll(/^\| ([^ ,]+)(?:, with [^|]+)? \| (patched|refused) \|/gm)].map(([, fix = "", verdict = ""]) => [fix, verdict]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(cvesFile, formatCves(await Promise.all(programs.map(readResults))));
