// What a call of a patched function costs: one more direct jump. Measured in one process, before and with the patch, next
// to a function with the same body that is never patched and to one in a shared library.

import { cpus } from "node:os";
import { applyPatch, revertPatch, Tracer } from "../../native/mod.ts";
import { compileTarget, startTarget, type CompiledTarget, type Target } from "../../test/support/mod.ts";
import { formatTable } from "../table.ts";
import type { Benchmark } from "./benchmark.ts";
import { buildPatch } from "./patches.ts";
import { summarize } from "./statistics.ts";

/** Nanoseconds for one call of each. */
interface CallFigures {
  readonly patched: number;
  readonly plain: number;
  readonly library: number;
}

export const call: Benchmark = {
  name: "call",
  summary: "nanoseconds of a patched call, next to an unpatched one and one through the linkage table",
  run: async ({ runs }, say) => {
    await using tracer = await Tracer.start();
    const compiled = await compileCalls();
    const { image, name } = await buildPatch(tracer, compiled, "calls-in-a-loop.patch");
    // On one processor all the time, the last one, which has the fewest interrupts to serve.
    await using target = await startTarget("taskset", { parameters: ["-c", String(cpus().length - 1), compiled.program] });
    const before = await measureCalls(target, runs);
    say("without the patch");
    await applyPatch(tracer, image, target.pid);
    const during = await measureCalls(target, runs);
    say("with the patch");
    await revertPatch(tracer, name, target.pid);
    const after = await measureCalls(target, runs);
    say("without it again");
    return { text: describe({ before, during, after }), raw: { before, during, after } };
  },
};

async function compileCalls(): Promise<CompiledTarget> {
  const name = "calls-in-a-loop.c";
  const library = await compileTarget(name, { flags: ["-g", "-O2", "-fPIC", "-DLIBRARY"], link: ["-shared"] });
  return compileTarget(name, { flags: ["-g", "-O2", "-DUSES_LIBRARY"], link: [library.program, `-Wl,-rpath,${library.directory}`] });
}

async function measureCalls(target: Target, runs: number): Promise<readonly CallFigures[]> {
  const figures: CallFigures[] = [];
  for (let run = 0; run < runs; run++) {
    const from = target.lines.length;
    target.write("measure\n");
    const [, patched, , plain, , library] = (await target.line(/^patched /, from)).split(" ");
    figures.push({ patched: Number(patched), plain: Number(plain), library: Number(library) });
  }
  return figures;
}

function describe(phases: Readonly<Record<"before" | "during" | "after", readonly CallFigures[]>>): string {
  const titles = { before: "without the patch", during: "with the patch", after: "without it again" } as const;
  const rows = (Object.keys(titles) as (keyof typeof titles)[]).flatMap((phase) => (["patched", "plain", "library"] as const).map((key) => {
    const { minimum, median, p99 } = summarize(phases[phase].map((figures) => figures[key]));
    return [`${titles[phase]}: ${names[key]}`, ...[minimum, median, p99].map((figure) => figure.toFixed(3))];
  }));
  return formatTable([["ns a call, loop included", "min", "median", "p99"], ...rows]);
}

const names = { patched: "the function that is patched", plain: "one that never is", library: "one in a library" } as const;
