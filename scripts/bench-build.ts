// `npm run bench:build`: how long `suture build` takes for Debian's fixes of redis, next to the floor, which is two plain
// compilations of each unit that it has to compile, as many at a time as there are cores; and how large the images are,
// next to the code of the functions in them. A table on standard output, all raw figures as JSON.
//
//   npm run bench:build -- [--runs 5] [--short | --long] [--out FILE]
//
// --short leaves out the headers, whose units take minutes to compile; --long leaves out the others.

import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readCompileCommands } from "../native/create/compile-commands.ts";
import { formatInvocation, readInvocation, type Invocation } from "../native/create/invocation.ts";
import { createPatchImage, readDiff, Tracer, type PatchManifest } from "../native/mod.ts";
import { mapParallel } from "../native/create/parallel.ts";
import { runProgram } from "../native/create/run-program.ts";
import { buildRedis, type RedisBuild } from "../test/real/redis-build.ts";
import { cacheDirectory } from "../test/support/cache.ts";
import { patchFile } from "../test/support/debian/source.ts";
import { summarize } from "./bench/statistics.ts";
import { formatTable } from "./table.ts";

interface Case {
  readonly title: string;
  readonly patch: string;
  /** A whole program's compilations are not repeated as often. */
  readonly isLong?: boolean;
}

const cases: readonly Case[] = [
  { title: "one small unit", patch: "CVE-2025-49844.patch" },
  { title: "one unit", patch: "0006-CVE-2025-32023.patch" },
  { title: "one large unit", patch: "0001-Limiting-output-buffer-for-unauthenticated-client-CV.patch" },
  { title: "three units", patch: "CVE-2026-25243.patch" },
  { title: "a prototype in a common header", patch: "0007-CVE-2025-48367.patch", isLong: true },
  { title: "code in a header of every unit", patch: "CVE-2025-67733.patch", isLong: true },
];

interface Figures extends Case {
  readonly units: number;
  readonly floor: readonly number[];
  /** Dependencies known, no object kept. */
  readonly cold: readonly number[];
  /** The same build again. */
  readonly again: readonly number[];
  readonly imageBytes: number;
  readonly codeBytes: number;
}

/** Node reads all certificates of that file before it runs anything: 40 ms that few environments ask for. */
const asOrdinarily = { NODE_EXTRA_CA_CERTS: undefined };

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({ options: { runs: { type: "string", default: "5" }, short: { type: "boolean", default: false }, long: { type: "boolean", default: false }, out: { type: "string" } } });
const runs = Number(values.runs);
const directory = await mkdtemp(join(tmpdir(), "suture-bench-"));
const imageFile = join(directory, "fix.suture");
try {
  const redis = await buildRedis();
  // As it is after a program's first patch: what includes what is kept. Nothing else that is read of the program is.
  await mkdir(join(directory, "suture"));
  await symlink(await cacheDirectory("dependencies"), join(directory, "suture/dependencies"));
  const figures: Figures[] = [];
  for (const each of cases.filter(({ isLong = false }) => !(isLong ? values.short : values.long))) {
    figures.push(await measure(redis, each));
    process.stderr.write(`measured ${each.title}\n`);
  }
  print(figures);
  await writeRaw(figures);
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function measure(redis: RedisBuild, each: Case): Promise<Figures> {
  const repetitions = each.isLong === true ? 1 : runs;
  const { units, manifest } = await describe(redis, each);
  const floor: number[] = [];
  const cold: number[] = [];
  const again: number[] = [];
  // What includes what is known from here on: it is kept by the command, which names the directory of our own header, as the program calls it.
  await build(redis, each);
  for (let run = 0; run < repetitions; run++) {
    floor.push(await timed(() => compilePlainly(units)));
    await rm(join(directory, "suture", "objects"), { recursive: true, force: true });
    cold.push(await timed(() => build(redis, each)));
    again.push(await timed(() => build(redis, each)));
  }
  const functions = manifest.objects.flatMap((object) => [...object.functions, ...object.added]);
  return {
    ...each, units: units.length, floor, cold, again,
    imageBytes: (await stat(imageFile)).size, codeBytes: functions.reduce((sum, { newSize }) => sum + newSize, 0),
  };
}

/** The whole command, with a cache of its own. */
async function build(redis: RedisBuild, { patch }: Case): Promise<void> {
  const words = ["build", patchFile(redis.source, patch), "--source", redis.tree, "--target", redis.server, "-o", imageFile];
  const { status, errors } = await runProgram(process.execPath, [join(root, "dist/suture.js"), ...words], { directory: root, environment: { XDG_CACHE_HOME: directory, ...asOrdinarily } });
  if (status !== 0) throw new Error(`suture build of ${patch} ended with ${status}: ${errors}`);
}

/** Which units are compiled, and what comes out. */
async function describe(redis: RedisBuild, { patch }: Case): Promise<{ units: readonly Invocation[]; manifest: PatchManifest }> {
  let names: readonly string[] = [];
  await using tracer = await Tracer.start();
  const diff = await readDiff(patchFile(redis.source, patch));
  const { manifest } = await createPatchImage(tracer, [diff], {
    source: redis.tree, target: redis.server, onProgress: (progress) => {
      if (progress.step === "units") names = progress.units;
    },
  });
  const commands = await readCompileCommands({ source: redis.tree });
  const files = names.map((name) => join(redis.tree, name));
  return { units: await Promise.all(commands.filter(({ file }) => files.includes(file)).map(readInvocation)), manifest };
}

async function compilePlainly(units: readonly Invocation[]): Promise<void> {
  await mapParallel([...units, ...units], availableParallelism(), async (unit, index) => {
    const words = formatInvocation(unit, ["-c", "-o", join(directory, `${index}.o`)]);
    const { status, errors } = await runProgram(unit.compiler, words, { directory: unit.directory });
    if (status !== 0) throw new Error(`${unit.compiler} ${words.join(" ")} ended with ${status}: ${errors}`);
  });
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function print(figures: readonly Figures[]): void {
  console.log(formatTable([
    ["median, ms", "units", "floor", "goal", "build", "again", "code, bytes", "image, bytes"],
    ...figures.map(({ title, units, floor, cold, again, codeBytes, imageBytes }) => {
      const least = median(floor);
      return [title, units, Math.round(least), Math.round(1.3 * least + 200), Math.round(median(cold)), Math.round(median(again)), codeBytes, imageBytes];
    }),
  ]));
}

function median(figures: readonly number[]): number {
  return summarize(figures).median;
}

async function writeRaw(figures: readonly Figures[]): Promise<void> {
  const out = resolve(values.out ?? join(root, "bench", `build-${new Date().toISOString().replace(/[:.]/g, "-")}.json`));
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, `${JSON.stringify({ node: process.version, cores: availableParallelism(), figures }, null, 2)}\n`);
  console.log(`\nraw figures: ${out}`);
}
